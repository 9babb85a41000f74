"""Interactions of a posterior at some points: their groups, effects and scores."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from skgeh.geh.functions import RandomFunction
from skgeh.geh.interactions import Interactions
from skgeh.geh.n_groups import find_n_groups
from skgeh.geh.pairs import pair_index
from skgeh.geh.partition import Partition
from skgeh.geh.push_forward import push_forward
from skgeh.geh.score import rank_pairs
from skgeh.parallel import progress_bar
from skgeh.tables.frames import Backend
from skgeh.tables.rows import MAX_POINTS


@dataclass(frozen=True, eq=False)
class Question:
    """Settings for measuring the interactions of a posterior.

    Parameters
    ----------
    n_groups : int or "auto"
    n_draws : int
    target : int, optional
        Output to use; by default effects and scores are means over all outputs.
    seed : int, default=0
    n_jobs : int, optional
    verbose : int or bool, default=0
        Whether to show progress bars with the time left.
    """

    n_groups: int | str
    n_draws: int
    target: int | None = None
    seed: int = 0
    n_jobs: int | None = None
    verbose: int = 0


@dataclass(frozen=True, eq=False)
class Axes:
    """Names and scales of the features and of the output; see `Interactions`.

    Parameters
    ----------
    feature_names : sequence of str
    feature_scales : ndarray of shape (d,)
    target_scale : float or None
    frame_backend : {"pandas", "polars"}
    """

    feature_names: Sequence[str]
    feature_scales: NDArray[np.float64]
    target_scale: float | None
    frame_backend: Backend


def measure(
    posterior: RandomFunction,
    points: NDArray,
    question: Question,
    axes: Axes,
    *,
    view: RandomFunction | None = None,
    score_points: NDArray | None = None,
) -> Interactions:
    """Push a posterior through the group expected Hessian at some points.

    Parameters
    ----------
    posterior : RandomFunction
    points : ndarray of shape (n, d)
        In the posterior's units.
    question : Question
    axes : Axes
    view : RandomFunction, optional
        Measured instead of the posterior, with groups of its columns or finite differences.
    score_points : ndarray of shape (m, d), optional
        Points at which scores are computed; by default up to 1000 of `points`.
    """
    x = torch.as_tensor(points, dtype=torch.float32)
    target, seed, n_groups = question.target, question.seed, question.n_groups
    # computations for every pair at every point use no more points than a fit measures at
    some = np.random.default_rng(seed).permutation(len(x))[:MAX_POINTS]
    few = x if len(x) <= MAX_POINTS else x[torch.from_numpy(some)]
    if isinstance(n_groups, str):
        n_groups, _ = find_n_groups(posterior, few, target=target)
    measured = posterior if view is None else view
    where = few if score_points is None else torch.as_tensor(score_points, dtype=torch.float32)
    partition = Partition.kmeans(points, n_groups, seed)
    pushed = push_forward(
        measured,
        x,
        partition,
        n_draws=question.n_draws,
        target=target,
        seed=seed,
        n_jobs=question.n_jobs,
        progress=progress_bar("draws", question.verbose),
    )
    effect = pushed.effect.mean if pushed.draws is None else pushed.draws.mean(0)
    return Interactions(
        pairs=pair_index(measured.n_features),
        effect=effect,
        std=np.sqrt(pushed.effect.variance),
        score=rank_pairs(measured, where, effect, target=target, seed=seed),
        draws=pushed.draws,
        group_effects=pushed.groups.mean,
        group_std=np.sqrt(pushed.groups.variance),
        group_weights=partition.weights,
        feature_names=tuple(axes.feature_names),
        feature_scales=axes.feature_scales,
        target_scale=axes.target_scale,
        frame_backend=axes.frame_backend,
        labels_=partition.labels,
    )
