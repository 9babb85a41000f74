"""Posteriors seen in another way: other units, groups of columns, finite differences.

Answers: the same questions about the same draws, from another point of view.
In: a `RandomFunction`. Out: another one; Hessian kernels of its draws are registered here.
Rests on the functions and Hessians of `geh`. Read `view.py` first, then `units.py`.
"""
