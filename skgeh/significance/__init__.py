"""Which interactions are real: tests on rows that a model did not learn from.

Answers: a p-value per pair, corrected for many pairs, and a lower bound on each pair's strength.
In: an estimator of any kind and a table. Out: a `TestResult`; the estimator's own fit is not used.
Rests on `estimators` and all layers below. Read `crossfit.py` first, then
`_regressions.py` and `result.py`.
"""

from skgeh.significance.crossfit import crossfit_test
from skgeh.significance.permutation import permutation_test
from skgeh.significance.result import CrossfitResult, PermutationResult
from skgeh.significance.score import ScoreResult, score_test

__all__ = [
    "CrossfitResult",
    "PermutationResult",
    "ScoreResult",
    "crossfit_test",
    "permutation_test",
    "score_test",
]
