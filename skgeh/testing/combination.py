"""P-values: from scores, over kinds of evidence, and corrected over pairs."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import false_discovery_control, norm

LEARNED = 0.5  # weight of the learned shapes; smooth ones have the rest
LEAST = 1e-300  # no p-value is 0
MOST = 0.99  # evidence for no interaction, in the Cauchy combination: it must not undo another's


def cauchy(p: NDArray, weights: NDArray) -> NDArray[np.float64]:
    """Cauchy combination over the last axis (Liu and Xie 2020), for any dependence in the tail.

    ``p = arctan2(1, sum_k w_k / tan(pi p_k)) / pi``: the form that keeps small values exact. Values
    above 0.99 count as 0.99: without it a single one near 1 would outweigh any small one.

    Examples
    --------
    >>> print(f"{cauchy(np.array([1e-200, 0.4]), np.array([0.5, 0.5])):.3g}")
    2e-200
    """
    p = np.clip(p, LEAST, MOST)
    return np.arctan2(1, (weights / np.tan(np.pi * p)).sum(-1)) / np.pi


def bonferroni(p: NDArray, weights: NDArray) -> NDArray[np.float64]:
    """``min_k p_k / w_k`` over the last axis: valid under any dependence.

    Examples
    --------
    >>> bonferroni(np.array([0.01, 0.4]), np.array([0.5, 0.5])).tolist()
    0.02
    """
    scaled = np.divide(p, weights, out=np.full(p.shape, np.inf), where=weights > 0)
    return np.clip(scaled.min(-1), LEAST, 1.0)


def combined(
    t: NDArray, phi: float, z: NDArray, phi_smooth: float, weights: NDArray, sequential: bool
) -> NDArray[np.float64]:
    """One p-value a pair from scores of learned and of smooth shapes, shape (q,).

    Parameters
    ----------
    t : ndarray of shape (R, K, q)
        Learned shapes: a real one has a positive coefficient, one side counts.
    phi : float
    z : ndarray of shape (R or 1, q, s)
        Smooth shapes, of either sign.
    phi_smooth : float
    weights : ndarray of shape (s,)
    sequential : bool
    """
    one_sided = norm.sf(t.sum(1).mean(0) / np.sqrt(t.shape[1] * phi))
    two_sided = 2 * norm.sf(np.abs(z.mean(0)) / np.sqrt(phi_smooth))
    p = np.column_stack([one_sided, two_sided])
    shares = np.array([LEARNED, *((1 - LEARNED) * weights)]) * (p < 1)  # aliased shapes have p = 1
    shares /= np.maximum(shares.sum(1, keepdims=True), np.finfo(float).tiny)
    return (bonferroni if sequential else cauchy)(p, shares)


def adjust(p: NDArray, control: str, tested: NDArray | None = None) -> NDArray[np.float64]:
    """P-values corrected over all their entries.

    Parameters
    ----------
    p : ndarray of any shape
        Over several outputs or classes too.
    control : {"fdr", "fdr_by", "fwer"}
        False discovery rate by Benjamini and Hochberg (1995); the same under any dependence by
        Benjamini and Yekutieli (2001); family-wise error rate by Holm (1979).
    tested : ndarray of bool in the shape of p, optional
        Entries to correct over, all by default; the others get 1.

    Returns
    -------
    ndarray in the shape of p

    Examples
    --------
    >>> adjust(np.array([0.01, 0.04, 0.03]), "fwer").round(2).tolist()
    [0.03, 0.06, 0.06]
    >>> adjust(np.array([0.01, 0.04, 0.03]), "fdr").round(2).tolist()
    [0.03, 0.04, 0.04]
    """
    methods = {
        "fdr": false_discovery_control,
        "fdr_by": lambda values: false_discovery_control(values, method="by"),
        "fwer": holm,
    }
    if control not in methods:
        raise ValueError(
            f"control must be one of {', '.join(map(repr, methods))}; got {control!r}."
        )
    mine = np.ones(p.shape, dtype=bool) if tested is None else tested
    adjusted = np.ones(p.shape)
    if mine.any():
        adjusted[mine] = methods[control](p[mine])
    return adjusted


def holm(p: NDArray) -> NDArray[np.float64]:
    """Holm's step-down correction of p-values (m,)."""
    order = np.argsort(p)
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted
