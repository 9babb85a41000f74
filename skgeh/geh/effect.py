"""The group expected Hessian and the number of groups (Cui et al. 2020, Eq. 4-7)."""

import numpy as np
from numpy.typing import NDArray

_SETTLED = 0.02  # share of the whole curve that may still follow
_NEGLIGIBLE = 1e-6  # changes of rank between pairs that differ by a thousandth of the sum


def group_expected_hessian(group_means: NDArray, weights: NDArray) -> NDArray:
    """Magnitude of each interaction, ``sum_m w_m |mean over group m of d2f / dx_i dx_j|`` (Eq. 6).

    With one group this is the absolute expected Hessian (Eq. 5), with one group per point the
    expected absolute Hessian (Eq. 4). It always holds that AEH <= GEH <= EAH.

    Parameters
    ----------
    group_means : ndarray of shape (..., M, P)
        Signed mean Hessians inside the groups.
    weights : ndarray of shape (M,)
        Share of the points in each group, ``|A_m| / n``.

    Returns
    -------
    ndarray of shape (..., P)

    Examples
    --------
    >>> group_expected_hessian(np.array([[2.0, 0.0], [-2.0, 1.0]]), np.array([0.5, 0.5])).tolist()
    [2.0, 0.5]
    """
    return weights.astype(group_means.dtype) @ np.abs(group_means)


def rank_weighted_distance(effect: NDArray, previous: NDArray) -> float:
    """Change of the ranking, ``sum_i (w_i - w'_i)^2 (rank_i - rank'_i)^2`` (Eq. 7).

    Effects are scaled to sum to 1 and ranks are divided by their number, so that distances can be
    compared between data sets. A pair whose rank stays contributes nothing.

    Parameters
    ----------
    effect, previous : ndarray of shape (P,)
        Effects with M and with M - 1 groups.

    Examples
    --------
    >>> rank_weighted_distance(np.array([3.0, 1.0]), np.array([0.6, 0.2]))
    0.0
    >>> rank_weighted_distance(np.array([1.0, 3.0]), np.array([3.0, 1.0]))
    0.125
    """
    shares = [values / max(values.sum(), np.finfo(float).tiny) for values in (effect, previous)]
    ranks = [values.argsort(kind="stable").argsort() / len(values) for values in shares]
    return float(np.sum((shares[0] - shares[1]) ** 2 * (ranks[0] - ranks[1]) ** 2))


def choose_n_groups(distances: NDArray) -> int:
    """Smallest number of groups after which the ranking hardly changes.

    The choice is the first M for which the rest of the curve, its sum over M, M + 1, ..., is at
    most 2 % of the whole sum, or negligible. A sum varies less with the seed than any single step.
    Of several curves, as from several clusterings, the median counts.

    Parameters
    ----------
    distances : ndarray of shape (curves, M_max - 1)
        `rank_weighted_distance` for M = 2, 3, ..., M_max.

    Returns
    -------
    int
        M, which is ``M_max`` if the curve never settles, and 1 if all of it is negligible.

    Examples
    --------
    >>> choose_n_groups(np.array([[5.0, 2.0, 0.01, 0.0, 0.02, 0.0]]))
    4
    >>> choose_n_groups(np.zeros((5, 20)))
    1
    """
    curve = np.median(distances, axis=0)
    left = np.cumsum(curve[::-1])[::-1]
    if not left.max(initial=0) > _NEGLIGIBLE:
        return 1
    settled = np.flatnonzero(left <= max(_SETTLED * left[0], _NEGLIGIBLE))
    return int(settled[0]) + 2 if len(settled) else len(curve) + 1
