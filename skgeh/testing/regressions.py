"""Regressions of one target on shapes of pairs: all rows together, or fold by fold."""

import numpy as np
from numpy.typing import NDArray

from skgeh.testing.nuisance import SHARE, main_effect_basis, smooth_shapes
from skgeh.testing.scores import fold_scores

ROWS_PER_SHAPE = 3


class Regressions:
    """Scores of shapes of given pairs.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    y : ndarray of shape (n,)
    pairs : ndarray of shape (q, 2)
    within : bool
        Regress inside each fold, so that none sees another's targets.
    """

    def __init__(self, X: NDArray, y: NDArray, pairs: NDArray, within: bool):
        self.X, self.y, self.pairs, self.within = X, y, pairs, within
        # with more features than rows bear, main effects of those in question are taken out
        few = np.unique(pairs) if SHARE * X.shape[1] > len(X) else slice(None)
        self.features = X[:, few]
        self.nuisance = main_effect_basis(self.features)

    def scores(self, shapes: NDArray, folds: NDArray) -> NDArray[np.float64]:
        """Scores of `fold_scores`, shape (K, q, s), for shapes (n, q, s) and folds (n,)."""
        if not self.within:
            return fold_scores(self.y, shapes, self.nuisance, folds)
        found = []
        for k in range(folds.max() + 1):
            rows = np.flatnonzero(folds == k)
            basis = main_effect_basis(self.features[rows])
            found.append(fold_scores(self.y[rows], shapes[rows], basis, np.zeros_like(rows)))
        return np.concatenate(found)

    def smooth(self, kept: NDArray, folds: NDArray) -> tuple[NDArray, NDArray]:
        """Scores of smooth shapes, (R, q, s), and the shapes' weights (s,).

        Parameters
        ----------
        kept : ndarray of bool of shape (R, K, q)
            Folds for which a pair was chosen. Where all were chosen, all rows make one score, R is
            1 and it is standard normal; else scores of the folds are added, 0 where not chosen.
        folds : ndarray of shape (R, n)
        """
        rows = np.bincount(folds[folds >= 0]).min() if self.within else len(self.X)
        room = rows // ROWS_PER_SHAPE - self.nuisance.shape[1]
        shapes, weights = smooth_shapes(self.X, self.pairs, room)
        if kept.all():
            everything = np.zeros(len(self.X), dtype=int)
            return fold_scores(self.y, shapes, self.nuisance, everything), weights
        z = []
        for mine, row in zip(kept, folds, strict=True):
            chosen = np.where(row[:, None] >= 0, mine[row], False)
            t = self.scores(shapes * chosen[..., None], row)
            z.append(t.sum(0) / np.sqrt(len(t)))
        return np.stack(z), weights
