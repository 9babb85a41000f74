"""Tables, and the null models that are asked about their pairs."""

import numpy as np

from skgeh.geh.likelihoods import CrossEntropy, SquaredError
from skgeh.geh.pairs import pair_index
from skgeh.geh.task import Task
from skgeh.process import _null_model
from skgeh.process._feature_pairs import FeaturePairs
from skgeh.process._null_model import null_models
from skgeh.process._screen import Sizes
from tests.process.dense import standard

SIZES = Sizes(8, 3)


def task(X, y, weight=None, units=None):
    y = standard(y if y.ndim > 1 else y[:, None])
    weight = np.ones(len(X)) if weight is None else weight
    return Task(standard(X), y, weight, SquaredError(), units)


def labels(X, y):
    return Task(standard(X), y[:, None].astype(float), np.ones(len(X)), CrossEntropy(0.69))


def asked(given, features=None, pairs=None):
    features = [[j] for j in range(given.X.shape[1])] if features is None else features
    pairs = pair_index(len(features)) if pairs is None else pairs
    return FeaturePairs(_null_model.main_effects(given, SIZES), features, pairs, SIZES.pair)


def models(given, features=None, pairs=None, **options):
    return null_models(given, asked(given, features, pairs), **options)


def entered(model):
    return set(model.rows.model.products.sections)


def table(n=400, d=5, noise=0.5, seed=0, correlation=0.0):
    """x0 x1 and a line."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) + correlation * rng.normal(size=(n, 1))
    return X, X[:, 0] * X[:, 1] + X[:, 2] + noise * rng.normal(size=n)


def in_units(n_units=60, size=5, level=0.0, seed=0, copies=False):
    """Features of rows or, as copies, of units, and noise with a level of each unit."""
    rng = np.random.default_rng(seed)
    units = np.repeat(np.arange(n_units), size)
    n = n_units if copies else len(units)
    X, noise = rng.normal(size=(n, 3)), rng.normal(size=n)
    if copies:
        X, noise = X[units], noise[units]
    return X, X[:, 0] + level * rng.normal(size=n_units)[units] + noise, units


def categories(n=300, seed=0, levels=3):
    """A category's columns, then two numbers; the slope of the first one depends on the level."""
    rng = np.random.default_rng(seed)
    level, X = rng.integers(0, levels, n), rng.normal(size=(n, 2))
    y = X[:, 0] * np.array([1, -1, 0, 0])[level] + X[:, 1] + 0.5 * rng.normal(size=n)
    return np.column_stack([np.eye(levels)[level], X]), y


CATEGORY = [[0, 1, 2], [3], [4]]
