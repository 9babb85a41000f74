"""Pairwise components of any prediction function, anchored at one point (cut-HDMR)."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RegularGridInterpolator

ROWS = 50_000  # rows predicted at once
GRID = 12  # quantiles of each feature that make the grid for many rows
MANY = 1000  # rows from which components are evaluated on the grid and interpolated


def pair_components(
    predict: Callable[[NDArray], NDArray],
    X: NDArray,
    anchor: NDArray,
    pairs: NDArray,
    twins: Sequence[NDArray[np.intp]],
) -> NDArray[np.float64]:
    """``f_ij(x) = g(x_i, x_j, c) - g(x_i, c) - g(x_j, c) + g(c)`` for each pair.

    Parameters
    ----------
    predict : callable (m, d) -> (m, c)
        g.
    X : ndarray of shape (n, d)
    anchor : ndarray of shape (d,)
        c, the values of the other features.
    pairs : ndarray of shape (q, 2)
    twins : sequence of d arrays of int
        For each feature, the columns that are copies of it, itself included; they move together.

    Returns
    -------
    ndarray of shape (n, q, c)
    """
    n = len(X)

    def at(*features: int, values: Sequence[NDArray]) -> NDArray:
        table = np.tile(anchor, (len(values[0]), 1))
        for feature, value in zip(features, values, strict=True):
            table[:, twins[feature]] = value[:, None]
        return table

    tables, many = [anchor[None]], n > MANY
    axes = {i: np.unique(np.quantile(X[:, i], np.linspace(0, 1, GRID))) for i in np.unique(pairs)}
    for i, axis in axes.items():
        tables.append(at(i, values=[axis if many else X[:, i]]))
    for i, j in pairs:
        if many:
            first, second = (g.ravel() for g in np.meshgrid(axes[i], axes[j], indexing="ij"))
        else:
            first, second = X[:, i], X[:, j]
        tables.append(at(i, j, values=[first, second]))
    values = predicted(predict, tables)
    center, single = values[0][0], dict(zip(axes, values[1:], strict=False))
    out = np.empty((n, len(pairs), values[0].shape[1]))
    for k, ((i, j), pair) in enumerate(zip(pairs, values[1 + len(axes) :], strict=True)):
        if not many:
            out[:, k] = pair - single[i] - single[j] + center
            continue
        grid = pair.reshape(len(axes[i]), len(axes[j]), -1)
        grid = grid - single[i][:, None] - single[j] + center
        if min(grid.shape[:2]) < 2:
            out[:, k] = 0.0  # a constant feature
            continue
        out[:, k] = RegularGridInterpolator((axes[i], axes[j]), grid)(X[:, [i, j]])
    return out


def predicted(predict: Callable, tables: Sequence[NDArray]) -> list[NDArray]:
    """Predictions for several tables, many rows at a time."""
    sizes = np.cumsum([len(table) for table in tables])
    rows = np.concatenate(tables)
    parts = [predict(rows[start : start + ROWS]) for start in range(0, len(rows), ROWS)]
    return np.split(np.concatenate(parts).astype(float), sizes[:-1])
