"""Nuisance functions: smooth main effects, which are removed before a pair is tested."""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import qr
from scipy.stats import norm, rankdata
from sklearn.preprocessing import SplineTransformer

from skgeh.tables.features import Features

KNOTS = (60, 40, 25, 15, 9, 5, 3)  # of splines; the first number that the rows allow is taken
SHARE = 5  # least number of rows per column of splines
LEAST = 3  # columns of a feature without knots: its values, their normal scores and the squares
RANK = 1e-9  # columns below this share of the largest are combinations of others
TINY = np.finfo(float).tiny


def main_effect_basis(X: NDArray | Features, information: float = 1.0) -> NDArray[np.float64]:
    """Orthonormal basis of additive functions: the constant, and functions of every feature.

    These are cubic splines of the normal scores of its ranks, which follow a bend wherever the rows
    are, and its values; or all functions of a feature with few distinct values, such as a category.
    Where rows are few, there are values, scores and squared scores: never lines alone, or else
    products of correlated features would stand for curvature.

    Parameters
    ----------
    X : ndarray of shape (n, d), or Features
    information : float, default=1.0
        Information of a row about the target, relative to a row with a number as target.

    Returns
    -------
    ndarray of shape (n, r)
        ``r <= n / 5``, unless functions without knots are already more.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(300, 2))
    >>> main_effect_basis(X).shape, main_effect_basis(X[:60]).shape
    ((300, 55), (60, 11))
    """
    features = X if isinstance(X, Features) else Features.alone(X)
    n = len(features.X)
    room = n * information / SHARE
    knots = next((k for k in KNOTS if sum(sizes(features, k + 2)) < room), 0)
    spare = sum(sizes(features, LEAST)) < room
    columns = [np.ones((n, 1))]
    for mine, levels in zip(features.columns, features.levels, strict=True):
        if levels is not None:
            columns.append(np.eye(levels.max() + 1)[levels])
            continue
        columns += [main_effect(features.X[:, j], knots, spare) for j in mine]
        if len(mine) > 1:
            scores = normal_scores(features.X[:, mine])
            first, second = np.triu_indices(len(mine), 1)
            columns.append(scores[:, first] * scores[:, second])
    return orthonormal(np.hstack(columns))


def orthonormal(columns: NDArray) -> NDArray[np.float64]:
    """Orthonormal basis of columns (n, m), some of which may be combinations of others."""
    Q, R, _ = qr(
        columns / np.maximum(np.linalg.norm(columns, axis=0), TINY), mode="economic", pivoting=True
    )
    size = np.abs(np.diag(R))
    return Q[:, size > RANK * size[0]]


def sizes(features: Features, most: int) -> list[int]:
    """Number of functions of each feature, at most `most` for each column that holds numbers."""
    found = []
    for mine, levels in zip(features.columns, features.levels, strict=True):
        if levels is not None:
            found.append(int(levels.max()))
        else:
            found += [min(len(np.unique(features.X[:, j])) - 1, most) for j in mine]
    return found


def main_effect(x: NDArray, n_knots: int, spare: bool = True) -> NDArray[np.float64]:
    """Functions of one feature: with `spare` rows the values, and splines of normal scores.

    If the knots do not resolve fewer values, these are all functions of the values; without knots,
    the scores and their squares.
    """
    values, places = np.unique(x, return_inverse=True)
    if len(values) <= max(n_knots + 2, 3):
        return np.eye(len(values))[places]
    z = normal_scores(x[:, None])[:, 0]
    line = ((x - x.mean()) / x.std())[:, None][:, : 1 if spare else 0]
    knots = np.unique(np.quantile(z, np.linspace(0, 1, n_knots))) if n_knots else np.zeros(0)
    if len(knots) < 3:
        return np.column_stack([line, z, z**2 - (z**2).mean()])
    splines = SplineTransformer(degree=3, knots=knots[:, None]).set_output(transform="default")
    splines = splines.fit_transform(z[:, None])
    return np.column_stack([line, splines])


def normal_scores(X: NDArray) -> NDArray[np.float64]:
    """Normal scores of the ranks of each column, which are 0 for a constant, shape (n, d)."""
    return norm.ppf((rankdata(X, axis=0) - 0.5) / len(X))
