"""Which interactions are real: tests on rows that a model did not learn from.

Answers: a p-value for every pair, corrected for many pairs, and how strong a pair is at least.
In: an estimator of any kind and a table. Out: a `TestResult`; nothing here reads a posterior.
Rests on `estimators` and all below. Read `crossfit.py` first, then `scores.py` and `result.py`.
"""

from skgeh.significance.crossfit import crossfit_test
from skgeh.significance.permutation import permutation_test
from skgeh.significance.result import CrossfitResult, PermutationResult

__all__ = ["CrossfitResult", "PermutationResult", "crossfit_test", "permutation_test"]
