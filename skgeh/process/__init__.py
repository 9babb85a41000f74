"""The ANOVA process: a Gaussian process over main effects, pairs and triples, in closed form.

Answers: the posterior of a function given a table, its noise, and predictions without each row.
In: a `Task`. Out: a `Learned`, whose posterior draws exactly and scores pairs by their evidence.
Rests on `geh` and `tables`. Read `smooth_basis.py`, `anova.py`, `gaussian_process.py`, then
`family.py`; `laplace.py` teaches it labels.
"""
