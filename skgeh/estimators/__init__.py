"""The estimators: the scikit-learn interface to a posterior over functions.

Answers: a fitted model, its predictions, and the first table of interactions.
In: X, y, weights. Out: `interactions_`, `predict`, and a `Trainer` for refits.
Rests on `posteriors`, `geh` and `tables`. Read `base.py` first, then `parameters.py`.
"""

from skgeh.estimators.base import InteractionEstimator
from skgeh.estimators.classifier import BayesianInteractionClassifier
from skgeh.estimators.parameters import check_auto
from skgeh.estimators.regressor import BayesianInteractionRegressor

__all__ = [
    "BayesianInteractionClassifier",
    "BayesianInteractionRegressor",
    "InteractionEstimator",
    "check_auto",
]
