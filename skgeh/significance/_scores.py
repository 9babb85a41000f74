"""Scores of pair shapes: residuals of the target against residuals of the shape.

A shape is a function of two features, and a candidate for the form of their interaction. Following
Frisch, Waugh and Lovell, the shapes of one pair and the target are residualised on the main effects
and on the shapes of all other pairs.
"""

import numpy as np
from numpy.typing import NDArray

ALIASED = 1e-6  # least share of a shape's square that main effects and other pairs must leave
RIDGE = 1e-9  # keeps the products of aliased shapes invertible
TINY = np.finfo(float).tiny


def fold_scores(
    target: NDArray, shapes: NDArray, nuisance: NDArray, folds: NDArray
) -> NDArray[np.float64]:
    """``t = sum a e / sqrt(sum a^2 e^2 / (1 - h))`` over the rows of each fold.

    ``a`` is a shape without main effects and other pairs, ``e`` is the target without these (the
    pair itself is left in), and ``h`` is the leverage of the row in that regression. The squares
    are divided by ``1 - h`` as in HC2 (MacKinnon and White 1985). If the pair has no interaction
    and the shape does not depend on the fold's targets, t is standard normal for many rows.

    Parameters
    ----------
    target : ndarray of shape (n,)
    shapes : ndarray of shape (n, q, s)
        The s shapes of each of q pairs.
    nuisance : ndarray of shape (n, r)
        Orthonormal basis of main effects.
    folds : ndarray of shape (n,)
        Fold 0 .. K - 1 of every row; -1 for rows of no fold.

    Returns
    -------
    ndarray of shape (K, q, s)
        0 where a shape is aliased, that is, a combination of main effects and other pairs.
    """
    n, q, s = shapes.shape
    columns = without(shapes.reshape(n, -1), nuisance)
    norm, whole = np.linalg.norm(columns, axis=0), np.linalg.norm(shapes.reshape(n, -1), axis=0)
    columns = np.where(norm > np.sqrt(ALIASED) * whole, columns, 0) / np.maximum(norm, TINY)
    inverse = np.linalg.inv(columns.T @ columns + RIDGE * np.eye(q * s))
    dual = columns @ inverse
    rest = without(target, nuisance)
    coefficients = dual.T @ rest
    rest = rest - columns @ coefficients
    leverage = (nuisance**2).sum(1) + (dual * columns).sum(1)
    members = [folds == k for k in range(folds.max() + 1)]
    t = np.zeros((len(members), q, s))
    for pair in range(q):
        block = slice(pair * s, (pair + 1) * s)
        a = dual[:, block] @ np.linalg.inv(inverse[block, block])
        e = rest + a @ coefficients[block]
        h = leverage - (a * dual[:, block]).sum(1)
        score, square = a * e[:, None], a**2 * (e**2 / np.maximum(1 - h, RIDGE))[:, None]
        live = (a**2).sum(0) > ALIASED
        for k, rows in enumerate(members):
            scale = np.sqrt(np.maximum(square[rows].sum(0), TINY))
            t[k, pair] = live * score[rows].sum(0) / scale
    return t


def without(columns: NDArray, nuisance: NDArray) -> NDArray:
    """Columns minus their projection on orthonormal nuisance columns."""
    return columns - nuisance @ (nuisance.T @ columns)
