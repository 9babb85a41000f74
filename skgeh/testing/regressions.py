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
    within : bool, default=False
        Regress inside each fold, so that none sees another's targets.
    rows : int, optional
        Rows of the smallest regression, all by default.
    """

    def __init__(
        self, X: NDArray, y: NDArray, pairs: NDArray, within: bool = False, rows: int | None = None
    ):
        rows = rows or len(X)
        self.X, self.y, self.pairs, self.within = X, y, pairs, within
        # with more features than rows bear, main effects of those in question are taken out
        few = np.unique(pairs) if SHARE * X.shape[1] > rows else slice(None)
        self.features = X[:, few]
        self.nuisance = main_effect_basis(self.features)
        self.rows = rows

    def scores(self, shapes: NDArray, folds: NDArray) -> NDArray[np.float64]:
        """Scores of `fold_scores`, shape (K, q, s), for shapes (n, q, s) and folds (n,).

        Pairs whose shapes are all 0, not chosen in any fold, are no columns of the regression.
        """
        found = np.zeros((folds.max() + 1, *shapes.shape[1:]))
        parts = [folds == k for k in range(len(found))] if self.within else [slice(None)]
        for k, rows in enumerate(parts):
            here = shapes[rows]
            mine = here.any((0, 2))
            if self.within:
                basis = main_effect_basis(self.features[rows])
                one = np.zeros(len(here), dtype=int)
                found[k, mine] = fold_scores(self.y[rows], here[:, mine], basis, one)[0]
            else:
                found[:, mine] = fold_scores(self.y, here[:, mine], self.nuisance, folds)
        return found

    def smooth(self, kept: NDArray, folds: NDArray) -> tuple[NDArray, NDArray]:
        """Scores of smooth shapes, (R, q, s), and the shapes' weights (s,).

        Parameters
        ----------
        kept : ndarray of bool of shape (R, K, q)
            Folds for which a pair was chosen. Where all were chosen, all rows make one score, R is
            1 and it is standard normal; else scores of the folds are added, 0 where not chosen.
        folds : ndarray of shape (R, n)
        """
        whole = kept.all() or not self.within
        basis = self.nuisance if whole else main_effect_basis(self.features[: self.rows])
        room = (len(self.X) if whole else self.rows) // ROWS_PER_SHAPE - basis.shape[1]
        count = (kept if self.within else kept.any(1)).sum(-1).max()
        shapes, weights = smooth_shapes(self.X, self.pairs, room // count)
        if kept.all():
            everything = np.zeros(len(self.X), dtype=int)
            return fold_scores(self.y, shapes, self.nuisance, everything), weights
        z = []
        for mine, row in zip(kept, folds, strict=True):
            chosen = np.where(row[:, None] >= 0, mine[row], False)
            t = self.scores(shapes * chosen[..., None], row) * mine[..., None]
            z.append(t.sum(0) / np.sqrt(len(t)))
        return np.stack(z), weights
