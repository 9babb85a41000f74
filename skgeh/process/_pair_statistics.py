"""Score statistics of pairs, and their covariance as the rows show it.

For the columns ``phi`` of a pair, ``u = phi' K0^-1 y`` and ``C = phi' K0^-1 phi``, where K0 is the
covariance of the rows without the pair. Without an interaction of the pair, u has mean 0, and
covariance C if the model is right. The part of C that belongs to the noise is ``s^2 F'F`` with
``F = K0^-1 phi``. It is taken from squared residuals instead, so that uneven noise does no harm
(H. White 1980; J. MacKinnon and H. White 1985). Where rows belong to units, sums over a unit
replace single rows (R. Bell and D. McCaffrey 2002).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from joblib import delayed
from numpy.typing import NDArray
from scipy.linalg import cho_solve

from skgeh.parallel import no_bar, run_jobs
from skgeh.process._linear_model import InRows
from skgeh.process._model import AnovaModel
from skgeh.process._products import blocks, multiplied

POWER = 1.25  # of what is left of a row, by which its squared residual is divided
LEAST_LEFT = 1e-6  # share of a row that a model leaves
AT_ONCE = 4000  # columns
BLOCK = 3_000_000  # entries of columns at the rows of a block
KEPT = 20_000_000  # entries of columns that are kept for the second pass
LEAST_ROWS = 256
BY_CHANCE = 0.5  # standard errors of a variance that rows may show beyond that of the model


@dataclass(frozen=True, eq=False)
class PairColumns:
    """Columns of p pairs of features that have m columns each.

    Parameters
    ----------
    places : ndarray of shape (p,)
        Of the pairs, among all pairs of features.
    factors : ndarray of shape (2, p, m)
        Both functions of every column; see `Products`.
    relative : ndarray of shape (p, m)
        Prior variances relative to that of the pair.
    waves : ndarray of shape (p, m)
        Waves among both functions, each counted by its roughness: 0 for the product of two lines.
    prior : ndarray of shape (p, m)
        Prior variances in the model; 0 for pairs that are no part of it.
    """

    places: NDArray[np.intp]
    factors: NDArray[np.intp]
    relative: NDArray[np.float64]
    waves: NDArray[np.intp]
    prior: NDArray[np.float64]

    def part(self, some: slice | NDArray) -> "PairColumns":
        """Some of the pairs."""
        return PairColumns(
            self.places[some],
            self.factors[:, some],
            self.relative[some],
            self.waves[some],
            self.prior[some],
        )


@dataclass(frozen=True, eq=False)
class PairStatistics:
    """What the rows say for p pairs of m columns each.

    Parameters
    ----------
    columns : PairColumns
    u : ndarray of shape (p, m)
    C, M : ndarray of shape (p, m, m)
        Covariance of u if there is no interaction, according to the model and to the rows.
    spread : ndarray of shape (p, m, m)
        Covariance of u around its mean, whether there is an interaction or not: for pairs of the
        model, M from residuals that do not contain the pair's own signal.
    seen : ndarray of shape (p, m)
        Share of every column that main effects and other pairs do not explain.
    fourth : ndarray of shape (p,)
        Variance of the noise's part of ``tr(o M)``, as estimated from the rows.
    fourth_of_columns : ndarray of shape (p, m)
        The same for each column alone.
    """

    columns: PairColumns
    u: NDArray[np.float64]
    C: NDArray[np.float64]
    M: NDArray[np.float64]
    spread: NDArray[np.float64]
    seen: NDArray[np.float64]
    fourth: NDArray[np.float64]
    fourth_of_columns: NDArray[np.float64]

    def part(self, some: NDArray) -> "PairStatistics":
        """Some of the pairs."""
        given = {name: value for name, value in vars(self).items() if name != "columns"}
        parts = {name: value[some] for name, value in given.items()}
        return PairStatistics(self.columns.part(some), **parts)


@dataclass(frozen=True, eq=False)
class Rows:
    """A model at its rows: what it leaves of them.

    Parameters
    ----------
    model : AnovaModel
    starts : ndarray, optional
        First row of every unit, whose rows follow each other; None if rows are independent.
    known : float, optional
        Variance of the noise over that of the model, if it is known, as for labels. Otherwise
        squared residuals show it.
    even : bool, default=False
        Whether the noise is normal and even as far as one can see. Then the covariances are those
        of the model, unless the squared residuals of a column are larger than by chance.
    """

    model: AnovaModel
    starts: NDArray[np.intp] | None = None
    known: float | None = None
    even: bool = False

    @cached_property
    def root(self) -> NDArray[np.float64]:
        """Roots of the rows' weights, shape (n,)."""
        return np.sqrt(self.model.observed.weight)

    @cached_property
    def residuals(self) -> NDArray[np.float64]:
        """Residuals times the roots of the weights, ``s^2 K^-1 y``, shape (n,)."""
        return self.root * (self.model.observed.y - self.model.fitted)

    @property
    def total(self) -> float:
        """Weighted sum of squared responses around their mean."""
        centred = self.model.observed.y - self.model.intercept
        return float(self.model.observed.weight @ centred**2) or 1.0

    @cached_property
    def left(self) -> NDArray[np.float64]:
        """What the model leaves of every row, ``1 - h`` with its leverage h, shape (n,)."""
        left = 1 - self.root**2 / self.model.data.weight
        for rows in self.blocks(len(self.model.solution.active)):
            Z = self.columns(self.values(rows), rows)
            left[rows] -= self.model.solution.leverages(Z)
        return np.maximum(left, LEAST_LEFT)

    @cached_property
    def left_of_units(self) -> list[NDArray[np.float64]]:
        """For each unit, what the model leaves of its rows, ``I - H``."""
        model, found = self.model, []
        level = self.root / np.sqrt(model.data.weight)
        for rows in _units(self.starts, len(self.root)):
            Z = self.columns(self.values(rows), rows)
            H = Z.T @ model.solution.ridge(Z) + np.outer(level[rows], level[rows])
            found.append(np.eye(len(H)) - H)
        return found

    @cached_property
    def stretches(self) -> list[NDArray[np.float64]]:
        """For each unit, ``(I - H)^(-POWER / 2)``."""
        return [_stretch(left) for left in self.left_of_units]

    def values(self, rows: slice) -> NDArray[np.float64]:
        """All functions at some rows, shape (F, r)."""
        return self.model.products.values(self.model.observed.X[rows])

    def columns(self, values: NDArray, rows: slice) -> NDArray[np.float64]:
        """Columns of the model at some rows, shape (k, r)."""
        return self.model.columns(values, self.root[rows])

    def blocks(self, n_columns: int) -> Iterator[slice]:
        """Blocks of rows, of whole units."""
        size = max(BLOCK // max(n_columns, 1), LEAST_ROWS)
        if self.starts is None:
            yield from blocks(len(self.root), size)
            return
        first = 0
        for unit in _units(self.starts, len(self.root)):
            if unit.stop - first >= size or unit.stop == len(self.root):
                yield slice(first, unit.stop)
                first = unit.stop


def _stretch(left: NDArray) -> NDArray[np.float64]:
    """``left^(-POWER / 2)`` of a symmetric matrix."""
    share, V = np.linalg.eigh(left)
    return (V * np.maximum(share, LEAST_LEFT) ** (-POWER / 2)) @ V.T


def _units(starts: NDArray | None, n: int) -> Iterator[slice]:
    """Rows of every unit."""
    assert starts is not None
    for first, last in zip(starts.tolist(), [*starts[1:].tolist(), n], strict=True):
        yield slice(first, last)


def pair_statistics(
    rows: Rows,
    columns: PairColumns,
    n_jobs: int | None = None,
    *,
    quick: bool = False,
    progress: Callable = no_bar,
) -> Iterator[PairStatistics]:
    """Statistics of pairs, some of them at a time; quick ones believe the model's noise."""
    p, m = columns.relative.shape
    n_units = 1 if rows.starts is None else len(rows.starts)
    size = max(min(AT_ONCE // m, 5 * BLOCK // (m * n_units)), 1)
    jobs = [delayed(_statistics)(rows, columns.part(some), quick) for some in blocks(p, size)]
    yield from progress(run_jobs(jobs, n_jobs, prefer="threads"), len(jobs), "pairs")


def _statistics(rows: Rows, columns: PairColumns, quick: bool) -> PairStatistics:
    """Statistics of some pairs."""
    return _Pass(rows, columns).statistics(quick)


def no_less(C: NDArray, M: NDArray, fourth: NDArray) -> NDArray[np.float64]:
    """C, with columns stretched where the variances of M exceed it by more than chance.

    Parameters
    ----------
    C, M : ndarray of shape (p, m, m)
    fourth : ndarray of shape (p, m)
        Variances of the diagonal of M.
    """
    own, seen = (np.einsum("pmm->pm", one) for one in (C, M))
    beyond = np.maximum(seen - own - BY_CHANCE * np.sqrt(fourth), 0)
    stretch = np.sqrt(1 + beyond / np.maximum(own, np.finfo(float).tiny))
    return C * stretch[:, :, None] * stretch[:, None]


@dataclass(eq=False)
class _Pass:
    """Two passes over the rows for some pairs: what the model explains of their columns, then F."""

    rows: Rows
    columns: PairColumns

    def statistics(self, quick: bool) -> PairStatistics:
        """Leave every pair out: ``(I - C V)^-1`` turns sums with the pair into those without."""
        s2 = self.rows.model.noise_variance
        whole, left, sums = self._explained(quick)
        C = left / s2
        self.out = np.linalg.inv(np.eye(C.shape[1]) - C * self.columns.prior[:, None])
        u = (self.out @ (sums / s2)[..., None])[..., 0]
        C = self.out @ C
        C = (C + C.swapaxes(1, 2)) / 2
        seen = s2 * np.einsum("pmm->pm", C) / np.maximum(whole, np.finfo(float).tiny)
        if quick:
            return PairStatistics(self.columns, u, C, C, C, seen, np.zeros(len(u)), 0 * u)
        M, fourth, of_columns, spread = self._spread(u, C)
        if self.rows.even:
            M, spread = (no_less(C, one, of_columns) for one in (M, spread))
            fourth, of_columns = 0 * fourth, 0 * of_columns
        return PairStatistics(self.columns, u, C, M, spread, seen, fourth, of_columns)

    def _explained(self, quick: bool) -> tuple[NDArray, NDArray, NDArray]:
        """Squares of the columns (p, m), what the model leaves of their products, and sums.

        The products have shape (p, m, m), and the sums of columns times residuals (p, m).
        """
        solution = self.rows.model.solution
        if isinstance(solution, InRows):
            rows = slice(0, len(self.rows.root))
            D = self._columns(rows)
            D -= (D @ self.rows.root / self.rows.model.data.weight)[..., None] * self.rows.root
            flat = D.reshape(-1, rows.stop)
            R = solution.noise * cho_solve((solution.factor, True), flat.T).T.reshape(D.shape)
            self.residualised: Callable = partial(iter, [(rows, R)])
            return (D * D).sum(2), D @ R.swapaxes(1, 2), D @ self.rows.residuals
        (p, m), k = self.columns.relative.shape, len(solution.active)
        gram, cross = np.zeros((p, m, m)), np.zeros((k, p * m))
        sums, centre = np.zeros((2, p, m))
        kept: list = []
        keep = len(self.rows.root) * (p * m + k) <= KEPT and not quick
        for rows in self.rows.blocks(p * m):
            D, Z = self._columns(rows), self.rows.columns(self.rows.values(rows), rows)
            gram += D @ D.swapaxes(1, 2)
            cross += Z @ D.reshape(p * m, -1).T
            sums += D @ self.rows.residuals[rows]
            centre += D @ self.rows.root[rows]
            if keep:
                kept.append((rows, D, Z))
        total = self.rows.model.data.weight
        gram -= centre[:, :, None] * centre[:, None] / total
        shared = solution.ridge(cross)
        self.residualised = partial(self._residualised, centre / total, shared.T, kept)
        of_pair = [a.reshape(k, p, m).swapaxes(0, 1) for a in (cross, shared)]
        return np.einsum("pmm->pm", gram), gram - of_pair[0].swapaxes(1, 2) @ of_pair[1], sums

    def _columns(self, rows: slice) -> NDArray[np.float64]:
        """Columns of the pairs at some rows, not centred, shape (p, m, r)."""
        factors = self.columns.factors
        D = multiplied(self.rows.values(rows), factors.reshape(2, -1)) * self.rows.root[rows]
        return D.reshape(*factors.shape[1:], -1)

    def _residualised(
        self, centre: NDArray, shared: NDArray, kept: list
    ) -> Iterator[tuple[slice, NDArray]]:
        """Blocks of rows, and ``s^2 K^-1 phi`` there, shape (p, m, r)."""
        every: Iterator = iter(kept)
        if not kept:
            every = (
                (rows, self._columns(rows), self.rows.columns(self.rows.values(rows), rows))
                for rows in self.rows.blocks(centre.size)
            )
        for rows, D, Z in every:
            R = (D.reshape(len(shared), -1) - shared @ Z).reshape(D.shape)
            R -= centre[..., None] * self.rows.root[rows]
            yield rows, R

    def _spread(self, u: NDArray, C: NDArray) -> tuple[NDArray, NDArray, NDArray, NDArray]:
        """Covariances of u as the rows show them, and the sums for degrees of freedom."""
        p, m = u.shape
        sums = C.copy(), np.zeros(p), np.zeros((p, m))
        around = C.copy(), np.zeros(p), np.zeros((p, m))
        entered = np.flatnonzero(self.columns.prior.any(1))
        others = np.setdiff1d(np.arange(p), entered)
        for rows, R in self.residualised():
            noise = self.rows.residuals[rows]
            scaled = self._scaled(noise, rows)
            if len(others):
                self._add(sums, others, R if len(others) == p else R[others], scaled, rows)
            for one in entered.tolist():
                own, prior = R[one], self.columns.prior[one]
                F = self.out[one] @ own
                without = self._scaled(noise + (prior * u[one]) @ own, rows, (F, prior, own))
                self._add(sums, np.array([one]), F[None], without, rows)
                self._add(around, np.array([one]), F[None], scaled, rows)
        M, fourth, of_columns = sums
        spread = M.copy()
        spread[entered] = around[0][entered]
        M, spread = ((one + one.swapaxes(1, 2)) / 2 for one in (M, spread))
        return M, fourth, of_columns, spread

    def _scaled(
        self, noise: NDArray, rows: slice, pair: tuple[NDArray, NDArray, NDArray] | None = None
    ) -> NDArray[np.float64]:
        """Residuals over a root of what the model leaves of their rows, or of their unit's.

        A pair that is left out of the model leaves ``F' V R / s^2`` more.
        """
        of, s2 = self.rows, self.rows.model.noise_variance
        if of.known is not None:
            return noise
        if of.starts is None:
            left = of.left[rows]
            if pair is not None:
                F, prior, R = pair
                left = np.maximum(left + prior @ (F * R) / s2, LEAST_LEFT)
            return noise / left ** (POWER / 2)
        found = noise.copy()
        for k, own in self._units(rows):
            stretch = of.stretches[k]
            if pair is not None:
                F, prior, R = pair
                more = (F[:, own].T * prior) @ R[:, own] / s2
                stretch = _stretch(of.left_of_units[k] + (more + more.T) / 2)
            found[own] = stretch @ noise[own]
        return found

    def _units(self, rows: slice) -> Iterator[tuple[int, slice]]:
        """Units of a block of rows, and where their rows are in it."""
        starts = self.rows.starts
        assert starts is not None
        ends = np.append(starts, len(self.rows.root)) - rows.start
        for k in range(*np.searchsorted(starts, [rows.start, rows.stop])):
            yield k, slice(ends[k], ends[k + 1])

    def _add(
        self,
        sums: tuple[NDArray, NDArray, NDArray],
        some: NDArray,
        F: NDArray,
        noise: NDArray,
        rows: slice,
    ) -> None:
        """Add a block of rows to the sums of some pairs, from ``s^2 F`` of their columns."""
        (M, fourth, of_columns), s2 = sums, self.rows.model.noise_variance
        o, known, starts = self.columns.relative[some], self.rows.known, self.rows.starts
        if known is not None:
            if known != 1:
                M[some] += (known - 1) / s2 * F @ F.swapaxes(1, 2)
            return
        if starts is None:
            squares = (noise / s2) ** 2
            M[some] += (F * (squares - 1 / s2)) @ F.swapaxes(1, 2)
            square = 2 / 3 * squares**2
        else:
            first, last = np.searchsorted(starts, [rows.start, rows.stop])
            S = np.add.reduceat(F * noise, starts[first:last] - rows.start, axis=2) / s2
            M[some] += S @ S.swapaxes(1, 2) - F @ F.swapaxes(1, 2) / s2
            F, square = S, np.full(S.shape[2], 2 / 3)
        F = F * F
        fourth[some] += np.square((o[:, None] @ F)[:, 0]) @ square
        F *= F
        of_columns[some] += F @ square
