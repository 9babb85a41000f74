"""Score statistics of pairs, and their covariance as the rows show it.

For the columns ``phi`` of a pair, ``u = phi' K0^-1 y`` and ``C = phi' K0^-1 phi``, where K0 is the
covariance of the rows without the pair. Without an interaction of the pair, u has mean 0, and
covariance C if the model is right. The part of C that belongs to the noise is ``s^2 F'F`` with
``F = K0^-1 phi``. It is taken from squared residuals instead, so that uneven noise does no harm
(H. White 1980; J. MacKinnon and H. White 1985). Where rows belong to units, sums over a unit
replace single rows (R. Bell and D. McCaffrey 2002).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

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
    parts: Sequence[PairColumns],
    n_jobs: int | None = None,
    *,
    quick: bool = False,
    progress: Callable = no_bar,
) -> Iterator[PairStatistics]:
    """Statistics of pairs, some of them at a time; quick ones believe the model's noise."""
    n_units = 1 if rows.starts is None else len(rows.starts)
    jobs = [
        delayed(_statistics)(rows, some, quick) for some in _passes(parts, 5 * BLOCK // n_units)
    ]
    done = run_jobs(jobs, n_jobs, prefer="threads")
    for found in progress(done, len(jobs), "pairs"):
        yield from found


def _passes(parts: Sequence[PairColumns], most: int) -> Iterator[list[PairColumns]]:
    """Pairs that pass over the rows together, so that these and the model are read once."""
    found: list[PairColumns] = []
    most, size = max(min(AT_ONCE, most), 1), 0
    for part in parts:
        p, m = part.relative.shape
        for some in blocks(p, max(most // m, 1)):
            own = part.part(some)
            if found and size + own.relative.size > most:
                yield found
                found, size = [], 0
            found.append(own)
            size += own.relative.size
    if found:
        yield found


def _statistics(rows: Rows, parts: Sequence[PairColumns], quick: bool) -> list[PairStatistics]:
    """Statistics of some pairs, by two passes over the rows or, if quick, by one."""
    some = [_Part(rows, columns) for columns in parts]
    again = _explained(rows, some, quick)
    if quick:
        return [part.quick for part in some]
    for block, residualised in again():
        for part, R in zip(some, residualised, strict=True):
            part.add_spread(R, block)
    return [part.statistics for part in some]


def _explained(rows: Rows, parts: Sequence["_Part"], quick: bool) -> Callable:
    """Let the parts know what the model explains of their columns.

    Returns
    -------
    callable () -> iterator of (rows, list of ndarray of shape (p, m, r))
        Blocks of rows, and ``s^2 K^-1 phi`` there for each part.
    """
    if isinstance(rows.model.solution, InRows):
        every = slice(0, len(rows.root))
        values = rows.values(every)
        found = [part.explained_in_rows(values, every) for part in parts]
        return lambda: iter([(every, found)])
    n_columns, k = sum(part.size for part in parts), len(rows.model.solution.active)
    keep = len(rows.root) * (n_columns + k) <= KEPT and not quick
    kept: list = []

    def read() -> Iterator[tuple[slice, list[NDArray], NDArray]]:
        for block in rows.blocks(n_columns):
            values = rows.values(block)
            yield block, [part.at(values, block) for part in parts], rows.columns(values, block)

    for block, own, Z in read():
        for part, D in zip(parts, own, strict=True):
            part.add(D, Z, block)
        if keep:
            kept.append((block, own, Z))
    for part in parts:
        part.explain()

    def again() -> Iterator[tuple[slice, list[NDArray]]]:
        for block, own, Z in kept or read():
            yield block, [p.residualised(D, Z, block) for p, D in zip(parts, own, strict=True)]

    return again


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
class _Part:
    """Sums over the rows for pairs of one shape: what the model explains of them, then F."""

    rows: Rows
    columns: PairColumns

    def __post_init__(self) -> None:
        p, m = self.columns.relative.shape
        k = len(self.rows.model.solution.active)
        self.whole, self.sums, self.centre = np.zeros((3, p, m))
        self.left = np.zeros((p, m, m))
        self.cross = np.zeros((k if not isinstance(self.rows.model.solution, InRows) else 0, p * m))

    @property
    def size(self) -> int:
        """Number of columns."""
        return self.columns.relative.size

    def at(self, values: NDArray, rows: slice) -> NDArray[np.float64]:
        """Columns of the pairs at some rows, not centred, shape (p, m, r)."""
        factors = self.columns.factors
        D = multiplied(values, factors.reshape(2, -1))
        D *= self.rows.root[rows]
        return D.reshape(*factors.shape[1:], -1)

    def explained_in_rows(self, values: NDArray, rows: slice) -> NDArray[np.float64]:
        """The same for a model that is solved in rows; what it leaves of the columns."""
        solution, root = self.rows.model.solution, self.rows.root
        assert isinstance(solution, InRows)
        D = self.at(values, rows)
        D -= (D @ root / self.rows.model.data.weight)[..., None] * root
        flat = D.reshape(-1, len(root))
        R = solution.noise * cho_solve((solution.factor, True), flat.T).T.reshape(D.shape)
        self.whole, self.left = (D * D).sum(2), D @ R.swapaxes(1, 2)
        self.sums = D @ self.rows.residuals
        self._leave_out()
        return R

    def add(self, D: NDArray, Z: NDArray, rows: slice) -> None:
        """Add a block of rows to the sums."""
        self.left += D @ D.swapaxes(1, 2)
        self.cross += Z @ D.reshape(self.size, -1).T
        self.sums += D @ self.rows.residuals[rows]
        self.centre += D @ self.rows.root[rows]

    def explain(self) -> None:
        """What the model leaves of products of columns, from their sums."""
        p, m = self.columns.relative.shape
        total = self.rows.model.data.weight
        self.left -= self.centre[:, :, None] * self.centre[:, None] / total
        self.whole = np.einsum("pmm->pm", self.left).copy()
        shared = self.rows.model.solution.ridge(self.cross)
        own, theirs = (a.reshape(-1, p, m).swapaxes(0, 1) for a in (self.cross, shared))
        self.left -= own.swapaxes(1, 2) @ theirs
        self.shared, self.centre = shared.T, self.centre / total
        self._leave_out()

    def _leave_out(self) -> None:
        """Leave every pair out: ``(I - C V)^-1`` turns sums with the pair into those without."""
        s2 = self.rows.model.noise_variance
        C = self.left / s2
        self.out = np.linalg.inv(np.eye(C.shape[1]) - C * self.columns.prior[:, None])
        self.u = (self.out @ (self.sums / s2)[..., None])[..., 0]
        C = self.out @ C
        self.C = (C + C.swapaxes(1, 2)) / 2
        p, m = self.u.shape
        # of pairs without themselves, and around the mean for pairs of the model
        self.spreads = [(self.C.copy(), np.zeros(p), np.zeros((p, m))) for _ in range(2)]
        self.entered = np.flatnonzero(self.columns.prior.any(1))
        self.others = np.setdiff1d(np.arange(p), self.entered)

    def residualised(self, D: NDArray, Z: NDArray, rows: slice) -> NDArray[np.float64]:
        """``s^2 K^-1 phi`` at some rows, shape (p, m, r)."""
        R = D - (self.shared @ Z).reshape(D.shape)
        R -= self.centre[..., None] * self.rows.root[rows]
        return R

    @property
    def _seen(self) -> NDArray[np.float64]:
        """Share of every column that is left by the model without the pair."""
        own = self.rows.model.noise_variance * np.einsum("pmm->pm", self.C)
        return own / np.maximum(self.whole, np.finfo(float).tiny)

    @property
    def quick(self) -> PairStatistics:
        """Statistics that believe the model's noise."""
        C, u = self.C, self.u
        return PairStatistics(self.columns, u, C, C, C, self._seen, np.zeros(len(u)), 0 * u)

    @property
    def statistics(self) -> PairStatistics:
        """Statistics with the noise as the rows show it."""
        (M, fourth, of_columns), (around, _, _) = self.spreads
        spread = M.copy()
        spread[self.entered] = around[self.entered]
        M, spread = ((one + one.swapaxes(1, 2)) / 2 for one in (M, spread))
        if self.rows.even:
            M, spread = (no_less(self.C, one, of_columns) for one in (M, spread))
            fourth, of_columns = 0 * fourth, 0 * of_columns
        return PairStatistics(
            self.columns, self.u, self.C, M, spread, self._seen, fourth, of_columns
        )

    def add_spread(self, R: NDArray, rows: slice) -> None:
        """Add a block of rows to the covariances of u as the rows show them."""
        sums, around = self.spreads
        noise = self.rows.residuals[rows]
        scaled = self._scaled(noise, rows)
        others = self.others
        if len(others):
            self._add(sums, others, R if len(others) == len(R) else R[others], scaled, rows)
        for one in self.entered.tolist():
            own, prior = R[one], self.columns.prior[one]
            F = self.out[one] @ own
            without = self._scaled(noise + (prior * self.u[one]) @ own, rows, (F, prior, own))
            self._add(sums, np.array([one]), F[None], without, rows)
            self._add(around, np.array([one]), F[None], scaled, rows)

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
