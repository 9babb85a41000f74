"""The ANOVA process: a Gaussian process over main effects, pairs and triples, in closed form.

Answers: the posterior over functions given a table, the noise, and leave-one-out predictions.
In: a `Task`. Out: a `Learned`, whose posterior has exact draws and scores pairs by their evidence.
Rests on `geh` and `tables`. Read `_smooth_basis.py`, `_anova.py`, `_gaussian_process.py`, then
`family.py`; `_laplace.py` extends them to labels.
"""
