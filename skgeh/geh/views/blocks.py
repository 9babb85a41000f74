"""Groups of columns that form one feature, such as the one-hot columns of a category.

With R the correlations of a group's columns, ``x_A = R_A^(1/2) u`` has uncorrelated coordinates u
of variance 1, and the interaction of two groups is the norm of the block of their Hessian,

    || R_A^(1/2) H_AB R_B^(1/2) ||,

which is ``|H_ij|`` for two single columns, so that columns and groups share one scale. The norm
does not depend on how a category is coded, and it ignores the direction in which one-hot columns
never vary.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skgeh.geh.functions import Function
from skgeh.geh.hessians import (
    GroupHessian,
    group_mean_hessians,
    pointwise_at_singletons,
    pointwise_hessians,
)
from skgeh.geh.pairs import pair_index, to_matrix
from skgeh.geh.partition import Partition
from skgeh.geh.score import rank_pairs
from skgeh.geh.views._view import PosteriorView


@dataclass(frozen=True, eq=False)
class Blocks:
    """Columns by group, and the square roots of their correlations.

    Parameters
    ----------
    columns : list of G ndarray of int
    roots : list of G ndarray of shape (k, k)
    """

    columns: list[NDArray[np.intp]]
    roots: list[NDArray[np.float64]]

    @classmethod
    def of(cls, groups: Sequence[Sequence[int]], Z: NDArray) -> "Blocks":
        """Blocks of given groups, with the correlations of rows in standard units."""
        columns = [np.array(group) for group in groups]
        return cls(columns, [_root_of(Z[:, group]) for group in columns])

    @property
    def order(self) -> NDArray[np.intp]:
        """Columns, group after group, shape (d,)."""
        return np.concatenate(self.columns)

    @property
    def group(self) -> NDArray[np.intp]:
        """Group of every column, shape (d,)."""
        found = np.empty(len(self.order), dtype=np.intp)
        found[self.order] = np.repeat(np.arange(len(self.columns)), list(map(len, self.columns)))
        return found


def _root_of(Z: NDArray) -> NDArray[np.float64]:
    """Symmetric square root of the covariance of columns; 1 for a single column."""
    if Z.shape[1] == 1:
        return np.ones((1, 1))
    values, vectors = np.linalg.eigh(np.cov(Z, rowvar=False, bias=True))
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


@dataclass(frozen=True, eq=False)
class BlockHessian(GroupHessian):
    """Norms of the blocks of mean Hessians, signed if both groups are single columns.

    Parameters
    ----------
    core, factor
        For columns in the order of their groups; see `GroupHessian`.
    blocks : Blocks
    """

    blocks: Blocks = field(kw_only=True)

    @property
    def n_features(self) -> int:
        """Number of groups."""
        return len(self.blocks.columns)

    def tile(self, rows: slice, columns: slice) -> Tensor:
        """Norms for some rows and columns of groups, (K, c, M, rows, columns)."""
        (first, left, mine), (second, right, other) = self.span(rows), self.span(columns)
        entries = left.mT @ super().tile(first, second) @ right
        norms = (mine.mT @ entries.square() @ other).sqrt()
        alone = (mine.sum(0)[:, None] == 1) & (other.sum(0) == 1)
        return torch.where(alone, mine.mT @ entries @ other, norms)

    def span(self, groups: slice) -> tuple[slice, Tensor, Tensor]:
        """Columns of some groups, their roots (a, a), and the group of each column (a, groups)."""
        sizes = np.array([len(columns) for columns in self.blocks.columns])
        starts = np.append(0, np.cumsum(sizes))
        first, last, _ = groups.indices(len(sizes))
        root = torch.block_diag(*map(torch.as_tensor, self.blocks.roots[groups]))
        members = np.repeat(np.eye(last - first), sizes[groups], axis=0)
        columns = slice(int(starts[first]), int(starts[last]))
        return columns, root.to(self.core), torch.from_numpy(members).to(self.core)


@dataclass(frozen=True, eq=False)
class GroupedFunction:
    """A stack of functions whose columns are taken by group.

    Parameters
    ----------
    function : callable (n, d) -> (K, n, c)
    blocks : Blocks
    """

    function: Function
    blocks: Blocks

    def __call__(self, x: Tensor) -> Tensor:
        """Values of shape (K, n, c) at points of shape (n, d)."""
        return self.function(x)


@group_mean_hessians.register
def _group_hessian_by_block(
    function: GroupedFunction, x: Tensor, partition: Partition
) -> BlockHessian:
    """Mean Hessians of the columns, as norms of blocks."""
    found = group_mean_hessians(function.function, x, partition)
    blocks, order = function.blocks, torch.from_numpy(function.blocks.order)
    if found.factor is None:
        return BlockHessian(found.core[..., order, :][..., order], blocks=blocks)
    return BlockHessian(found.core, found.factor[:, order], blocks=blocks)


pointwise_hessians.register(GroupedFunction, pointwise_at_singletons)


@dataclass(frozen=True, eq=False)
class GroupedPosterior(PosteriorView):
    """A distribution over functions whose features are groups of columns.

    Parameters
    ----------
    posterior : RandomFunction
    blocks : Blocks
    """

    blocks: Blocks

    @property
    def n_features(self) -> int:
        """Number of groups."""
        return len(self.blocks.columns)

    def view(self, function: Function) -> GroupedFunction:
        """The functions, with columns taken by group."""
        return GroupedFunction(function, self.blocks)

    def pair_scores(self, x: Tensor, effect: NDArray, **options: Any) -> NDArray[np.float64]:
        """Root mean square over the pairs of columns, which does not favour large groups."""
        group = self.blocks.group
        i, j = group[pair_index(len(group))].T
        of_columns = to_matrix(effect, self.n_features)[i, j]
        scores = rank_pairs(self.posterior, x, of_columns, **options)
        place = to_matrix(np.arange(len(effect)), self.n_features)[i, j]
        apart = i != j
        counts = np.bincount(place[apart], minlength=len(effect))
        return np.sqrt(np.bincount(place[apart], scores[apart] ** 2, len(effect)) / counts)
