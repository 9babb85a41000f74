"""P-values corrected for many tests."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import false_discovery_control

LEAST = 1e-300  # no p-value is 0


def cauchy(p: NDArray, weights: NDArray, most: float = 0.99) -> NDArray[np.float64]:
    """Cauchy combination over the last axis (Liu and Xie 2020), for any dependence in the tail.

    ``p = arctan2(1, sum_k w_k / tan(pi p_k)) / pi`` is the form that keeps small values exact.
    Values above `most` count as `most`; otherwise one near 1 would outweigh any small one.

    Examples
    --------
    >>> print(f"{cauchy(np.array([1e-200, 0.4]), np.array([0.5, 0.5])):.3g}")
    2e-200
    """
    p = np.clip(p, LEAST, most)
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


def over_targets(p: NDArray) -> NDArray[np.float64]:
    """The least p-value of each row (P, c), times the number of targets; NaN where there is none.

    Examples
    --------
    >>> over_targets(np.array([[0.01, 0.4], [0.2, np.nan], [np.nan, np.nan]])).tolist()
    [0.02, 0.4, nan]
    """
    known = np.isfinite(p)
    least = bonferroni(np.where(known, p, 1.0), known / p.shape[1])
    return np.where(known.any(1), least, np.nan)


def adjust(p: NDArray, control: str) -> NDArray[np.float64]:
    """P-values corrected over all entries of an array.

    Parameters
    ----------
    p : ndarray of any shape
        Entries may also belong to several outputs or classes. NaN is not tested: it counts as 1 in
        the number of tests, since what is asked must not depend on what could be answered.
    control : {"fdr", "fdr_by", "fwer"}
        The false discovery rate by Benjamini and Hochberg (1995); the same under any dependence by
        Benjamini and Yekutieli (2001); the family-wise error rate by Holm (1979).

    Returns
    -------
    ndarray in the shape of p
        NaN where p is.

    Examples
    --------
    >>> adjust(np.array([0.01, 0.04, 0.03]), "fwer").round(2).tolist()
    [0.03, 0.06, 0.06]
    >>> adjust(np.array([0.01, 0.04, 0.03]), "fdr").round(2).tolist()
    [0.03, 0.04, 0.04]
    >>> adjust(np.array([0.01, np.nan, 0.5]), "fwer").tolist()
    [0.03, nan, 1.0]
    """
    methods = {
        "fdr": false_discovery_control,
        "fdr_by": lambda values: false_discovery_control(values, method="by"),
        "fwer": _holm,
    }
    if control not in methods:
        raise ValueError(
            f"control must be one of {', '.join(map(repr, methods))}; got {control!r}."
        )
    if p.size == 0:
        return np.ones(p.shape)
    adjusted = methods[control](np.nan_to_num(p, nan=1.0).ravel()).reshape(p.shape)
    return np.where(np.isnan(p), np.nan, adjusted)


def _holm(p: NDArray) -> NDArray[np.float64]:
    """Holm's step-down correction of p-values (m,)."""
    order = np.argsort(p)
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted
