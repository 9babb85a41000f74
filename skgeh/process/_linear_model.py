"""Gaussian weights given a table: in the space of the weights or of the rows, whichever is smaller.

Weights have prior variances V, and the noise has variance s^2. With the centred columns Phi and
``Z = Phi V^1/2``, the covariance of the rows is ``K = Z Z' + s^2 I``, and ``A = Z'Z + s^2 I`` has
the size of the weights. Everything else follows from a factor of either. The space of the weights
needs only sums over rows, so a table can be read part by part.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import blas, cho_solve, lapack, solve_triangular

from skgeh.parallel import no_bar
from skgeh.process._products import ROWS, Products, blocks

MANY = 50_000  # rows from which on reading a table shows its progress
SINGULAR = 1e-12  # added to the diagonal, since one row may have nearly all of the weight

Parts = Iterable[tuple[NDArray, NDArray]]


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows that are left out, all of them times the roots of their weights.

    Parameters
    ----------
    places : ndarray of shape (m,)
        Places among all rows.
    Z : ndarray of shape (k, m)
    level : ndarray of shape (m,)
        Roots of the weights over the root of all weights: the direction of the mean.
    residuals : ndarray of shape (m,)
    units : sequence of ndarray
        Rows that are left out together, as places among these.
    """

    places: NDArray[np.intp]
    Z: NDArray[np.float64]
    level: NDArray[np.float64]
    residuals: NDArray[np.float64]
    units: Sequence[NDArray[np.intp]]


