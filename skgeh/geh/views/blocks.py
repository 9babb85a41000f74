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
from skgeh.tables.feature import Feature


@dataclass(frozen=True, eq=False)
class Blocks:
    """Columns by group, and the square roots of their correlations.

    Parameters
    ----------
    columns : list of G ndarray of int
        Columns along which effects are measured.
    roots : list of G ndarray of shape (k, k)
    members : list of G ndarray of int, optional
        All columns of each group, if some are not measured: the indicator of missing values.
    has_slope : ndarray of bool of shape (G,), optional
        Whether effects along a group have a sign; by default, along single columns.
    whole_roots : list of G ndarray of shape (m, m), optional
        Roots of all columns, if some are not measured.
    """

    columns: list[NDArray[np.intp]]
    roots: list[NDArray[np.float64]]
    members: list[NDArray[np.intp]] | None = None
    has_slope: NDArray[np.bool_] | None = None
    whole_roots: list[NDArray[np.float64]] | None = None

    @classmethod
    def of(cls, groups: Sequence[Sequence[int]], Z: NDArray) -> "Blocks":
        """Blocks of given groups, with the correlations of rows in standard units."""
        columns = [np.array(group) for group in groups]
        return cls(columns, [_root_of(Z[:, group]) for group in columns])

    @classmethod
    def of_features(cls, features: Sequence[Feature], Z: NDArray) -> "Blocks":
        """Blocks of features, with the correlations of encoded rows in standard units."""
        measured = cls.of([feature.measured for feature in features], Z)
        whole = cls.of([feature.columns for feature in features], Z)
        slopes = np.array([feature.is_number for feature in features])
        return cls(measured.columns, measured.roots, whole.columns, slopes, whole.roots)

    @property
    def has_gaps(self) -> NDArray[np.bool_]:
        """Whether some columns of each group are not measured, shape (G,)."""
        members = self.columns if self.members is None else self.members
        sizes = [len(own) > len(some) for own, some in zip(members, self.columns, strict=True)]
        return np.array(sizes)

    @property
    def signed(self) -> NDArray[np.bool_]:
        """Whether effects along each group have a sign, shape (G,)."""
        if self.has_slope is not None:
            return self.has_slope
        return np.array([len(own) == 1 for own in self.columns])

    def turn(self, one: int, other: int, *, whole: bool = False) -> NDArray[np.float64]:
        """What makes pairs of uncorrelated coordinates of pairs of columns, (k k', m m').

        Pairs follow each other as in a product, of all columns of both groups. The coordinates are
        those of the measured columns, or of all columns if `whole`.
        """
        left, right = (self._root_of_members(group, whole) for group in (one, other))
        return np.kron(left, right).astype(np.float64, copy=False)

    def _root_of_members(self, group: int, whole: bool) -> NDArray[np.float64]:
        """The root of a group, with zeros for columns that are not measured, (k, m)."""
        if self.members is None or self.whole_roots is None:
            return self.roots[group]
        if whole:
            return self.whole_roots[group]
        known = np.isin(self.members[group], self.columns[group])
        found = np.zeros((len(self.roots[group]), len(known)))
        found[:, known] = self.roots[group]
        return found

    @property
    def order(self) -> NDArray[np.intp]:
        """Measured columns, group after group."""
        return np.concatenate(self.columns)

    @property
    def group(self) -> NDArray[np.intp]:
        """Group of every column, shape (d,)."""
        members = self.columns if self.members is None else self.members
        order = np.concatenate(members)
        found = np.empty(len(order), dtype=np.intp)
        found[order] = np.repeat(np.arange(len(members)), list(map(len, members)))
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
