"""Views of posteriors: in other units, by groups of columns, or with finite differences.

Answers: how the same draws look in other units, by groups, or over finite steps.
In: a `RandomFunction`. Out: another one; Hessian kernels for its draws are registered here.
Rests on the functions and Hessians of `geh`. Read `_view.py` first, then `units.py`.
"""
