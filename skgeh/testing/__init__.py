"""Which interactions are real: tests on rows that a model did not learn from."""

from skgeh.testing.crossfit import crossfit_test
from skgeh.testing.permutation import permutation_test
from skgeh.testing.result import CrossfitResult, PermutationResult

__all__ = ["CrossfitResult", "PermutationResult", "crossfit_test", "permutation_test"]
