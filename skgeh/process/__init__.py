"""A Gaussian process on a functional ANOVA: main effects and pairs, in closed form.

Answers: which functions are plausible, given a table, without training; how well each row is
predicted without its unit; and which pairs interact, by score tests, with effects and intervals.
In: a `Task`. Out: a `Learned` from `GaussianProcess.learn`, whose draws are exact; `PairTests`.
Rests on `geh` and `tables`. Read `family.py` first, then `_newton.py`, `_screen.py`,
`_products.py` and `_model.py`; of the tests `decide.py`, then `_null_model.py`,
`_pair_statistics.py` and `_p_values.py`.
"""
