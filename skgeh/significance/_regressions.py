"""Scores of pair shapes, by regressions of targets on all of them.

A shape is a function of two features, a possible form of a pair's interaction. By Frisch, Waugh and
Lovell, the shapes of one pair and the target are residualised on the main effects and on the shapes
of all other pairs: all rows together, or fold by fold.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.stats import rankdata
from sklearn.linear_model import RidgeCV

from skgeh.significance._logistic import Working
from skgeh.significance._nuisance import LEAST, main_effect_basis, orthonormal, sizes
from skgeh.significance._smooth_shapes import smooth_shapes
from skgeh.tables.features import Features
from skgeh.tables.table import Table

ALIASED = 1e-6  # least share of a shape's square that main effects and other pairs must leave
RIDGE = 1e-9  # keeps the products of aliased shapes invertible
PENALTIES = np.logspace(-2, 2, 9)  # of which held-out rows choose one
TINY = np.finfo(float).tiny

LEFT = 1e-6  # least share of a unit's direction that the regression must leave
MOST = 0.4  # largest share of the rows for main effects and smooth shapes


def fold_scores(
    target: NDArray,
    shapes: NDArray,
    nuisance: NDArray,
    folds: NDArray,
    directions: NDArray | None = None,
    units: NDArray | None = None,
) -> NDArray[np.float64]:
    """``t = sum a e / sqrt(sum a^2 e^2 / (1 - h))`` over the rows of each fold.

    ``a`` is a shape without main effects and other pairs, ``e`` is the target without these (the
    pair itself is left in), and ``h`` is the leverage of the row in that regression. The squares
    are divided by ``1 - h`` as in HC2 (MacKinnon and White 1985). If the pair has no interaction
    and the shape does not depend on the fold's targets, t is standard normal for many rows.

    If rows belong to units, ``a e`` is summed over each unit before it is squared, with e divided
    by ``(I - H)^(1/2)`` of the unit's rows as in CR2 (Bell and McCaffrey 2002).

    Parameters
    ----------
    target : ndarray of shape (n,)
    shapes : ndarray of shape (n, q, s)
        The s shapes of each of q pairs.
    nuisance : ndarray of shape (n, r)
        Orthonormal basis of main effects.
    folds : ndarray of shape (n,)
        Fold 0 .. K - 1 of every row; -1 for rows of no fold.
    directions : ndarray of shape (q, u, s), optional
        Combinations of a pair's shapes to be scored in their place.
    units : ndarray of int of shape (n,), optional
        Unit of every row; all rows of a unit are in one fold.

    Returns
    -------
    ndarray of shape (K, q, s), or (K, q, u) with directions
        0 where a shape is aliased, that is, a combination of main effects and other pairs.
    """
    n, q, s = shapes.shape
    if directions is None:
        directions = np.broadcast_to(np.eye(s), (q, s, s))
    columns = without(shapes.reshape(n, -1), nuisance)
    norm, whole = np.linalg.norm(columns, axis=0), np.linalg.norm(shapes.reshape(n, -1), axis=0)
    (places,) = np.nonzero(norm > np.sqrt(ALIASED) * whole)
    columns = columns[:, places] / norm[places]
    inverse = np.linalg.inv(columns.T @ columns + RIDGE * np.eye(len(places)))
    dual = columns @ inverse
    rest = without(target, nuisance)
    coefficients = dual.T @ rest
    rest = rest - columns @ coefficients
    leverage = (nuisance**2).sum(1) + (dual * columns).sum(1)
    sums = _FoldSums.of(folds, units, np.hstack([nuisance, columns]) if units is not None else None)
    t = np.zeros((folds.max() + 1, q, directions.shape[1]))
    for pair in range(q):
        block = slice(*np.searchsorted(places, [pair * s, (pair + 1) * s]))
        mine = directions[pair][:, places[block] - pair * s] * norm[places[block]]
        own = dual[:, block] @ np.linalg.inv(inverse[block, block])
        e = rest + own @ coefficients[block]
        h = leverage - (own * dual[:, block]).sum(1)
        a = own @ mine.T
        live = (a**2).sum(0) > ALIASED * ((columns[:, block] @ mine.T) ** 2).sum(0)
        scale = np.sqrt(np.maximum(sums.squares(a, e, h), TINY))
        t[:, pair] = live * sums.scores(a, e) / scale
    return t


@dataclass(frozen=True, eq=False)
class _FoldSums:
    """Sums of scores and of their squares over the rows or the units of each fold.

    Parameters
    ----------
    folds : sparse matrix of shape (K, n) or (K, U)
        Which rows or units are in each fold.
    units : sparse matrix of shape (U, n) or None
        Which rows are in each unit.
    turned : sparse matrix of shape (n, m) or None
        Leading directions of the leverage of each unit's rows.
    gain : ndarray of shape (m,) or None
        ``(1 - h)^(-1/2) - 1`` along these.
    """

    folds: sparse.csr_array
    units: sparse.csr_array | None = None
    turned: sparse.csr_array | None = None
    gain: NDArray[np.float64] | None = None

    @classmethod
    def of(cls, folds: NDArray, units: NDArray | None, design: NDArray | None) -> "_FoldSums":
        """Sums over folds; `design` spans the regression, if there are units."""
        if units is None or design is None:
            return cls(_indicator(folds))
        _, first, codes = np.unique(units, return_index=True, return_inverse=True)
        basis = np.linalg.qr(design)[0]
        blocks, gains = [], []
        order = np.argsort(codes, kind="stable")
        for rows in np.split(order, np.cumsum(np.bincount(codes))[:-1]):
            U, s, _ = np.linalg.svd(basis[rows], full_matrices=False)
            blocks.append(U)
            gains.append(1 / np.sqrt(np.maximum(1 - s**2, LEFT)) - 1)
        turned = sparse.block_diag(blocks, format="csr")[np.argsort(order)]
        return cls(_indicator(folds[first]), _indicator(codes), turned, np.concatenate(gains))

    def scores(self, a: NDArray, e: NDArray) -> NDArray[np.float64]:
        """``sum a e`` over each fold, (K, u), for shapes a (n, u)."""
        score = a * e[:, None]
        return self.folds @ (score if self.units is None else self.units @ score)

    def squares(self, a: NDArray, e: NDArray, h: NDArray) -> NDArray[np.float64]:
        """``sum a^2 e^2 / (1 - h)`` over each fold, or the squares of units' sums, (K, u)."""
        if self.units is None or self.turned is None:
            return self.folds @ (a**2 * (e**2 / np.maximum(1 - h, RIDGE))[:, None])
        e = e + self.turned @ (self.gain * (self.turned.T @ e))
        return self.folds @ ((self.units @ (a * e[:, None])) ** 2)


