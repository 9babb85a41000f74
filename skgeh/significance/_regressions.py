"""Scores of pair shapes, by regressions of targets on all of them.

A shape is a function of two features, a possible form of a pair's interaction. By Frisch, Waugh and
Lovell, the shapes of one pair and the target are residualised on the main effects and on the shapes
of all other pairs: all rows together, or fold by fold.
"""

import numpy as np
from numpy.typing import NDArray

from skgeh.significance._logistic import Working
from skgeh.significance._nuisance import SHARE, main_effect_basis, smooth_shapes
from skgeh.tables.table import Table

ALIASED = 1e-6  # least share of a shape's square that main effects and other pairs must leave
RIDGE = 1e-9  # keeps the products of aliased shapes invertible
TINY = np.finfo(float).tiny

ROWS_PER_SHAPE = 3


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


class Regressions:
    """Scores of shapes of given pairs.

    Parameters
    ----------
    table : Table
    pairs : ndarray of shape (q, 2)
    within : bool, default=False
        Whether to regress inside each fold, so that no fold sees another's targets.
    rows : int, optional
        Number of rows in the smallest regression, all by default.
    """

    def __init__(self, table: Table, pairs: NDArray, within: bool = False, rows: int | None = None):
        X = table.X
        # labels carry as much information as if all classes were as rare as the rarest
        self.rows = round((rows or len(X)) * table.information)
        self.X, self.y, self.pairs, self.within = X, table.y, pairs, within
        self.information, self.labels = table.information, table.classes is not None
        # with too many features for the rows, only main effects of the tested ones are removed
        few = np.unique(pairs) if SHARE * X.shape[1] > self.rows else slice(None)
        self.features = X[:, few]
        self.nuisance = self.basis(slice(None))

    def basis(self, rows: NDArray | slice) -> NDArray[np.float64]:
        """Basis of main effects at the given rows."""
        return main_effect_basis(self.features[rows], self.information)

    def scores(self, shapes: NDArray, folds: NDArray) -> NDArray[np.float64]:
        """Scores of `fold_scores`, (K, q, s, c), for shapes (n, q, s, c) and folds (n,).

        Pairs whose shapes are all 0 were not chosen in any fold, and are left out.
        """
        found = np.zeros((folds.max() + 1, *shapes.shape[1:]))
        parts = [folds == k for k in range(len(found))] if self.within else [slice(None)]
        for k, rows in enumerate(parts):
            here = shapes[rows]
            mine = here.any((0, 2, 3))
            if self.within:
                one = np.zeros(len(here), dtype=int)
                scores = self.of_targets(self.y[rows], here[:, mine], self.basis(rows), one)
                found[k, mine] = scores[0]
            else:
                found[:, mine] = self.of_targets(self.y, here[:, mine], self.nuisance, folds)
        return found

    def of_targets(
        self, y: NDArray, shapes: NDArray, nuisance: NDArray, folds: NDArray
    ) -> NDArray[np.float64]:
        """Scores (K, q, s, c): for numbers target by target, for labels in one logistic model."""
        if not self.labels:
            return np.stack(
                [
                    fold_scores(target, shapes[..., k], nuisance, folds)
                    for k, target in enumerate(y.T)
                ],
                axis=-1,
            )
        n, q, s, c = shapes.shape
        flat = shapes.reshape(n, q * s, c)
        model = Working.fit(y, nuisance, flat)
        turned = model.of_classes(flat).reshape(len(model.target), q, s * c)
        again = np.repeat(folds, model.root.shape[1])
        scores = fold_scores(model.target, turned, model.of_all(nuisance), again)
        return scores.reshape(-1, q, s, c)

    def smooth(self, kept: NDArray, folds: NDArray) -> tuple[NDArray, NDArray]:
        """Scores of smooth shapes, (R, q, s, c), and the shapes' weights (s,).

        Parameters
        ----------
        kept : ndarray of bool of shape (R, K, q)
            Folds for which a pair was chosen. If all pairs were chosen in all folds, all rows make
            one score, which is standard normal, and R is 1. Otherwise, scores of the folds are
            added, and count as 0 where a pair was not chosen.
        folds : ndarray of shape (R, n)
        """
        whole = kept.all() or not self.within
        basis = self.nuisance if whole else self.basis(slice(self.rows))
        rows = round(len(self.X) * self.information) if whole else self.rows
        room = rows // ROWS_PER_SHAPE - basis.shape[1]
        count = (kept if self.within else kept.any(1)).sum(-1).max()
        shapes, weights = smooth_shapes(self.X, self.pairs, room // count)
        shapes = np.repeat(shapes[..., None], self.y.shape[1], axis=-1)
        if kept.all():
            everything = np.zeros(len(self.X), dtype=int)
            return self.of_targets(self.y, shapes, self.nuisance, everything), weights
        z = []
        for mine, row in zip(kept, folds, strict=True):
            chosen = np.where(row[:, None] >= 0, mine[row], False)
            t = self.scores(shapes * chosen[..., None, None], row) * mine[..., None, None]
            z.append(t.sum(0) / np.sqrt(len(t)))
        return np.stack(z), weights
