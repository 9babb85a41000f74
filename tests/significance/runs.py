"""Short runs of the permutation test."""

import numpy as np

from skgeh import BayesianInteractionRegressor, permutation_test


def small(**parameters):
    defaults = {"hidden_layer_sizes": (8,), "n_networks": 1, "max_epochs": 4}
    return BayesianInteractionRegressor(**{**defaults, **parameters})


def product(n=80, noise=0.5, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    return X, X[:, 0] * X[:, 2] + noise * rng.normal(size=n)


def answer(estimator=None, data=None, **parameters):
    defaults = {"n_permutations": 19, "random_state": 0}
    return permutation_test(estimator or small(), *(data or product()), **defaults | parameters)


def assert_same(one, two):
    """Bit by bit."""
    for name in ("statistic", "null", "p_value"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


def leave_chunks(path, count):
    """The file as it was when `count` chunks were done."""
    with np.load(path) as file:
        held = dict(file)
    for start in sorted((name for name in held if name.isdigit()), key=int)[count:]:
        del held[start]
    with open(path, "wb") as file:
        np.savez(file, **held)
