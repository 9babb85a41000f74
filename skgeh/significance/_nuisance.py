"""Nuisance functions: smooth main effects, which are removed before a pair is tested."""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import qr
from scipy.stats import rankdata
from sklearn.preprocessing import SplineTransformer

DEGREES = (2, 1)  # degrees of smooth shapes; the first with few enough shapes is taken
KNOTS = (5, 3)  # numbers of quantile knots; the first that the rows allow is taken, or else lines
SHARE = 5  # least number of rows per column
RANK = 1e-9  # columns below this share of the largest are combinations of others


def main_effect_basis(X: NDArray, information: float = 1.0) -> NDArray[np.float64]:
    """Orthonormal basis of additive functions: cubic splines of every feature, and the constant.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    information : float, default=1.0
        Information of a row about the target, relative to a row with a number as target.

    Returns
    -------
    ndarray of shape (n, r)
        ``r <= n / 5``, unless linear functions of all features are already more.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(200, 2))
    >>> main_effect_basis(X).shape, main_effect_basis(X[:60]).shape
    ((200, 13), (60, 9))
    """
    n, d = X.shape
    knots = next((k for k in KNOTS if d * (k + 1) < n * information / SHARE), 0)
    columns = [np.ones((n, 1)), *(spline(column, knots) for column in X.T)]
    Q, R, _ = qr(np.hstack(columns), mode="economic", pivoting=True)
    size = np.abs(np.diag(R))
    return Q[:, size > RANK * size[0]]


def spline(x: NDArray, n_knots: int) -> NDArray[np.float64]:
    """Cubic spline basis of one feature, or the feature itself if it has too few values."""
    places = np.unique(np.quantile(x, np.linspace(0, 1, n_knots)))
    if len(places) < 3:
        return ((x - x.mean()) / (x.std() or 1.0))[:, None]
    return SplineTransformer(degree=3, knots=places[:, None]).fit_transform(x[:, None])


def legendre(X: NDArray, degree: int) -> NDArray[np.float64]:
    """Legendre polynomials of degrees 1 to `degree` of each feature's ranks, (n, d, degree)."""
    u = (2 * rankdata(X, axis=0) - 1) / len(X) - 1
    powers = [np.polynomial.Legendre.basis(k)(u) * np.sqrt(2 * k + 1) for k in range(degree + 1)]
    return np.stack(powers, axis=2)[..., 1:]


def smooth_shapes(
    X: NDArray, pairs: NDArray, max_shapes: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Products of Legendre polynomials of the ranks of two features, and their weights.

    Depending on `max_shapes`, there are degrees 1 and 2 in each feature, degree 1 alone, or none.
    The weights sum to 1 and fall with the degrees as ``1 / (a b)^2``, since most interactions are
    smooth.

    Returns
    -------
    shapes : ndarray of shape (n, q, s)
    weights : ndarray of shape (s,)
    """
    degree = next((k for k in DEGREES if k**2 <= max_shapes), 0)
    polynomials = legendre(X, degree)
    first, second = polynomials[:, pairs[:, 0]], polynomials[:, pairs[:, 1]]
    shapes = (first[..., :, None] * second[..., None, :]).reshape(len(X), len(pairs), -1)
    return shapes, smooth_weights(degree)


def smooth_weights(degree: int) -> NDArray[np.float64]:
    """Weights of the products of polynomials, which fall as ``1 / (a b)^2``.

    Examples
    --------
    >>> smooth_weights(2).round(2).tolist()
    [0.64, 0.16, 0.16, 0.04]
    """
    orders = np.arange(1, degree + 1)
    weights = 1 / np.outer(orders, orders).ravel() ** 2
    return weights / weights.sum()
