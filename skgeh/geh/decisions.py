"""What a table decides about its pairs: p-values, signs, and intervals that cover.

The posterior describes how strong an interaction may be; these say what the rows show, by tests
that do not use the posterior.

The interval of a magnitude ``m = sum_g w_g |b_g|`` follows from bounds ``l_g, u_g`` of the signed
effects of all groups, and of their mean ``b_0``, that hold at once. Its lower end is the larger of
``sum_g w_g max(l_g, -u_g, 0)`` and ``max(l_0, -u_0, 0)``. Its upper end is the smaller of
``sum_g w_g max(|l_g|, |u_g|)`` and ``sum_g w_g |b_g| + q``, where q is the quantile of
``sum_g w_g |e_g|`` for the errors e.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.stats import f as f_law
from scipy.stats import norm
from scipy.stats import t as student

from skgeh.tables.corrections import adjust

_DRAWS = 4000  # of the largest error over groups
_CHUNK = 200  # pairs whose errors are drawn at once
_LEVEL = 0.95  # of intervals and of signs


@dataclass(frozen=True, eq=False)
class SignedEffects:
    """Effects of one output in every group of points, and their errors.

    Parameters
    ----------
    effect : ndarray of shape (P, M + 1)
        Mean second derivatives in each group, and over all points; for pairs with a category, norms
        of level contrasts. NaN for pairs that were not tested.
    shrunken : ndarray of shape (P, M + 1)
        The same, shrunken by as much as the noise suggests: better estimates, but no intervals.
    square : ndarray of shape (P, M + 1)
        Variance of the effect; for a norm, the mean squared length of the error.
    spread : ndarray of shape (P, M + 1)
        For a norm, half the variance of that squared length.
    correlation : ndarray of shape (P, M + 1, M + 1)
        Of the errors.
    freedom : ndarray of shape (P,)
        Degrees of freedom of the variances.
    is_norm : ndarray of bool of shape (P,)
    """

    effect: NDArray[np.float64]
    shrunken: NDArray[np.float64]
    square: NDArray[np.float64]
    spread: NDArray[np.float64]
    correlation: NDArray[np.float64]
    freedom: NDArray[np.float64]
    is_norm: NDArray[np.bool_]

    def magnitude(self, weights: NDArray) -> NDArray[np.float64]:
        """Mean size of the shrunken effects over groups, shape (P,)."""
        return np.abs(self.shrunken[:, :-1]) @ weights

    def bounds(self, level: float) -> tuple[NDArray, NDArray]:
        """Bounds that hold at once, for all groups and over all points, each (P, M + 1)."""
        return self._usual_bounds if level == _LEVEL else self._bounds(level)

    @cached_property
    def _usual_bounds(self) -> tuple[NDArray, NDArray]:
        """Those of signs and of most intervals, since drawing errors takes a while."""
        return self._bounds(_LEVEL)

    def _bounds(self, level: float) -> tuple[NDArray, NDArray]:
        """See `bounds`."""
        half = np.sqrt(self.square) * self._longer(level, _largest_error(self.correlation, level))
        if self.is_norm.any():
            half[self.is_norm] = self._longest(level ** (1 / self.effect.shape[1]))  # Sidak
        low = self.effect - half
        if self.is_norm.any():
            low[self.is_norm] = self._shortest(level ** (1 / self.effect.shape[1]))
        return low, self.effect + half

    def interval(self, weights: NDArray, level: float) -> NDArray[np.float64]:
        """Interval of the mean size over groups, shape (P, 2)."""
        low, high = self.bounds(level)
        nearest = np.maximum(np.maximum(low, -high), 0)
        farthest = np.maximum(np.abs(low), np.abs(high))[:, :-1] @ weights
        error = np.sqrt(self.square[:, :-1]) * weights
        mean_error = _largest_error(self.correlation[:, :-1, :-1], level, error)
        sizes = np.abs(self.effect[:, :-1]) @ weights
        above = sizes + self._longer(level, mean_error)[:, 0]
        above[self.is_norm] = np.inf
        lower = np.maximum(nearest[:, :-1] @ weights, nearest[:, -1])
        return np.column_stack([lower, np.minimum(farthest, above)])

    def _longer(self, level: float, quantile: NDArray) -> NDArray[np.float64]:
        """Quantiles of normal errors, made longer since variances are estimated, shape (P, 1)."""
        normal = norm.ppf((1 + level) / 2)
        return (quantile * student.ppf((1 + level) / 2, self.freedom) / normal)[:, None]

    def _longest(self, level: float) -> NDArray[np.float64]:
        """Quantiles of the lengths of the errors of norms."""
        tiny, some = np.finfo(float).tiny, self.is_norm
        mean = np.maximum(self.square[some], tiny)
        freedom = mean**2 / np.maximum(self.spread[some], tiny)
        return np.sqrt(mean * self._f_quantile(level, freedom, self.freedom[some]))

    def _shortest(self, level: float) -> NDArray[np.float64]:
        """Lower bounds of norms, from the square of an estimate, which the errors make longer."""
        some = self.is_norm
        squared, mean, spread = self.effect[some] ** 2, self.square[some], self.spread[some]
        largest = np.sqrt(spread)  # at least the largest variance in any direction
        deviation = np.sqrt(2 * spread + 4 * squared * largest)
        quantile = student.ppf((1 + level) / 2, self.freedom[some])[:, None]
        return np.sqrt(np.maximum(squared - mean - quantile * deviation, 0))

    @staticmethod
    def _f_quantile(level: float, first: NDArray, second: NDArray) -> NDArray[np.float64]:
        """Quantiles of F, whose numerator is the squared length and whose denominator its mean."""
        return f_law.ppf(level, np.minimum(first, 1e6), np.minimum(second[:, None], 1e6))

    def sign(self, level: float = _LEVEL) -> NDArray:
        """Whether all that is away from 0 is "+", "-" or "mixed"; "" if nothing is, (P,)."""
        low, high = self.bounds(level)
        positive, negative = (low > 0).any(1), (high < 0).any(1)
        found = np.select([positive & negative, positive, negative], ["mixed", "+", "-"], "")
        return np.where(self.is_norm, "", found).astype(object)

    def pointwise(self, level: float) -> tuple[NDArray, NDArray, NDArray]:
        """Bounds of every group alone, and its p-value, each (P, M + 1); NaN for norms."""
        error = np.where(self.is_norm[:, None], np.nan, np.sqrt(self.square))
        return _alone(self.effect, error, self.freedom[:, None], level)

    def turned(self, sign: float) -> "SignedEffects":
        """The effects of the opposite output, if `sign` is -1."""
        if sign > 0:
            return self
        signed = ~self.is_norm[:, None]
        effect, shrunken = (np.where(signed, -b, b) for b in (self.effect, self.shrunken))
        return replace(self, effect=effect, shrunken=shrunken)


@dataclass(frozen=True, eq=False)
class LevelEffects:
    """Signed effects of one pair at levels of its features, of one output.

    Rows are the levels of the first feature, columns those of the second; a number has one.

    Parameters
    ----------
    effect, error : ndarray of shape (k, l)
        NaN where there is no point, and for a pair that was not tested.
    freedom : float
        Degrees of freedom of the errors.
    counts : ndarray of shape (k, l)
        Number of points.
    """

    effect: NDArray[np.float64]
    error: NDArray[np.float64]
    freedom: float
    counts: NDArray[np.intp]

    def pointwise(self, level: float) -> tuple[NDArray, NDArray, NDArray]:
        """Bounds of every effect alone, and its p-value, each (k, l)."""
        return _alone(self.effect, self.error, self.freedom, level)


def _alone(
    effect: NDArray, error: NDArray, freedom: NDArray | float, level: float
) -> tuple[NDArray, NDArray, NDArray]:
    """Bounds of effects and their p-values by Student's law, without correction."""
    half = student.ppf((1 + level) / 2, freedom) * error
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2 * student.sf(np.abs(effect) / error, freedom)
    return effect - half, effect + half, p


