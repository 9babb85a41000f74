"""Regressions of targets on shapes of pairs: all rows together, or fold by fold."""

import numpy as np
from numpy.typing import NDArray

from skgeh.significance._logistic import Working
from skgeh.significance._nuisance import SHARE, main_effect_basis, smooth_shapes
from skgeh.significance._scores import fold_scores
from skgeh.tables.table import Table

ROWS_PER_SHAPE = 3


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
