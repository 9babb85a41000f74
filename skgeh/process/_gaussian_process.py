"""A Gaussian process over functional-ANOVA components, for few or noisy rows.

Main effects, pairs and triples of smooth functions have Gaussian weights with a few shared
variances, which are chosen by marginal likelihood. The rest is linear algebra: there is no
training, no rows are held out, and draws are exact.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, cholesky, lapack, solve_triangular
from scipy.optimize import minimize

from skgeh.process._anova import Anova, AnovaFunctions

# wide log-normal hyperprior of the variances of `_anova.GROUPS` and of the noise
TYPICAL = np.log([0.1, 0.05, 0.003, 0.003, 0.003, 0.0003, 0.5])
SPREAD = 3.0
RANGE = (-14.0, 5.0)
ITERATIONS, LAST_ITERATIONS = 20, 10
BLOCK = 1000  # rows whose likelihood is computed together
FLOOR = 1e-6  # least variance of a component in the score, since additive data drive it to 0
JITTER = 1e-8


@dataclass(frozen=True, eq=False)
class Observed:
    """Data that the marginal likelihood is computed from.

    Parameters
    ----------
    target : ndarray of shape (m,)
    kernels : ndarray of shape (6, m, m)
        Covariance of the rows by each group of weights at variance 1.
    n_left : int
        Number of further rotated rows, which contain nothing but noise.
    left : float
        Sum of their squares.
    """

    target: NDArray[np.float64]
    kernels: NDArray[np.float64]
    n_left: int = 0
    left: float = 0.0


@dataclass(frozen=True, eq=False)
class Sample:
    """The data of a linear model, in as few rows as carry the same information.

    Parameters
    ----------
    design : ndarray of shape (m, q)
    target : ndarray of shape (m,)
    n_left, left
        See `Observed`.
    """

    design: NDArray[np.float64]
    target: NDArray[np.float64]
    n_left: int = 0
    left: float = 0.0

    @classmethod
    def of(cls, basis: Anova, X: NDArray, y: NDArray, root_weight: NDArray) -> "Sample":
        """The rows as they are or, if these are more than the weights, rotated to fewer rows."""
        kind = cls.plain if len(X) <= len(basis.weights) else cls.turned
        return kind(basis, X, y, root_weight)

    @classmethod
    def plain(cls, basis: Anova, X: NDArray, y: NDArray, root_weight: NDArray) -> "Sample":
        """All rows as they are."""
        return cls(basis.design(X) * root_weight[:, None], y * root_weight)

    @classmethod
    def turned(cls, basis: Anova, X: NDArray, y: NDArray, root_weight: NDArray) -> "Sample":
        """Rows rotated to as many as there are weights: R and ``Q' y``, with ``design = Q R``."""
        q = len(basis.weights)
        gram, moment, total = np.zeros((q, q)), np.zeros(q), np.zeros(())
        for start in range(0, len(X), BLOCK):
            rows = slice(start, start + BLOCK)
            part = cls.plain(basis, X[rows], y[rows], root_weight[rows])
            gram += part.design.T @ part.design
            moment += part.design.T @ part.target
            total += part.target @ part.target
        gram[np.diag_indices(q)] += JITTER * len(X)
        R = cholesky(gram, overwrite_a=True, check_finite=False)
        target = solve_triangular(R, moment, trans="T")
        left = float(max(total - target @ target, JITTER * total))
        return cls(R, target, len(X) - q, left)

    def blocks(self) -> list["Sample"]:
        """Random blocks of about 1000 rows; rotated rows stay in one block."""
        if self.n_left:
            return [self]
        order = some_rows(len(self.target), len(self.target))
        parts = np.array_split(order, max(1, len(order) // BLOCK))
        return [Sample(self.design[part], self.target[part]) for part in parts]

    def observed(self, basis: Anova) -> Observed:
        """Target and kernels in the space of the sample's rows."""
        scaled = self.design * np.sqrt(basis.weights)
        kernels = []
        for group in range(len(TYPICAL) - 1):
            columns = scaled[:, basis.groups == group]
            kernels.append(columns @ columns.T)
        return Observed(self.target, np.stack(kernels), self.n_left, self.left)


def negative_log_evidence(theta: NDArray, seen: Observed) -> tuple[float, NDArray[np.float64]]:
    """Negative log marginal likelihood, up to a constant, and its gradient in the log variances.

    With ``K = sum_g s_g K_g + s^2 I``: ``(y' K^-1 y + log |K| + n_left log s^2 + left / s^2) / 2``.
    """
    *variances, noise = np.exp(theta)
    inverse, log_det = inverted(np.tensordot(variances, seen.kernels, 1), noise)
    alpha = inverse @ seen.target
    value = seen.target @ alpha + log_det + seen.n_left * np.log(noise) + seen.left / noise
    traces = [np.vdot(inverse, kernel) - alpha @ kernel @ alpha for kernel in seen.kernels]
    of_noise = np.trace(inverse) - alpha @ alpha + (seen.n_left - seen.left / noise) / noise
    return value / 2, np.array([*traces, of_noise]) * np.exp(theta) / 2


def inverted(covariance: NDArray, noise: float) -> tuple[NDArray[np.float64], float]:
    """Inverse of ``covariance + noise I`` and its log determinant."""
    covariance[np.diag_indices_from(covariance)] += noise + JITTER
    factor, _ = cho_factor(covariance, lower=True, overwrite_a=True, check_finite=False)
    log_det = 2 * np.log(np.diag(factor)).sum()
    inverse, _ = lapack.dpotri(factor, lower=1)
    inverse = np.tril(inverse)
    return inverse + np.tril(inverse, -1).T, log_det


def find_variances(
    samples: Sequence[Observed],
    start: NDArray = TYPICAL,
    iterations: int = ITERATIONS,
    typical: NDArray = TYPICAL,
    known_noise: bool = False,
) -> NDArray[np.float64]:
    """Most probable log variances of the groups and of the noise given the samples, shape (7,)."""

    def objective(theta: NDArray) -> tuple[float, NDArray]:
        values, gradients = zip(*(negative_log_evidence(theta, s) for s in samples), strict=True)
        away = (theta - typical) / SPREAD
        return sum(values) + away @ away / 2, sum(gradients) + away / SPREAD

    of_noise = (start[-1],) * 2 if known_noise else RANGE
    bounds, options = [RANGE] * (len(typical) - 1) + [of_noise], {"maxiter": iterations}
    return minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options).x


@dataclass(frozen=True, eq=False)
class GaussianProcessPosterior:
    """Posterior of the Gaussian weights of a functional-ANOVA basis.

    Parameters
    ----------
    basis : Anova
    sample : Sample
    variances : ndarray of shape (7,)
        Variances of the groups of weights and of the noise, in squared standard deviations of the
        target.
    intercept, intercept_variance : float, default=0
        Mean and variance of the intercept, if the target does not have mean 0.
    """

    basis: Anova
    sample: Sample
    variances: NDArray[np.float64]
    intercept: float = 0.0
    intercept_variance: float = 0.0

    n_outputs = 1

    @property
    def n_features(self) -> int:
        """Number of features ``d``."""
        return len(self.basis.bases)

    @property
    def noise_variance(self) -> float:
        """Variance of the noise, in squared standard deviations of the target."""
        return float(self.variances[-1])

    @cached_property
    def prior(self) -> NDArray[np.float64]:
        """Prior variance of every weight, shape (q,)."""
        return self.variances[self.basis.groups] * self.basis.weights

    @cached_property
    def factor(self) -> tuple[NDArray[np.float64], bool]:
        """Cholesky factor of the covariance of the rows."""
        scaled = self.sample.design * np.sqrt(self.prior)
        covariance = scaled @ scaled.T
        covariance[np.diag_indices_from(covariance)] += self.noise_variance + JITTER
        return cholesky(covariance, lower=True, overwrite_a=True, check_finite=False), True

    @cached_property
    def alpha(self) -> NDArray[np.float64]:
        """``K^-1 y``, shape (m,)."""
        return cho_solve(self.factor, self.sample.target)

    def solved(self) -> Self:
        """Compute the factor and the solution that every answer needs; return the posterior."""
        _ = self.alpha
        return self

    @cached_property
    def mean(self) -> NDArray[np.float64]:
        """Posterior mean of the weights, shape (q,)."""
        return self.given(self.sample.target[:, None], np.zeros((1, len(self.prior))))[0]

    def given(self, target: NDArray, start: NDArray) -> NDArray[np.float64]:
        """Weights (K, q) moved from `start` towards targets (m, K) (Matheron's rule)."""
        left = target - self.sample.design @ start.T
        return start + self.prior * (cho_solve(self.factor, left).T @ self.sample.design)

    def draw(self, n_draws: int, generator: torch.Generator, first: int = 0) -> AnovaFunctions:
        """Exact draws; see `RandomFunction`."""
        normal = partial(torch.randn, generator=generator, dtype=torch.float64)
        start = normal(n_draws, len(self.prior)).numpy() * np.sqrt(self.prior)
        noise = normal(len(self.sample.target), n_draws).numpy()
        target = self.sample.target[:, None] - np.sqrt(self.noise_variance) * noise
        shift = self.intercept
        if self.intercept_variance:
            shift = shift + np.sqrt(self.intercept_variance) * normal(n_draws).numpy()
        return AnovaFunctions(self.basis, self.given(target, start), shift)

    def members(self) -> AnovaFunctions:
        """The posterior mean."""
        return AnovaFunctions(self.basis, self.mean[None], self.intercept)

    def leave_one_out(self) -> NDArray[np.float64]:
        """Leave-one-out errors of the sample's rows, ``alpha_i / [K^-1]_ii``, shape (m,)."""
        inverse, _ = lapack.dtrtri(self.factor[0], lower=1)
        return self.alpha / np.einsum("ij,ij->j", inverse, inverse)

    def left_out(self, X: NDArray, y: NDArray, weight: NDArray) -> NDArray[np.float64]:
        """Leave-one-out predictions of training rows, shape (n,)."""
        design, (factor, lower) = self.basis.design(X), self.factor
        across = solve_triangular(factor, self.sample.design * self.prior @ design.T, lower=lower)
        variance = np.square(design) @ self.prior - np.square(across).sum(0)
        noise = self.noise_variance + JITTER  # jitter as in the factor; it matters on clean data
        leverage = np.clip(weight * variance / noise, 0, 1 - JITTER)
        return y - (y - self.intercept - design @ self.mean) / (1 - leverage)

    def pair_scores(self, *_: Any, **__: Any) -> NDArray[np.float64]:
        """Evidence ratio of every pair, which does not depend on points or effects."""
        return self.evidence_ratio()

    def evidence_ratio(self) -> NDArray[np.float64]:
        """Evidence of the data for each pair, relative to its expected value, shape (P,).

        ``sum_w v_w (phi_w' alpha)^2 / sum_w v_w phi_w' K^-1 phi_w`` over the weights w of the pair
        and of the triples that contain it, with ``alpha = K^-1 y``. Under the model, the expected
        value of this ratio is 1.
        """
        design, (factor, lower) = self.sample.design, self.factor
        prior = np.maximum(self.variances[self.basis.groups], FLOOR) * self.basis.weights
        asked = prior * (self.alpha @ design) ** 2
        expected = prior * np.square(solve_triangular(factor, design, lower=lower)).sum(0)
        return self.basis.of_pairs(asked) / np.maximum(self.basis.of_pairs(expected), FLOOR**2)


def some_rows(n_rows: int, size: int = BLOCK) -> NDArray[np.intp]:
    """Up to `size` rows in random order, the same ones in every call."""
    return np.random.default_rng(0).permutation(n_rows)[:size]
