"""Find which features of a table interact, how strongly, where, and how sure one can be."""

from skgeh import datasets, networks, symbolic
from skgeh.display import InteractionDisplay
from skgeh.estimators import BayesianInteractionClassifier, BayesianInteractionRegressor
from skgeh.posterior import Interactions
from skgeh.selector import GEHSelector
from skgeh.testing import crossfit_test, permutation_test
from skgeh.trained import exemplars, interactions_of

__all__ = [
    "BayesianInteractionClassifier",
    "BayesianInteractionRegressor",
    "GEHSelector",
    "InteractionDisplay",
    "Interactions",
    "crossfit_test",
    "datasets",
    "exemplars",
    "interactions_of",
    "networks",
    "permutation_test",
    "symbolic",
]
__version__ = "0.1.0"
