"""Number of groups from which the ranking by the posterior's mean function no longer changes.

It follows Section 4.3 of Cui et al. 2020, but with a rule instead of a plot for a human reader. The
groups on the way are nested clusters, of which one tree gives all numbers: separate k-means runs
for each number, repeated because they depend on their seeds, choose no better.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skgeh.geh.effect import choose_n_groups, group_expected_hessian, rank_weighted_distance
from skgeh.geh.functions import RandomFunction, member_weights
from skgeh.geh.hessians import pointwise_hessians
from skgeh.geh.partition import Partition
from skgeh.geh.score import _leading_pairs
from skgeh.geh.views.blocks import GroupedPosterior

_MIN_GROUPS = 8  # the curve cannot show cancelling if no rank can change, as with two features
_MAX_GROUPS = 30


def find_n_groups(
    posterior: RandomFunction, x: Tensor, *, target: int | None = None
) -> tuple[int, NDArray[np.float64]]:
    """Choose the number of groups, at least 8 of them.

    Parameters
    ----------
    posterior : RandomFunction
    x : Tensor of shape (n, d)
        Points, in the posterior's units.
    target : int, optional
        Output to use; all outputs by default.

    Returns
    -------
    n_groups : int
    distances : ndarray of shape (1, M_max - 1)
        The curve for M = 2, 3, ...; the clusters depend on no seed, so that there is one.

    Raises
    ------
    TypeError
        If features are groups of columns, as the norm of a group mean is not a mean of norms.
    """
    if isinstance(posterior, GroupedPosterior):
        raise TypeError(
            "find_n_groups takes a posterior of single columns; got a GroupedPosterior. Pass the "
            "one that it wraps: find_n_groups(posterior.posterior, x)."
        )
    hessians = _mean_function_hessians(posterior, x, target)
    points, most = x.cpu().numpy().astype(np.float64), min(_MAX_GROUPS, len(x))
    effects = _group_curve(hessians, Partition.nested(points, most))
    distances = np.array([[rank_weighted_distance(b, a) for a, b in pairwise(effects)]])
    return max(choose_n_groups(distances), min(_MIN_GROUPS, len(x))), distances


def _mean_function_hessians(posterior: RandomFunction, x: Tensor, target: int | None) -> NDArray:
    """Signed Hessians of the mean function at every point, shape (c, n, q)."""
    pairs = _leading_pairs(posterior, x, target)
    with torch.no_grad():
        hessians = pointwise_hessians(posterior.members(), x, pairs).cpu().numpy()
    mean = np.average(hessians, axis=0, weights=member_weights(posterior))
    return mean if target is None else mean[target : target + 1]


def _group_curve(hessians: NDArray, partitions: Sequence[Partition]) -> NDArray:
    """M-GEH of one function under several partitions, from its Hessians at every point.

    Parameters
    ----------
    hessians : ndarray of shape (c, n, q)
    partitions : sequence of Partition of the n points

    Returns
    -------
    ndarray of shape (number of partitions, q)
        Mean over the outputs.
    """
    return np.stack(
        [
            np.mean([group_expected_hessian(p.mean(h), p.weights) for h in hessians], axis=0)
            for p in partitions
        ]
    )
