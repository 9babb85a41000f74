"""Score statistics of pairs, and their covariance as the rows show it.

For the columns ``phi`` of a pair, ``u = phi' K0^-1 y`` and ``C = phi' K0^-1 phi``, where K0 is the
covariance of the rows without the pair. Without an interaction of the pair, u has mean 0, and
covariance C if the model is right. The part of C that belongs to the noise is ``s^2 F'F`` with
``F = K0^-1 phi``. It is taken from squared residuals instead, so that uneven noise does no harm
(H. White 1980; J. MacKinnon and H. White 1985). Where rows belong to units, sums over a unit
replace single rows (R. Bell and D. McCaffrey 2002).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from joblib import delayed
from numpy.typing import NDArray

from skgeh.parallel import run_jobs
from skgeh.process._model import AnovaModel
from skgeh.process._products import blocks, multiplied

POWER = 1.25  # of what is left of a row, by which its squared residual is divided
LEAST_LEFT = 1e-6  # share of a row that a model leaves
AT_ONCE = 4000  # columns
BLOCK = 3_000_000  # entries of columns at the rows of a block
KEPT = 20_000_000  # entries of columns that are kept for the second pass
LEAST_ROWS = 256


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

    def part(self, some: slice) -> "PairColumns":
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
        Covariance of u according to the model, and according to the rows.
    fourth : ndarray of shape (p,)
        ``2 df`` is ``tr(o M)^2`` over a third of it: the sum over rows of squared shares of the
        noise in ``sum_w o_w u_w^2``.
    fourth_of_columns : ndarray of shape (p, m)
        The same for each column alone.
    """

    columns: PairColumns
    u: NDArray[np.float64]
    C: NDArray[np.float64]
    M: NDArray[np.float64]
    fourth: NDArray[np.float64]
    fourth_of_columns: NDArray[np.float64]


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

    @cached_property
    def left(self) -> NDArray[np.float64]:
        """What the model leaves of every row, ``1 - h`` with its leverage h, shape (n,)."""
        left = 1 - self.root**2 / self.model.data.weight
        for rows in self.blocks(len(self.model.solution.active)):
            Z = self.columns(self.values(rows), rows)
            left[rows] -= self.model.solution.leverages(Z)
        return np.maximum(left, LEAST_LEFT)

    @cached_property
    def unit_roots(self) -> list[tuple[NDArray, NDArray]]:
        """For each unit, V and e of ``(I - H)^(-POWER / 2) = I + V' diag(e) V``."""
        model, found = self.model, []
        level = self.root / np.sqrt(model.data.weight)
        for rows in _units(self.starts, len(self.root)):
            Z = self.columns(self.values(rows), rows)
            H = Z.T @ model.solution.ridge(Z) + np.outer(level[rows], level[rows])
            share, V = np.linalg.eigh(H)
            some = share > LEAST_LEFT
            left = np.maximum(1 - share[some], LEAST_LEFT)
            found.append((V[:, some].T, left ** (-POWER / 2) - 1))
        return found

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


def _units(starts: NDArray | None, n: int) -> Iterator[slice]:
    """Rows of every unit."""
    assert starts is not None
    for first, last in zip(starts.tolist(), [*starts[1:].tolist(), n], strict=True):
        yield slice(first, last)


