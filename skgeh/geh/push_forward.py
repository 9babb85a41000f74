"""Push posterior draws through the group expected Hessian.

Draws come in blocks, each with its own seed, so that the result does not depend on the number of
jobs. Inside a block, pairs come in tiles: with many features, no (d, d) matrix of a draw is ever
formed, and only means and variances are kept.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations_with_replacement, pairwise

import numpy as np
import torch
from joblib import delayed
from numpy.typing import NDArray
from torch import Tensor

from skgeh.geh.effect import group_expected_hessian
from skgeh.geh.functions import RandomFunction
from skgeh.geh.hessians import group_mean_hessians
from skgeh.geh.pairs import n_pairs, to_matrix
from skgeh.geh.partition import Partition
from skgeh.parallel import no_bar, run_jobs

BLOCK = 25  # draws in a block
_TILE = 128  # rows and columns in a tile of pairs
_KEEP = 25_000_000  # number of values up to which all draws are kept


@dataclass(frozen=True, eq=False)
class Moments:
    """Count, mean and sum of squared deviations, in float64.

    Examples
    --------
    >>> values = np.arange(12.0).reshape(6, 2)
    >>> both = Moments.of(values[:4]).merged(Moments.of(values[4:]))
    >>> np.allclose(both.mean, values.mean(0)), np.allclose(both.variance, values.var(0, ddof=1))
    (True, True)
    """

    count: int
    mean: NDArray
    squares: NDArray

    @classmethod
    def none(cls, *shape: int) -> "Moments":
        """Moments before the first draw."""
        return cls(0, np.zeros(shape), np.zeros(shape))

    @classmethod
    def of(cls, values: NDArray) -> "Moments":
        """Moments over the first axis."""
        mean = values.mean(0, dtype=np.float64)
        return cls(len(values), mean, np.square(values - mean).sum(0))

    def merged(self, other: "Moments") -> "Moments":
        """Moments of both samples together (Chan, Golub & LeVeque 1979)."""
        count = self.count + other.count
        shift = other.mean - self.mean
        mean = self.mean + shift * (other.count / count)
        squares = self.squares + other.squares + shift**2 * (self.count * other.count / count)
        return Moments(count, mean, squares)

    @property
    def variance(self) -> NDArray:
        """Unbiased variance; zero for a single draw."""
        return self.squares / max(self.count - 1, 1)


@dataclass(frozen=True, eq=False)
class Pushed:
    """The group expected Hessian of many draws.

    Parameters
    ----------
    draws : ndarray of shape (K, P) or None
        Effect of every draw; None if there are too many to keep.
    effect : Moments of shape (P,)
    groups : Moments of shape (M, P)
        Signed group means; for several outputs, their mean magnitudes.
    """

    draws: NDArray | None
    effect: Moments
    groups: Moments


def push_forward(
    posterior: RandomFunction,
    x: Tensor,
    partition: Partition,
    *,
    n_draws: int,
    target: int | None = None,
    seed: int = 0,
    n_jobs: int | None = None,
    progress: Callable = no_bar,
) -> Pushed:
    """Distribution of the M-GEH of every pair under a posterior.

    Parameters
    ----------
    posterior : RandomFunction
    x : Tensor of shape (n, d)
        Points, in the posterior's units.
    partition : Partition of the n points
    n_draws : int
        Number K of draws.
    target : int, optional
        Output to use; all outputs are averaged by default.
    seed : int, default=0
    n_jobs : int, optional
        Number of joblib's jobs; the result does not depend on it.
    progress : callable (iterable, total) -> iterable, optional
        Wraps the iterable of blocks.

    Returns
    -------
    Pushed
    """
    edges = [*range(0, n_draws, BLOCK), n_draws]
    seeds = np.random.SeedSequence(seed).generate_state(len(edges) - 1, np.uint64)
    keep = n_draws * n_pairs(posterior.n_features) <= _KEEP
    jobs = [
        delayed(_push_block)(posterior, x, partition, start, stop, int(block_seed), target, keep)
        for (start, stop), block_seed in zip(pairwise(edges), seeds, strict=True)
    ]
    blocks, draws = run_jobs(jobs, n_jobs, prefer="threads"), []
    effect = Moments.none(n_pairs(posterior.n_features))
    groups = Moments.none(partition.n_groups, n_pairs(posterior.n_features))
    for kept, of_effect, of_groups in progress(blocks, len(jobs)):
        draws.append(kept)
        effect, groups = effect.merged(of_effect), groups.merged(of_groups)
    return Pushed(np.concatenate(draws) if keep else None, effect, groups)


def _push_block(
    posterior: RandomFunction,
    x: Tensor,
    partition: Partition,
    start: int,
    stop: int,
    seed: int,
    target: int | None,
    keep: bool,
) -> tuple[NDArray | None, Moments, Moments]:
    """Effects of the draws ``start .. stop - 1``, their moments, and those of the group means."""
    generator = torch.Generator().manual_seed(seed)
    function = posterior.draw(stop - start, generator, first=start)
    with torch.no_grad():
        hessian = group_mean_hessians(function, x, partition)
    outputs = slice(None) if target is None else slice(target, target + 1)
    n_draws, size = stop - start, n_pairs(posterior.n_features)
    kept = np.empty((n_draws, size)) if keep else None
    effect, groups = np.empty((2, size)), np.empty((2, partition.n_groups, size))
    for rows, columns, inside, places in _tiles(posterior.n_features):
        entries = hessian.tile(rows, columns)[:, outputs].flatten(-2)[..., inside].cpu().numpy()
        effects = group_expected_hessian(entries, partition.weights).mean(1, dtype=np.float64)
        if kept is not None:
            kept[:, places] = effects
        # signs of several targets would cancel, as centred logits sum to 0
        together = entries[:, 0] if entries.shape[1] == 1 else np.abs(entries).mean(1)
        of_effects, of_groups = Moments.of(effects), Moments.of(together)
        effect[:, places] = of_effects.mean, of_effects.squares
        groups[:, :, places] = of_groups.mean, of_groups.squares
    return kept, Moments(n_draws, *effect), Moments(n_draws, *groups)


def _tiles(n_features: int) -> Iterator[tuple[slice, slice, slice | Tensor, NDArray[np.intp]]]:
    """Rectangles that cover the upper triangle.

    Yields
    ------
    rows, columns : slice
    inside : slice or Tensor
        Which entries of the flattened rectangle are pairs ``i < j``.
    places : ndarray
        Positions of these pairs in lexicographic order.
    """
    place = to_matrix(np.arange(n_pairs(n_features)), n_features)
    starts = range(0, n_features, _TILE)
    for top, left in combinations_with_replacement(starts, 2):
        rows, columns = slice(top, top + _TILE), slice(left, left + _TILE)
        places = place[rows, columns]
        if top < left:
            yield rows, columns, slice(None), places.ravel()
        else:
            upper = np.flatnonzero(np.triu(np.ones_like(places), 1))
            yield rows, columns, torch.from_numpy(upper), places.ravel()[upper]
