"""Find which features of a table interact, how strongly, where, and how sure one can be."""

from skgeh import datasets, networks, symbolic
from skgeh.display import InteractionDisplay
from skgeh.estimators import BayesianInteractionRegressor
from skgeh.posterior import Interactions
from skgeh.selector import GEHSelector
from skgeh.testing import crossfit_test, permutation_test

__all__ = [
    "BayesianInteractionRegressor",
    "GEHSelector",
    "InteractionDisplay",
    "Interactions",
    "crossfit_test",
    "datasets",
    "networks",
    "permutation_test",
    "symbolic",
]
__version__ = "0.1.0"