def pair_statistics(
    rows: Rows, columns: PairColumns, n_jobs: int | None = None, *, quick: bool = False
) -> Iterator[PairStatistics]:
    """Statistics of pairs, some of them at a time; quick ones believe the model's noise."""
    p, m = columns.relative.shape
    n_units = 1 if rows.starts is None else len(rows.starts)
    size = max(min(AT_ONCE // m, 5 * BLOCK // (m * n_units)), 1)
    jobs = [delayed(_statistics)(rows, columns.part(some), quick) for some in blocks(p, size)]
    yield from run_jobs(jobs, n_jobs, prefer="threads")


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
    beyond = np.maximum(seen - own - np.sqrt(fourth), 0)
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
        self._explain(quick)
        C = self.gram - self.cross.swapaxes(1, 2) @ self.shared
        C /= s2
        identity = np.eye(C.shape[1])
        self.out = np.linalg.inv(identity - C * self.columns.prior[:, None])
        u = (self.out @ (self.sums / s2)[..., None])[..., 0]
        C = self.out @ C
        C = (C + C.swapaxes(1, 2)) / 2
        if quick:
            return PairStatistics(self.columns, u, C, C, np.zeros(len(u)), np.zeros(u.shape))
        M, fourth, of_columns = self._spread(u, C)
        if self.rows.even:
            M, fourth, of_columns = no_less(C, M, of_columns), 0 * fourth, 0 * of_columns
        return PairStatistics(self.columns, u, C, M, fourth, of_columns)

    def _blocks(self) -> Iterator[tuple[slice, NDArray, NDArray]]:
        """Rows, columns of the pairs (p, m, r) and of the model (k, r), not centred yet."""
        p, m = self.columns.relative.shape
        factors = self.columns.factors.reshape(2, -1)
        for rows in self.rows.blocks(p * m):
            values = self.rows.values(rows)
            D = multiplied(values, factors) * self.rows.root[rows]
            yield rows, D.reshape(p, m, -1), self.rows.columns(values, rows)

    def _explain(self, quick: bool) -> None:
        """Sums of products of columns, centred, and what those of the model explain of them."""
        (p, m), k = self.columns.relative.shape, len(self.rows.model.solution.active)
        self.gram, self.cross = np.zeros((p, m, m)), np.zeros((k, p * m))
        self.sums, self.centre = np.zeros((2, p, m))
        self.kept: list = []
        keep = len(self.rows.root) * (p * m + k) <= KEPT and not quick
        for rows, D, Z in self._blocks():
            self.gram += D @ D.swapaxes(1, 2)
            self.cross += Z @ D.reshape(p * m, -1).T
            self.sums += D @ self.rows.residuals[rows]
            self.centre += D @ self.rows.root[rows]
            if keep:
                self.kept.append((rows, D, Z))
        total = self.rows.model.data.weight
        self.gram -= self.centre[:, :, None] * self.centre[:, None] / total
        self.centre /= total
        shared = self.rows.model.solution.ridge(self.cross)
        self.cross, self.shared = (a.reshape(k, p, m).swapaxes(0, 1) for a in (self.cross, shared))

    def _spread(self, u: NDArray, C: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        """Covariance of u as the rows show it, and the sums for its degrees of freedom."""
        p, m = u.shape
        found = C.copy(), np.zeros(p), np.zeros((p, m))
        shared = np.ascontiguousarray(self.shared.transpose(1, 0, 2)).reshape(-1, p * m).T
        entered = self.columns.prior.any(1)
        others = np.flatnonzero(~entered)
        for rows, D, Z in self.kept or self._blocks():
            R = (D.reshape(p * m, -1) - shared @ Z).reshape(D.shape)
            R -= self.centre[..., None] * self.rows.root[rows]
            every = len(others) == p
            self._add(found, others, R if every else R[others], self.rows.residuals[rows], rows)
            for one in np.flatnonzero(entered).tolist():
                noise, F = self._without(one, R[one], u[one], rows)
                self._add(found, np.array([one]), F[None], noise, rows, entered=True)
        M, fourth, of_columns = found
        return (M + M.swapaxes(1, 2)) / 2, fourth, of_columns

    def _without(self, one: int, R: NDArray, u: NDArray, rows: slice) -> tuple[NDArray, NDArray]:
        """Residuals without a pair of the model, and ``s^2 F`` of its columns.

        Without units, residuals are divided by the root of what is left of their rows.
        """
        prior = self.columns.prior[one]
        F = self.out[one] @ R
        noise = self.rows.residuals[rows] + (prior * u) @ R
        if self.rows.starts is None and self.rows.known is None:
            left = self.rows.left[rows] + (F * prior[:, None] * R).sum(0) / self._noise
            noise /= np.maximum(left, LEAST_LEFT) ** (POWER / 2)
        return noise, F

    @property
    def _noise(self) -> float:
        """Noise variance of the model."""
        return self.rows.model.noise_variance

    def _add(
        self,
        found: tuple[NDArray, NDArray, NDArray],
        some: NDArray,
        F: NDArray,
        noise: NDArray,
        rows: slice,
        *,
        entered: bool = False,
    ) -> None:
        """Add a block of rows to the sums of some pairs, from ``s^2 F`` of their columns."""
        if len(some) == 0:
            return
        (M, fourth, of_columns), s2, o = found, self._noise, self.columns.relative[some]
        known, starts = self.rows.known, self.rows.starts
        if starts is not None:
            S = self._by_unit(F, noise, rows) / s2
            M[some] += S @ S.swapaxes(1, 2) - F @ F.swapaxes(1, 2) / s2
            F, square = S, np.full(S.shape[2], 2 / 3)
        elif known is not None:
            if known != 1:
                M[some] += (known - 1) / s2 * F @ F.swapaxes(1, 2)
            return
        else:
            squares = noise**2 if entered else noise**2 / self.rows.left[rows] ** POWER
            M[some] += (F * (squares / s2**2 - 1 / s2)) @ F.swapaxes(1, 2)
            square = 2 / 3 * (squares / s2**2) ** 2
        F = F * F
        fourth[some] += np.square((o[:, None] @ F)[:, 0]) @ square
        F *= F
        of_columns[some] += F @ square

    def _by_unit(self, F: NDArray, noise: NDArray, rows: slice) -> NDArray[np.float64]:
        """Sums over the rows of each unit, shape (p, m, units)."""
        starts, noise = self.rows.starts, noise.copy()
        assert starts is not None
        first, last = np.searchsorted(starts, [rows.start, rows.stop])
        ends = np.append(starts, len(self.rows.root))
        for k in range(first, last):
            V, stretch = self.rows.unit_roots[k]
            own = slice(ends[k] - rows.start, ends[k + 1] - rows.start)
            noise[own] += ((V @ noise[own]) * stretch) @ V
        return np.add.reduceat(F * noise, starts[first:last] - rows.start, axis=2)
