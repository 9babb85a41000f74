"""Short fits to a small table."""

import numpy as np

from skgeh import BayesianInteractionRegressor


def small(**parameters):
    defaults = {"posterior": "concrete_dropout", "hidden_layer_sizes": (20, 20), "max_epochs": 10}
    defaults |= {"n_draws": 50, "random_state": 0}
    return BayesianInteractionRegressor(**{**defaults, **parameters})


def product(n=300, d=3, noise=0.1, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    return X, X[:, 0] * X[:, 1] + X[:, -1] + noise * rng.normal(size=n)
