"""Short runs of the cross-fitted test."""

import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures

from skgeh import BayesianInteractionRegressor, crossfit_test

NAMES = ("age", "bmi", "dose", "site")


def products(model=None):
    """The cheapest model that has interactions."""
    return make_pipeline(PolynomialFeatures(2), model or Ridge())


def small(**parameters):
    given = {"hidden_layer_sizes": (16, 16), "max_epochs": 15, **parameters}
    return BayesianInteractionRegressor(**given)


def table(n=300, d=4, strength=1.0, seed=0):
    """x0 and x1 interact; x2 and x3 have main effects."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    y = strength * X[:, 0] * X[:, 1] + X[:, 2] + np.sin(2 * X[:, -1]) + rng.normal(size=n)
    return X, y


def quick(X, y, estimator=None, **given):
    estimator = products() if estimator is None else estimator
    return crossfit_test(estimator, X, y, **{"variance_inflation": 2, "random_state": 0, **given})


def same(first, second):
    names = ["p_value", "statistic", "fold_scores", "shape_scores", "strength", "strength_std"]
    if first.confirmed_effect is not None:
        names += ["confirmed_effect", "confirmed_std"]
    return all(
        np.array_equal(getattr(first, name), getattr(second, name), equal_nan=True)
        for name in names
    )


def logistic():
    return products(LogisticRegression(max_iter=1000))


def once(estimator, X, y, **given):
    return quick(X, y, estimator, **{"n_repeats": 1, **given})
