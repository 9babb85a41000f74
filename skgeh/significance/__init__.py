"""Which interactions are real: tests in closed form, and on rows that a model did not learn from.

Answers: a p-value per pair, corrected for many pairs, and a lower bound on each pair's strength.
In: a table, and an estimator of any kind, whose own fit is not used. Out: a `TestResult`.
Rests on `estimators` and all layers below. Read `score.py` and `result.py` first, then
`crossfit.py` and `_regressions.py`.
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
