"""Which interactions are real: tests on rows that a model did not learn from."""

from skgeh.testing.crossfit import crossfit_test
from skgeh.testing.result import CrossfitResult

__all__ = ["CrossfitResult", "crossfit_test"]