def _largest_error(
    correlation: NDArray, level: float, shares: NDArray | None = None
) -> NDArray[np.float64]:
    """Quantiles of the largest absolute of normal errors, for matrices (P, M, M), shape (P,).

    With shares of shape (P, M), it is the sum of the absolutes times their shares instead.

    Examples
    --------
    >>> one, many = _largest_error(np.stack([np.ones((20, 20)), np.eye(20)]), 0.95)
    >>> round(float(one), 1), round(float(many), 1)
    (2.0, 3.0)
    """
    n_errors = correlation.shape[-1]
    normal = np.random.default_rng(0).standard_normal((_DRAWS, n_errors))
    found = np.full(len(correlation), np.nan)
    known = np.flatnonzero(np.isfinite(correlation).all((1, 2)))
    for first in range(0, len(known), _CHUNK):
        some = known[first : first + _CHUNK]
        values, vectors = np.linalg.eigh(correlation[some])
        root = vectors * np.sqrt(np.maximum(values, 0))[:, None]
        errors = np.abs(normal @ root.swapaxes(1, 2))
        one = errors.max(2) if shares is None else (errors @ shares[some][..., None])[..., 0]
        found[some] = np.quantile(one, level, axis=1)
    return found


@dataclass(frozen=True, eq=False)
class Decisions:
    """P-values of pairs, and their effects in some groups of points.

    Parameters
    ----------
    p_value : ndarray of shape (P,)
        NaN for pairs that were not tested. With several outputs, the least over them times their
        number.
    reason : ndarray of P str
        Why a pair was not tested; '' for those that were.
    share : ndarray of shape (P,)
        Share of the target's variance, or deviance, that the pair explains beyond main effects and
        other pairs, less the noise's part.
    effects : sequence of SignedEffects
        Of every output.
    weights : ndarray of shape (M,)
        Shares of the points in each group.
    at_levels : callable, optional
        Effects of a pair, by its place and that of one of `effects`, at the levels of its features.
    """

    p_value: NDArray[np.float64]
    reason: NDArray
    share: NDArray[np.float64]
    effects: Sequence[SignedEffects]
    weights: NDArray[np.float64]
    at_levels: Callable[[int, int], LevelEffects] | None = None

    @property
    def tested(self) -> NDArray[np.bool_]:
        """Whether there was a test, shape (P,)."""
        return np.isfinite(self.p_value)

    @property
    def p_fdr(self) -> NDArray[np.float64]:
        """P-values corrected for all pairs, at a false discovery rate, shape (P,)."""
        return adjust(self.p_value, "fdr")

    @property
    def effect(self) -> NDArray[np.float64]:
        """Magnitudes by shrunken effects, inside their intervals, shape (P,)."""
        low, high = self._usual_interval.T
        mean = np.mean([one.magnitude(self.weights) for one in self.effects], axis=0)
        return np.clip(mean, low, high)

    def interval(self, level: float) -> NDArray[np.float64]:
        """Intervals of the magnitudes, (P, 2); of their mean if there are several outputs."""
        return self._usual_interval if level == _LEVEL else self._interval(level)

    @cached_property
    def _usual_interval(self) -> NDArray[np.float64]:
        """That of effects and of the table."""
        return self._interval(_LEVEL)

    def _interval(self, level: float) -> NDArray[np.float64]:
        """See `interval`."""
        each = 1 - (1 - level) / len(self.effects)
        return np.mean([one.interval(self.weights, each) for one in self.effects], axis=0)

    @property
    def sign(self) -> NDArray:
        """Signs of the effects, shape (P,); "" if there are several outputs."""
        if len(self.effects) > 1:
            return np.full(len(self.p_value), "", dtype=object)
        return self.effects[0].sign()
