"""From a posterior and points to a table: groups, effects, scores."""

from collections.abc import Sequence
from functools import partial
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm.auto import tqdm

from skgeh.functions import RandomFunction
from skgeh.groups import find_n_groups
from skgeh.pairs import pair_index
from skgeh.partition import Partition
from skgeh.posterior import Interactions
from skgeh.push_forward import BLOCK, push_forward
from skgeh.ranking import rank_pairs
from skgeh.splits import MAX_POINTS


def measure(
    posterior: RandomFunction,
    points: NDArray,
    *,
    view: RandomFunction | None = None,
    score_points: NDArray | None = None,
    n_groups: int | str,
    n_draws: int,
    target: int | None = None,
    feature_names: Sequence[str],
    feature_scales: NDArray,
    target_scale: float | None,
    frame_backend: Literal["pandas", "polars"],
    seed: int,
    n_jobs: int | None,
    verbose: bool,
) -> Interactions:
    """Push a posterior through the group expected Hessian at some points.

    Parameters
    ----------
    posterior : RandomFunction
    points : ndarray of shape (n, d)
        In the posterior's units.
    view : RandomFunction, optional
        What is measured in the posterior's place: groups of its columns, or finite differences.
    score_points : ndarray of shape (m, d), optional
        Where scores are computed; by default up to 1000 of the points.
    n_groups : int or "auto"
    n_draws : int
    target : int, optional
        Output to ask for; effects and scores are means over all by default.
    feature_names, feature_scales, target_scale, frame_backend
        See `Interactions`.
    seed : int
    n_jobs : int, optional
    verbose : bool
        Show a bar over the blocks of draws.
    """
    x = torch.as_tensor(points, dtype=torch.float32)
    # what needs every pair at every point makes do with as many points as a fit measures at
    some = np.random.default_rng(seed).permutation(len(x))[:MAX_POINTS]
    few = x if len(x) <= MAX_POINTS else x[torch.from_numpy(some)]
    if isinstance(n_groups, str):
        n_groups, _ = find_n_groups(posterior, few, target=target, seed=seed)
    measured = posterior if view is None else view
    where = few if score_points is None else torch.as_tensor(score_points, dtype=torch.float32)
    partition = Partition.kmeans(points, n_groups, seed)
    bar = partial(tqdm, total=-(-n_draws // BLOCK), desc="draws", disable=not verbose)
    pushed = push_forward(
        measured,
        x,
        partition,
        n_draws=n_draws,
        target=target,
        seed=seed,
        n_jobs=n_jobs,
        progress=bar,
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
        feature_names=tuple(feature_names),
        feature_scales=feature_scales,
        target_scale=target_scale,
        frame_backend=frame_backend,
    )
