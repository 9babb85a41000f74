"""Estimators: scikit-learn's face of a posterior over functions."""

from skgeh.estimators.base import MIN_ROWS, InteractionEstimator
from skgeh.estimators.classifier import BayesianInteractionClassifier
from skgeh.estimators.parameters import check_auto
from skgeh.estimators.regressor import BayesianInteractionRegressor

__all__ = [
    "MIN_ROWS",
    "BayesianInteractionClassifier",
    "BayesianInteractionRegressor",
    "InteractionEstimator",
    "check_auto",
]