def _indicator(codes: NDArray) -> sparse.csr_array:
    """Matrix (K, n) of the places of each code; negative codes are nowhere."""
    (known,) = np.nonzero(codes >= 0)
    shape = int(codes.max()) + 1, len(codes)
    return sparse.csr_array((np.ones(len(known)), (codes[known], known)), shape=shape)


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
    features : Features, optional
        What pairs are of, columns by default.
    """

    def __init__(
        self,
        table: Table,
        pairs: NDArray,
        within: bool = False,
        rows: int | None = None,
        features: Features | None = None,
    ):
        self.known = Features.alone(table.X) if features is None else features
        # labels carry as much information as if all classes were as rare as the rarest
        self.information = information(table)
        self.rows = round((rows or len(table.X)) * self.information)
        self.y, self.pairs, self.within, self.units = table.y, pairs, within, table.units
        self.labels = table.classes is not None
        # with too many features for the rows, only main effects of the tested ones are removed
        many = 2 * sum(sizes(self.known, LEAST)) > self.rows
        self.features = self.known.some(np.unique(pairs) if many else slice(None))
        self.nuisance = self.basis(slice(None))

    def basis(self, rows: NDArray | slice) -> NDArray[np.float64]:
        """Basis of main effects at the given rows."""
        return main_effect_basis(self.features.at(rows), self.information)

    def basis_after(self, past: NDArray, rows: NDArray) -> NDArray[np.float64]:
        """Basis at the rows of a fold, with the additive functions that earlier rows suggest.

        In few rows, a basis of few columns does not follow a jump or a wave. Many earlier rows do,
        and the targets of the fold have no part in that. Logits of labels have no room for more.
        """
        basis = self.basis(rows)
        if self.labels or not past.any():
            return basis
        known = main_effect_basis(self.features, past.mean() * self.information)
        known *= np.sqrt(len(known))
        model = RidgeCV(PENALTIES).fit(known[past], self.y[past])
        return orthonormal(np.hstack([basis, model.predict(known[rows]).reshape(len(basis), -1)]))

    def scores(
        self, shapes: NDArray, folds: NDArray, directions: NDArray | None = None
    ) -> NDArray[np.float64]:
        """Scores of `fold_scores`, (K, q, u, c), for shapes (n, q, s, c) and folds (n,).

        Pairs whose shapes are all 0 were not chosen in any fold, and are left out.
        """
        if directions is None:
            directions = np.stack([np.eye(shapes.shape[2])] * shapes.shape[1])
        n_folds, (q, u, _) = folds.max() + 1, directions.shape
        found = np.zeros((n_folds, q, u, shapes.shape[3]))
        every = np.ones(len(folds), dtype=bool)
        parts = [folds == k for k in range(n_folds)] if self.within else [every]
        for k, rows in enumerate(parts):
            here = shapes[rows]
            mine = here.any((0, 2, 3))
            basis = self.basis_after(folds < k, rows) if self.within else self.nuisance
            where = np.zeros(len(here), dtype=int) if self.within else folds
            units = None if self.units is None else self.units[rows]
            scores = self.of_targets(
                self.y[rows], here[:, mine], basis, where, directions[mine], units
            )
            found[k if self.within else slice(None), mine] = scores[0] if self.within else scores
        return found

    def of_targets(
        self,
        y: NDArray,
        shapes: NDArray,
        nuisance: NDArray,
        folds: NDArray,
        directions: NDArray,
        units: NDArray | None,
    ) -> NDArray[np.float64]:
        """Scores (K, q, u, c): for numbers target by target, for labels in one logistic model."""
        n, q, s, c = shapes.shape
        if q * s == 0:
            return np.zeros((folds.max() + 1, q, directions.shape[1], c))
        if not self.labels:
            found = [
                fold_scores(target, shapes[..., k], nuisance, folds, directions, units)
                for k, target in enumerate(y.T)
            ]
            return np.stack(found, axis=-1)
        flat = shapes.reshape(n, q * s, c)
        model = Working.fit(y, nuisance, flat)
        turned = model.of_classes(flat).reshape(len(model.target), q, s * c)
        m = model.root.shape[1]
        each = np.einsum("qus,cd->qucsd", directions, np.eye(c)).reshape(q, -1, s * c)
        scores = fold_scores(
            model.target,
            turned,
            model.of_all(nuisance),
            np.repeat(folds, m),
            each,
            None if units is None else np.repeat(units, m),
        )
        return scores.reshape(-1, q, directions.shape[1], c)

    def smooth(self, kept: NDArray, folds: NDArray) -> tuple[NDArray, NDArray]:
        """Scores of smooth shapes, (R, q, u, c), and the shapes' weights (q, u).

        Parameters
        ----------
        kept : ndarray of bool of shape (R, K, q)
            Folds for which a pair was chosen. If all pairs were chosen in all folds, all rows make
            one score, which is standard normal, and R is 1. Otherwise, scores of the folds are
            added, and count as 0 where a pair was not chosen.
        folds : ndarray of shape (R, n)
        """
        n = len(self.y)
        whole = kept.all() or not self.within
        basis = self.nuisance if whole else self.basis(slice(self.rows))
        rows = n * self.information if whole else self.rows
        room = int(MOST * rows) - basis.shape[1]
        count = (kept if self.within else kept.any(1)).sum(-1).max()
        found = smooth_shapes(self.known, self.pairs, max(0, room // count))
        shapes = np.repeat(found.functions[..., None], self.y.shape[1], axis=-1)
        if kept.all():
            everything = np.zeros(n, dtype=int)
            z = self.of_targets(
                self.y, shapes, self.nuisance, everything, found.directions, self.units
            )
            return z, found.weights
        each = []
        for mine, row in zip(kept, folds, strict=True):
            chosen = np.where(row[:, None] >= 0, mine[row], False)
            t = self.scores(shapes * chosen[..., None, None], row, found.directions)
            each.append((t * mine[..., None, None]).sum(0) / np.sqrt(len(t)))
        return np.stack(each), found.weights


def information(table: Table) -> float:
    """Information of a row about the target, less for rare classes and for units of like rows.

    With units of m rows whose features have the intraclass correlation r, n rows say as much as
    ``n / (1 + (m - 1) r)``; r is the largest of all columns.
    """
    if table.units is None:
        return table.information
    counts = np.bincount(table.units)
    size = (counts**2).sum() / counts.sum()
    ranks = rankdata(table.X, axis=0)
    centred = ranks - ranks.mean(0)
    sums = np.zeros((len(counts), ranks.shape[1]))
    np.add.at(sums, table.units, centred)
    total = np.maximum((centred**2).sum(0), TINY)
    between = ((sums**2).sum(0) / total - 1) / max(size - 1, TINY)
    return table.information / (1 + (size - 1) * float(np.clip(between, 0, 1).max()))
