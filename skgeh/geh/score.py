"""The detection score, which says which pairs to look at first.

The effect (Eq. 6) says how strong an interaction is; this score says how far it stands above the
disagreement between networks. Each pair has its own groups, k-means clusters crossed with the four
quadrants of the pair, so that an interaction that changes its sign along either feature does not
cancel. The mean over networks is taken before the absolute value, and each feature's share of the
networks' disagreement is divided out. Posteriors without networks have their own `pair_scores`.
"""

from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skgeh.geh.effect import group_expected_hessian
from skgeh.geh.functions import RandomFunction, member_weights
from skgeh.geh.hessians import group_mean_hessians, pointwise_hessians
from skgeh.geh.pairs import pair_index, to_vector
from skgeh.geh.partition import Partition

_MANY_PAIRS = 4950  # up to this many pairs (100 features), all get a Hessian at every point
_LEADING_PAIRS = 2000  # with more pairs, only the strongest do
_N_CLUSTERS = 8
_MIN_SIDE = 0.1  # a median split that leaves fewer points than this share on one side is dropped
_SPREAD_FLOOR = 1e-3  # of the median variance
_ROUNDING = 100 * np.finfo(float).eps


def rank_pairs(
    posterior: RandomFunction,
    x: Tensor,
    effect: NDArray,
    *,
    target: int | None = None,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Score of every pair, by the posterior's own `pair_scores` if it has any, else its networks.

    Parameters
    ----------
    posterior : RandomFunction
    x : Tensor of shape (n, d)
        Points, in the posterior's units.
    effect : ndarray of shape (P,)
    target : int, optional
        Output to use; by default scores are means over all outputs.
    seed : int, default=0

    Returns
    -------
    ndarray of shape (P,)
    """
    scores = getattr(posterior, "pair_scores", partial(_detection_scores, posterior))
    return scores(x, effect, target=target, seed=seed)


def _detection_scores(
    posterior: RandomFunction,
    x: Tensor,
    effect: NDArray,
    *,
    target: int | None = None,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Detection score of every pair, by the networks' mean functions; see `rank_pairs`.

    With more than 100 features, only the pairs with the strongest effects are scored; the others
    rank below them, in the order of their effects.
    """
    leading = _strongest(effect)
    pairs = pair_index(posterior.n_features)[leading]
    with torch.no_grad():
        hessians = pointwise_hessians(posterior.members(), x, torch.from_numpy(pairs)).cpu().numpy()
    outputs = range(posterior.n_outputs) if target is None else [target]
    X = x.cpu().numpy().astype(np.float64)
    scores = np.mean([_detection_score(hessians[:, c], X, pairs, seed) for c in outputs], axis=0)
    if len(leading) == len(effect):
        return scores
    least = max(scores.min(), np.finfo(float).eps)
    rest = np.delete(effect, leading)
    score = least / 2 * effect / (rest.max() or 1.0)
    score[leading] = np.maximum(scores, least)
    return score


def _leading_pairs(posterior: RandomFunction, x: Tensor, target: int | None = None) -> Tensor:
    """All pairs, or with over 100 features those strongest for the mean functions, (q, 2)."""
    pairs = pair_index(posterior.n_features)
    if len(pairs) > _MANY_PAIRS:
        groups = Partition.kmeans(x.cpu().numpy().astype(np.float64), _N_CLUSTERS)
        with torch.no_grad():
            hessian = group_mean_hessians(posterior.members(), x, groups).full()
        weights = member_weights(posterior)
        mean = np.average(hessian.cpu().numpy(), axis=0, weights=weights)
        chosen = mean if target is None else mean[target : target + 1]
        effect = group_expected_hessian(to_vector(chosen), groups.weights).mean(0)
        pairs = pairs[_strongest(effect)]
    return torch.from_numpy(pairs)


def _strongest(effect: NDArray) -> NDArray[np.intp]:
    """Indices of the pairs that get a Hessian at every point, in increasing order."""
    if len(effect) <= _MANY_PAIRS:
        return np.arange(len(effect))
    return np.sort(np.argsort(-effect, kind="stable")[:_LEADING_PAIRS])


def _detection_score(hessians: NDArray, X: NDArray, pairs: NDArray, seed: int = 0) -> NDArray:
    """Group effect of the mean network, divided by the pooled spread of the networks.

    ``score_ij = (sum_c w_c |mean_e H_eij(c)|) / (s_i s_j)``, with cells c of the pair (i, j),
    networks e, and ``log V_ij = 2 log s_i + 2 log s_j`` fitted by least squares to the networks'
    weighted variance ``V_ij = sum_c w_c var_e H_eij(c)``.

    Parameters
    ----------
    hessians : ndarray of shape (E, n, P)
        Mixed second derivatives of E networks at n points.
    X : ndarray of shape (n, d)
        The points, in standard units.
    pairs : ndarray of shape (P, 2)
    seed : int, default=0
        Seed of the k-means clusters.

    Returns
    -------
    ndarray of shape (P,)
        Not negative, and without a unit. With one network or fewer than three pairs, the spread
        cannot be pooled and the score is the numerator alone.
    """
    cells = _pair_cells(X, pairs, seed)
    means, weights = _cell_means(hessians, cells)
    effect = np.einsum("mp,mp->p", weights, np.abs(means.mean(0)))
    if len(hessians) < 2 or len(pairs) < 3:
        return effect
    variance = np.einsum("mp,mp->p", weights, means.var(0, ddof=1))
    if np.median(variance) <= (_ROUNDING * np.median(effect)) ** 2:
        return effect  # the networks differ only by rounding
    return effect / _pooled_spread(variance, pairs, X.shape[1])


def _pair_cells(X: NDArray, pairs: NDArray, seed: int) -> NDArray[np.intp]:
    """Cell of every point for every pair, shape (n, P): cluster times quadrant."""
    clusters = Partition.kmeans(X, _N_CLUSTERS, seed).labels
    median = np.median(X, axis=0)
    above, from_on = np.greater(X, median), np.greater_equal(X, median)
    # where points tie at the median, take the split that is nearer to halves
    nearer = np.abs(above.mean(0) - 0.5) <= np.abs(from_on.mean(0) - 0.5)
    sides = np.where(nearer, above, from_on)
    share = sides.mean(0)
    sides[:, (share < _MIN_SIDE) | (share > 1 - _MIN_SIDE)] = False
    quadrants = 2 * sides[:, pairs[:, 0]] + sides[:, pairs[:, 1]]
    return 4 * clusters[:, None] + quadrants


def _cell_means(hessians: NDArray, cells: NDArray) -> tuple[NDArray, NDArray]:
    """Means (E, cells, P) of the networks' Hessians, and the cells' weights (cells, P)."""
    n_points, n_pairs = cells.shape
    size = 4 * _N_CLUSTERS * n_pairs
    flat = (cells * n_pairs + np.arange(n_pairs)).ravel()
    counts = np.bincount(flat, minlength=size).reshape(-1, n_pairs)
    sums = [np.bincount(flat, h.ravel(), size).reshape(-1, n_pairs) for h in hessians]
    return np.stack(sums) / np.maximum(counts, 1), counts / n_points


def _pooled_spread(variance: NDArray, pairs: NDArray, n_features: int) -> NDArray:
    """``s_i s_j`` with ``log V_ij ~ u_i + u_j`` by least squares and ``s = exp(u / 2)``.

    Examples
    --------
    >>> from skgeh.geh.pairs import pair_index
    >>> pairs = pair_index(4)
    >>> s = np.array([1.0, 2.0, 3.0, 4.0])
    >>> np.allclose(_pooled_spread((s[pairs[:, 0]] * s[pairs[:, 1]]) ** 2, pairs, 4),
    ...             s[pairs[:, 0]] * s[pairs[:, 1]])
    True
    """
    rows = np.arange(len(pairs))
    design = np.zeros((len(pairs), n_features))
    design[rows, pairs[:, 0]] = design[rows, pairs[:, 1]] = 1
    floor = _SPREAD_FLOOR * np.median(variance)
    u = np.linalg.lstsq(design, np.log(np.maximum(variance, floor)), rcond=None)[0]
    return np.exp(design @ u / 2)
