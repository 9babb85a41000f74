"""A Gaussian process on a functional ANOVA: main effects and pairs, in closed form.

Answers: which functions are plausible, given a table, without training; and how well each row is
predicted without its unit.
In: a `Task`. Out: a `Learned` from `GaussianProcess.learn`, whose draws are exact.
Rests on `geh` and `tables`. Read `family.py` first, then `_newton.py`, `_screen.py`,
`_products.py` and `_model.py`.
"""
