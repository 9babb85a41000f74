"""Smooth shapes of pairs, known before any data: polynomials times polynomials or levels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import block_diag
from scipy.stats import rankdata

from skgeh.tables.features import Features

DEGREES = (2, 1)  # degrees of polynomials; the first with few enough shapes is taken
RARE = 5  # rows; rarer levels of a category have no shape of their own


@dataclass(frozen=True, eq=False)
class SmoothShapes:
    """Functions of both features of each pair, and the shapes to be scored among their span.

    Parameters
    ----------
    functions : ndarray of shape (n, q, s)
        0 beyond a pair's own number of functions.
    directions : ndarray of shape (q, u, s)
        Coefficients of the functions in each shape.
    weights : ndarray of shape (q, u)
        Of each shape, which sum to 1 for each pair; 0 beyond a pair's own number of shapes.
    """

    functions: NDArray[np.float64]
    directions: NDArray[np.float64]
    weights: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Side:
    """Functions of one feature, (n, m), the directions (u, m) in their span, and weights (u,).

    The degree is that of polynomials, 0 for a category.
    """

    functions: NDArray[np.float64]
    directions: NDArray[np.float64]
    weights: NDArray[np.float64]
    degree: int = 0


def smooth_shapes(X: NDArray | Features, pairs: NDArray, max_shapes: int) -> SmoothShapes:
    """Products of functions of two features, at most `max_shapes` for each pair.

    Of numbers, the functions are Legendre polynomials of ranks, of degrees 1 and 2 or 1 alone; of a
    category, indicators of its levels but one, which are scored each level against the rest. The
    weights fall with the degrees as ``1 / (a b)^2``, since most interactions are smooth, and levels
    share theirs. If there are too many products, rare levels go first.
    """
    features = X if isinstance(X, Features) else Features.alone(X)
    sides: dict[int, list[_Side]] = {}
    found = []
    for i, j in pairs.tolist():
        for k in (i, j):
            if k not in sides:
                sides[k] = _sides(features, k)
        found.append(_product(sides[i], sides[j], max_shapes))
    size = max((one.functions.shape[1] for one in found), default=0)
    count = max((len(one.weights) for one in found), default=0)
    functions = np.zeros((len(features.X), len(pairs), size))
    directions, weights = np.zeros((len(pairs), count, size)), np.zeros((len(pairs), count))
    for k, one in enumerate(found):
        u, m = one.directions.shape
        functions[:, k, :m] = one.functions
        directions[k, :u, :m] = one.directions
        weights[k, :u] = one.weights
    return SmoothShapes(functions, directions, weights)


def _product(first: list[_Side], second: list[_Side], most: int) -> _Side:
    """Products of the richest two sides that have at most so many functions."""
    options = [
        (a.functions.shape[1] * b.functions.shape[1], k + m, a, b)
        for k, a in enumerate(first)
        for m, b in enumerate(second)
        if 0 in (a.degree, b.degree) or a.degree == b.degree
    ]
    fitting = [option for option in options if option[0] <= most]
    _, _, a, b = max(fitting, key=lambda option: (option[0], -option[1]))
    products = a.functions[:, :, None] * b.functions[:, None, :]
    return _Side(
        products.reshape(len(products), -1),
        np.kron(a.directions, b.directions).astype(float),
        np.kron(a.weights, b.weights).astype(float),
    )


def _sides(features: Features, j: int) -> list[_Side]:
    """Functions of a feature, from the richest choice to none."""
    n = len(features.X)
    none = _Side(np.zeros((n, 0)), np.zeros((0, 0)), np.zeros(0))
    levels = features.levels[j]
    if levels is not None:
        counts = np.bincount(levels)
        often = np.argsort(-counts, kind="stable")
        often = often[1 : max(2, int((counts >= RARE).sum()))]
        return [*(_of_levels(levels, often[:k]) for k in range(len(often), 0, -1)), none]
    return [*(_of_numbers(features.X[:, features.columns[j]], k) for k in DEGREES), none]


def _of_levels(levels: NDArray, often: NDArray) -> _Side:
    """Some levels of a category against all others, and then these others against them."""
    indicators = (levels[:, None] == often).astype(float)
    functions = indicators - indicators.mean(0)
    functions /= np.maximum(functions.std(0), np.finfo(float).tiny)
    size = len(often)
    directions = np.eye(size)
    if size > 1:
        directions = np.vstack([directions, -indicators.std(0)])
    return _Side(functions, directions, np.full(len(directions), 1 / len(directions)))


def _of_numbers(X: NDArray, degree: int) -> _Side:
    """Polynomials of the ranks of each column, as far as its number of values allows."""
    parts = []
    for x in X.T:
        degrees = min(degree, max(1, len(np.unique(x)) - 1))
        orders = np.arange(1, degrees + 1)
        parts.append((legendre(x[:, None], degrees)[:, 0], np.eye(degrees), 1 / orders**2.0))
    functions, directions, weights = zip(*parts, strict=True)
    joint = np.concatenate(weights)
    return _Side(np.hstack(functions), block_diag(*directions), joint / joint.sum(), degree)


def legendre(X: NDArray, degree: int) -> NDArray[np.float64]:
    """Legendre polynomials of degrees 1 to `degree` of each feature's ranks, (n, d, degree).

    Examples
    --------
    >>> legendre(np.array([[3.0], [1.0], [2.0]]), 1)[:, 0, 0].round(2).tolist()
    [1.15, -1.15, 0.0]
    """
    u = (2 * rankdata(X, axis=0) - 1) / len(X) - 1
    powers = [np.polynomial.Legendre.basis(k)(u) * np.sqrt(2 * k + 1) for k in range(degree + 1)]
    return np.stack(powers, axis=2)[..., 1:]
