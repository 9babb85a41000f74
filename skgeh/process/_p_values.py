"""P-values of pairs from their score statistics, in closed form.

A pair may interact in a form that is spread over its columns, or in one of them. So three kinds of
tests are combined: that of ``Q = sum_w o_w u_w^2``, whose null law is a mixture of chi-squares (D.
Zhang, X. Lin 2003), that of the product of both lines, and those of the other columns, each alone
(Y. Liu, J. Xie, "Cauchy combination test", 2020; Y. Liu et al., "ACAT", 2019). Estimated
covariances have degrees of freedom (Satterthwaite 1946).
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import stdtr
from scipy.stats import norm

from skgeh.process._pair_statistics import PairStatistics
from skgeh.tables.corrections import LEAST, cauchy

WEIGHTS = 0.34, 0.33, 0.33  # of all columns together, of both lines, and of single columns
LEAST_RELATIVE = 0.04  # prior variance of a column that is tested alone
NOTHING = 1e-10  # share of the largest eigenvalue
SEEN = 1e-5  # share of a column that others must not explain
MOST_FREEDOM = 1e7


def p_values(found: PairStatistics, sure: float = 0.0) -> NDArray[np.float64]:
    """P-value of every pair, shape (p,); NaN where nothing is left of its columns.

    Pairs with a p-value of at most `sure` have been found. From then on, their own signal no longer
    counts as noise, so that p-values fall as signals rise.
    """
    p = _p_values(found)
    clear = np.flatnonzero(p <= sure)
    if len(clear):
        again = found.part(clear)
        p[clear] = np.minimum(p[clear], _p_values(replace(again, M=again.spread)))
    return p


def _p_values(found: PairStatistics) -> NDArray[np.float64]:
    """P-values by the covariance M."""
    o, waves = found.columns.relative, found.columns.waves
    variance = np.einsum("pmm->pm", found.M)
    there = (found.seen > SEEN) & (variance > 0)
    o = np.where(there, o, 0)
    freedom = degrees_of_freedom(np.where(there, variance, 1), found.fourth_of_columns)
    t = np.abs(found.u) / np.sqrt(np.where(there, variance, 1))
    single = 2 * stdtr(freedom, -t)
    lines = there & (waves == 0)
    others = there & (waves > 0) & (o > LEAST_RELATIVE)
    shares = [WEIGHTS[1] * lines, WEIGHTS[2] * np.where(others, o**2, 0)]
    given = np.maximum([lines.sum(1), np.where(others, o**2, 0).sum(1)], 1e-300)[..., None]
    weights = sum(share / total for share, total in zip(shares, given, strict=True))
    weights = np.column_stack([np.full(len(o), WEIGHTS[0]), weights])
    together = [
        of_quadratic_form(u, M, root, fourth) if some.any() else np.nan
        for u, M, root, fourth, some in zip(
            found.u, found.M, np.sqrt(o), found.fourth, there, strict=True
        )
    ]
    p = np.column_stack([together, np.where(there, single, 1)])
    found_p = cauchy(p, weights / weights.sum(1, keepdims=True))
    return np.where(there.any(1), np.clip(found_p, LEAST, 1), np.nan)


def signals(found: PairStatistics) -> NDArray[np.float64]:
    """How much pairs stand out: noncentralities and degrees of freedom, shape (p, 2, 2).

    The first statistic is that of all columns together, as one chi-square (Satterthwaite), the
    second that of the product of both lines. The noise's part is subtracted, so that
    noncentralities may be below 0; they grow in proportion to the rows.
    """
    o, M = found.columns.relative, found.M
    trace = np.einsum("pm,pmm->p", o, M)
    squares = np.einsum("pa,pab,pb,pab->p", o, M, o, M)
    unit = np.maximum(squares, np.finfo(float).tiny) / np.maximum(trace, np.finfo(float).tiny)
    together = (np.einsum("pm,pm->p", o, found.u**2) - trace) / unit
    lines = np.where(found.columns.waves == 0, o, 0)
    variance = np.maximum(np.einsum("pm,pmm->p", lines, M), np.finfo(float).tiny)
    line = np.einsum("pm,pm->p", lines, found.u**2) / variance - 1
    freedom = np.stack([trace / unit, np.maximum((lines > 0).sum(1), 1)], axis=1)
    return np.stack([np.stack([together, line], axis=1), freedom], axis=2)


def degrees_of_freedom(trace: NDArray, fourth: NDArray) -> NDArray[np.float64]:
    """Satterthwaite's, from a variance and the variance of its estimate."""
    square = 2 * trace**2
    return np.maximum(square / np.maximum(fourth, square / MOST_FREEDOM), 1)


def of_quadratic_form(u: NDArray, M: NDArray, root: NDArray, fourth: float) -> float:
    """P-value of ``sum_w o_w u_w^2`` if u has covariance M."""
    share = np.linalg.eigvalsh(root[:, None] * M * root)
    share = share[share > NOTHING * share[-1]]
    freedom = degrees_of_freedom(share.sum(), np.asarray(fourth))
    return tail(float(np.square(root * u).sum()), share, float(freedom))


def tail(q: float, shares: NDArray, freedom: float) -> float:
    """``P(sum_k l_k chi2_1 > q chi2_f / f)`` by saddlepoint (D. Kuonen 1999).

    Examples
    --------
    >>> from scipy.stats import f
    >>> round(tail(12.0, np.ones(4), 20.0), 2), round(float(f.sf(3.0, 4, 20)), 2)
    (0.04, 0.04)
    """
    if len(shares) == 0 or q <= 0:
        return 1.0
    q, shares = q / shares.sum(), shares / shares.sum()  # so that tolerances are relative
    if abs(q - 1) < 1e-4:  # where digits cancel
        q = 1 + 1e-4
    a = q / freedom

    def slope(t: float) -> float:
        return float((shares / (1 - 2 * t * shares)).sum() - q / (1 + 2 * t * a))

    t = brentq(slope, -0.5 / a * (1 - 1e-9), 0.5 / shares.max() * (1 - 1e-10))
    K = -0.5 * (np.log1p(-2 * t * shares).sum() + freedom * np.log1p(2 * t * a))
    bend = 2 * np.square(shares / (1 - 2 * t * shares)).sum()
    bend += 2 * q * a / (1 + 2 * t * a) ** 2
    w, v = np.sign(t) * np.sqrt(max(-2 * K, 0)), t * np.sqrt(bend)
    if abs(w) < 1e-5:
        return 0.5
    return float(np.exp(max(norm.logsf(w + np.log(v / w) / w), np.log(LEAST))))
