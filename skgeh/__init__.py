"""Find which features of a table interact, how strongly, where, and how sure one can be."""

from skgeh import datasets, networks
from skgeh.display import InteractionDisplay
from skgeh.estimators import BayesianInteractionRegressor
from skgeh.posterior import Interactions

__all__ = [
    "BayesianInteractionRegressor",
    "InteractionDisplay",
    "Interactions",
    "datasets",
    "networks",
]
__version__ = "0.1.0"