@dataclass(frozen=True, eq=False)
class Sums:
    """Sums over rows that determine the posterior; those of parts of a table add up.

    Parameters
    ----------
    gram : ndarray of shape (q, q)
        Weighted sums of products of columns.
    columns : ndarray of shape (q,)
        Weighted sums of columns.
    moments : ndarray of shape (q, c)
        Weighted sums of products of columns and targets.
    targets, squares : ndarray of shape (c,)
        Weighted sums of targets, and of their squares.
    weight : float
        Sum of the weights.
    n_rows : int
    """

    gram: NDArray[np.float64]
    columns: NDArray[np.float64]
    moments: NDArray[np.float64]
    targets: NDArray[np.float64]
    squares: NDArray[np.float64]
    weight: float
    n_rows: int

    @classmethod
    def of(
        cls,
        products: Products,
        X: NDArray,
        y: NDArray,
        weight: NDArray,
        progress: Callable = no_bar,
    ) -> "Sums":
        """Read a table by blocks of rows; y has shape (n, c)."""
        q, c = len(products), y.shape[1]
        gram = np.zeros((q, q), order="F")
        columns, moments = np.zeros(q), np.zeros((q, c))
        for rows in progress(blocks(len(X)), -(-len(X) // ROWS), "rows"):
            part, w = products.design(X[rows]), weight[rows]
            columns += part @ w
            moments += part @ (w[:, None] * y[rows])
            part *= np.sqrt(w)
            if q:  # which it is not where no feature varies
                gram = blas.dsyrk(1.0, part.T, beta=1.0, c=gram, trans=1, overwrite_c=1)
        gram += np.triu(gram, 1).T
        return cls(gram, columns, moments, weight @ y, weight @ y**2, float(weight.sum()), len(X))

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(*(a + b for a, b in zip(_fields(self), _fields(other), strict=True)))

    @cached_property
    def centre(self) -> NDArray[np.float64]:
        """Weighted means of the columns, shape (q,)."""
        return self.columns / self.weight

    @cached_property
    def centred(self) -> NDArray[np.float64]:
        """Sums of products of columns minus their means, shape (q, q)."""
        return self.gram - np.outer(self.centre, self.columns)

    @cached_property
    def variances(self) -> NDArray[np.float64]:
        """Weighted variance of every column, shape (q,)."""
        return self.centred.diagonal() / self.weight

    @property
    def means(self) -> NDArray[np.float64]:
        """Weighted mean of every target, shape (c,)."""
        return self.targets / self.weight

    def solve(self, prior: NDArray, noise: float, output: int) -> "InWeights":
        """Posterior of the weights, given prior variances (q,)."""
        active = np.flatnonzero(prior)
        root = np.sqrt(prior[active])
        every = len(active) == len(prior)
        A = (self.centred if every else self.centred[np.ix_(active, active)]) * root
        A *= root[:, None]
        A[np.diag_indices(len(A))] += noise
        factor = lapack.dpotrf(A.T, lower=1, overwrite_a=1, clean=1)[0]
        return InWeights(self, output, active, root, noise, factor)


def inverted(factor: NDArray) -> NDArray[np.float64]:
    """Inverse of a lower triangular matrix, which may be empty."""
    return lapack.dtrtri(factor, lower=1)[0] if len(factor) else factor


def _fields(sums: Sums) -> list:
    """Values of the fields, in their order."""
    return [getattr(sums, name) for name in Sums.__dataclass_fields__]


@dataclass(frozen=True, eq=False)
class InWeights:
    """Posterior of the weights by ``A = L L'``.

    All weights are divided by `root`, the root of their prior variance.

    Parameters
    ----------
    data : Sums
    output : int
    active : ndarray of shape (k,)
        Columns with a prior variance above 0.
    root : ndarray of shape (k,)
    noise : float
    factor : ndarray of shape (k, k)
        L.
    """

    data: Sums
    output: int
    active: NDArray[np.intp]
    root: NDArray[np.float64]
    noise: float
    factor: NDArray[np.float64]

    n_noise = 0  # normal numbers of noise that a draw takes

    @cached_property
    def moment(self) -> NDArray[np.float64]:
        """``Phi' y``, shape (q,)."""
        return self.data.moments[:, self.output] - self.data.centre * self.data.targets[self.output]

    @cached_property
    def mean(self) -> NDArray[np.float64]:
        """Posterior mean, ``A^-1 Z'y``."""
        return cho_solve((self.factor, True), self.root * self.moment[self.active])

    @cached_property
    def inverse(self) -> NDArray[np.float64]:
        """``L^-1``."""
        return inverted(self.factor)

    @cached_property
    def determined(self) -> NDArray[np.float64]:
        """Share of its prior variance that each weight has lost, ``1 - s^2 [A^-1]_jj``."""
        return 1 - self.noise * np.einsum("ij,ij->j", self.inverse, self.inverse)

    @property
    def residual(self) -> float:
        """Weighted sum of squared residuals."""
        y, of = self.data, self.output
        total = y.squares[of] - y.targets[of] ** 2 / y.weight
        fitted = self.mean @ (self.root * self.moment[self.active])
        return float(total - fitted - self.noise * self.mean @ self.mean)

    def covariance(self, places: NDArray) -> NDArray[np.float64]:
        """Posterior covariance of some of the active weights, ``s^2 [A^-1]``."""
        own = self.inverse[places.min() :, places]
        return self.noise * own.T @ own

    def ridge(self, columns: NDArray) -> NDArray[np.float64]:
        """``A^-1`` times columns of shape (k, ...)."""
        return cho_solve((self.factor, True), columns)

    def leverages(self, columns: NDArray) -> NDArray[np.float64]:
        """``z' A^-1 z`` of rows z, given as columns (k, r)."""
        half = self.inverse @ columns
        return np.einsum("kr,kr->r", half, half)

    def draws(self, normal: NDArray, _: NDArray) -> NDArray[np.float64]:
        """Exact draws (K, k), from standard normal numbers (K, k)."""
        return self.mean + np.sqrt(self.noise) * normal @ self.inverse

    def unexplained(self, columns: NDArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """``Phi' K^-1 y`` (p,) and ``Phi' K^-1 Phi`` (p, p) of columns that are not active."""
        across = self.data.centred[np.ix_(self.active, columns)] * self.root[:, None]
        half = solve_triangular(self.factor, across, lower=True, check_finite=False)
        own = self.data.centred[np.ix_(columns, columns)]
        asked, left = self.moment[columns] - across.T @ self.mean, own - half.T @ half
        return asked / self.noise, left / self.noise

    def expected(self, parts: Parts) -> NDArray[np.float64]:
        """``phi' K^-1 phi`` (p,) of other centred columns, given as blocks of rows of Z and phi."""
        sums: list[NDArray] = [np.zeros(())] * 2
        for Z, phi in parts:
            sums = [sums[0] + Z @ phi.T, sums[1] + np.einsum("pn,pn->p", phi, phi)]
        half = solve_triangular(self.factor, sums[0], lower=True, check_finite=False)
        return (sums[1] - np.square(half).sum(0)) / self.noise

    def left_out(self, rows: Rows) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Residuals of rows without their unit, and variances over s^2: by ``(I - H)^-1``.

        The hat matrix of a unit is ``H = B'B``, with a row of B for the mean. For units of many
        rows, ``(I - B'B)^-1 = I + B' (I - B B')^-1 B``.
        """
        B = np.vstack([self.inverse @ rows.Z, rows.level])
        errors, variances = np.empty((2, len(rows.level)))
        for unit in rows.units:
            own, e = B[:, unit], rows.residuals[unit]
            if own.shape[1] <= len(own):
                inverse = np.linalg.inv((1 + SINGULAR) * np.eye(len(unit)) - own.T @ own)
                errors[unit], variances[unit] = inverse @ e, inverse.diagonal()
            else:
                C = np.linalg.solve((1 + SINGULAR) * np.eye(len(own)) - own @ own.T, own)
                errors[unit], variances[unit] = e + own.T @ (C @ e), 1 + (own * C).sum(0)
        return errors, variances


@dataclass(frozen=True, eq=False)
class FewRows:
    """A table of fewer rows than columns, and what `Sums` would say about it.

    Parameters
    ----------
    design : ndarray of shape (q, n)
        Columns minus their weighted means, times the roots of the rows' weights.
    target : ndarray of shape (n, c)
        Targets in the same form.
    centre, means
        See `Sums`.
    weight : float
    """

    design: NDArray[np.float64]
    target: NDArray[np.float64]
    centre: NDArray[np.float64]
    means: NDArray[np.float64]
    weight: float

    @classmethod
    def of(cls, products: Products, X: NDArray, y: NDArray, weight: NDArray) -> "FewRows":
        """Read a table; y has shape (n, c)."""
        design, root = products.design(X), np.sqrt(weight)
        centre, means = (np.average(a, axis=0, weights=weight) for a in (design.T, y))
        design -= centre[:, None]
        design *= root
        total = float(weight.sum())
        return cls(design, root[:, None] * (y - means), centre, means, total)

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.target)

    @cached_property
    def variances(self) -> NDArray[np.float64]:
        """Weighted variance of every column, shape (q,)."""
        return np.einsum("qn,qn->q", self.design, self.design) / self.weight

    def solve(self, prior: NDArray, noise: float, output: int) -> "InRows":
        """Posterior of the weights, given prior variances (q,)."""
        active = np.flatnonzero(prior)
        root = np.sqrt(prior[active])
        Z = self.design[active] * root[:, None]
        K = Z.T @ Z
        K[np.diag_indices(len(K))] += noise
        factor = lapack.dpotrf(K.T, lower=1, overwrite_a=1, clean=1)[0]
        return InRows(self, output, active, root, noise, factor, Z)


@dataclass(frozen=True, eq=False)
class InRows:
    """Posterior of the weights by ``K = L L'``; see `InWeights`."""

    data: FewRows
    output: int
    active: NDArray[np.intp]
    root: NDArray[np.float64]
    noise: float
    factor: NDArray[np.float64]
    Z: NDArray[np.float64]

    @property
    def n_noise(self) -> int:
        """Normal numbers of noise that a draw takes."""
        return len(self.factor)

    @cached_property
    def alpha(self) -> NDArray[np.float64]:
        """``K^-1 y``."""
        return cho_solve((self.factor, True), self.data.target[:, self.output])

    @cached_property
    def mean(self) -> NDArray[np.float64]:
        """Posterior mean, ``Z' K^-1 y``."""
        return self.Z @ self.alpha

    @cached_property
    def half(self) -> NDArray[np.float64]:
        """``L^-1 Z``, shape (n, k)."""
        return lapack.dtrtrs(self.factor, self.Z.T, lower=1)[0]

    @cached_property
    def determined(self) -> NDArray[np.float64]:
        """Share of its prior variance that each weight has lost, ``[Z' K^-1 Z]_jj``."""
        return np.einsum("nk,nk->k", self.half, self.half)

    @property
    def residual(self) -> float:
        """Weighted sum of squared residuals."""
        return float(self.noise**2 * self.alpha @ self.alpha)

    def covariance(self, places: NDArray) -> NDArray[np.float64]:
        """Posterior covariance of some of the active weights, ``I - Z' K^-1 Z``."""
        own = self.half[:, places]
        return np.eye(len(places)) - own.T @ own

    def ridge(self, columns: NDArray) -> NDArray[np.float64]:
        """``A^-1`` times columns of shape (k, ...)."""
        return (columns - self.Z @ cho_solve((self.factor, True), self.Z.T @ columns)) / self.noise

    def leverages(self, columns: NDArray) -> NDArray[np.float64]:
        """``z' A^-1 z`` of rows z, given as columns (k, r)."""
        return np.einsum("kr,kr->r", columns, self.ridge(columns))

    def draws(self, normal: NDArray, noise: NDArray) -> NDArray[np.float64]:
        """Exact draws (K, k), from standard normal weights (K, k) and noise (K, n) (Matheron)."""
        target = self.data.target[:, self.output] - np.sqrt(self.noise) * noise
        left = target - normal @ self.Z
        return normal + cho_solve((self.factor, True), left.T).T @ self.Z.T

    def unexplained(self, columns: NDArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """``Phi' K^-1 y`` (p,) and ``Phi' K^-1 Phi`` (p, p) of columns that are not active."""
        phi = self.data.design[columns]
        half = lapack.dtrtrs(self.factor, phi.T, lower=1)[0]
        return phi @ self.alpha, half.T @ half

    def expected(self, parts: Parts) -> NDArray[np.float64]:
        """``phi' K^-1 phi`` (p,) of other centred columns, given as blocks of rows of Z and phi."""
        phi = np.concatenate([phi for _, phi in parts], axis=1)
        half = lapack.dtrtrs(self.factor, phi.T, lower=1)[0]
        return np.einsum("np,np->p", half, half)

    def left_out(self, rows: Rows) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Residuals of rows without their unit, and variances over s^2: ``I - H = s^2 K^-1``."""
        half = np.sqrt(self.noise) * inverted(self.factor)[:, rows.places]
        errors, variances = np.empty((2, len(rows.level)))
        for unit in rows.units:
            own, level = half[:, unit], rows.level[unit]
            left = own.T @ own - np.outer(level, level)
            inverse = np.linalg.inv(left + SINGULAR * np.eye(len(unit)))
            errors[unit], variances[unit] = inverse @ rows.residuals[unit], inverse.diagonal()
        return errors, variances


Data = Sums | FewRows
Solution = InWeights | InRows


def read(
    products: Products, X: NDArray, y: NDArray, weight: NDArray, progress: Callable = no_bar
) -> Data:
    """A table in the form that costs less multiplications in every step."""
    (n, c), q = y.shape, len(products)
    in_rows, in_weights = c * (2 * n**2 * q + n**3 / 3), n * q**2 + c * q**3
    if in_rows < in_weights:
        return FewRows.of(products, X, y, weight)
    return Sums.of(products, X, y, weight, progress if n > MANY else no_bar)
