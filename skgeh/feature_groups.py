"""Groups of columns that are one feature, such as the one-hot columns of a category.

With R the correlations of a group's columns, ``x_A = R_A^(1/2) u`` has uncorrelated coordinates u
of variance 1, and the interaction of two groups is the norm of the block of their Hessian,

    || R_A^(1/2) H_AB R_B^(1/2) ||,

which is ``|H_ij|`` for two columns: one scale. It does not depend on how a category is coded, and
the direction in which one-hot columns never vary has no part in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skgeh.functions import Function
from skgeh.hessian import GroupHessian, group_mean_hessians
from skgeh.pairs import pair_index, to_matrix
from skgeh.partition import Partition
from skgeh.ranking import rank_pairs
from skgeh.wrapped import WrappedPosterior


def resolve_groups(given: Any, names: Sequence[str], X: NDArray) -> dict[str, list[int]]:
    """Groups of columns by name, in the order of their first columns; all other columns are alone.

    Parameters
    ----------
    given : {"auto"}, None, dict or sequence
        Name: columns, or sequences of columns, each by name or place; "auto" looks for one-hot
        columns.
    names : sequence of d str
    X : ndarray of shape (n, d)

    Raises
    ------
    ValueError
        If a column is unknown, or in two groups.

    Examples
    --------
    >>> X = np.column_stack([np.arange(4.0), np.eye(2)[[0, 1, 1, 0]]])
    >>> resolve_groups("auto", ["age", "cat__sex_f", "cat__sex_m"], X)
    {'age': [0], 'cat__sex': [1, 2]}
    """
    if isinstance(given, str) and given == "auto":
        found = one_hot_groups(names, X)
    elif given is None:
        found = {}
    else:
        found = named_groups(given, names)
    taken = [column for columns in found.values() for column in columns]
    if len(taken) != len(set(taken)):
        raise ValueError(f"feature_groups must not share columns; got {given!r}.")
    alone = {names[j]: [j] for j in range(len(names)) if j not in set(taken)}
    if set(alone) & set(found):
        raise ValueError(f"A group and a column have the same name; got {given!r}.")
    return dict(sorted((found | alone).items(), key=lambda item: item[1][0]))


def named_groups(given: Any, names: Sequence[str]) -> dict[str, list[int]]:
    """Groups that were given, as places of columns."""
    place = {j: j for j in range(len(names))} | {name: j for j, name in enumerate(names)}
    try:
        items = given.items() if isinstance(given, dict) else [(None, one) for one in given]
        found = {}
        for name, columns in items:
            if isinstance(columns, str):
                raise TypeError("a group is a sequence of columns")
            places = sorted(place[column] for column in columns)
            found["+".join(names[j] for j in places) if name is None else str(name)] = places
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            "feature_groups must be 'auto', None, or groups of columns by name or place, such as "
            f"{{'color': ['color_red', 'color_blue']}} or [[2, 3]]; got {given!r}."
        ) from error
    if not all(found.values()):
        raise ValueError(f"Each of feature_groups must have a column; got {given!r}.")
    return found


def one_hot_groups(names: Sequence[str], X: NDArray) -> dict[str, list[int]]:
    """Columns of 0 and 1 that have a beginning up to a "_" in common, one of them 1 in every row.

    Names such as "cat__color_red" are those of a `ColumnTransformer` with a `OneHotEncoder`.
    """
    binary = [j for j in range(len(names)) if np.isin(X[:, j], (0.0, 1.0)).all()]
    found: dict[str, list[int]] = {}
    free = set(binary)
    ends = sorted({k for j in binary for k, letter in enumerate(names[j]) if letter == "_"})
    for end in ends:  # short beginnings first: a category may have a "_" in it
        by_beginning: dict[str, list[int]] = {}
        for j in sorted(free):
            if len(names[j]) > end + 1 and names[j][end] == "_":
                by_beginning.setdefault(names[j][: end + 1], []).append(j)
        for columns in by_beginning.values():
            if len(columns) > 1 and (X[:, columns].sum(1) == 1).all():
                found[common_beginning([names[j] for j in columns])] = columns
                free -= set(columns)
    return found


def common_beginning(names: Sequence[str]) -> str:
    """The longest beginning that names have in common, up to a "_".

    Examples
    --------
    >>> common_beginning(["cat__color_red", "cat__color_rose"])
    'cat__color'
    """
    same = [letters[0] for letters in zip(*names, strict=False)]
    for k, letters in enumerate(zip(*names, strict=False)):
        if len(set(letters)) > 1:
            same = same[:k]
            break
    return "".join(same).rpartition("_")[0].rstrip("_")


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
        """From rows in standard units."""
        columns = [np.array(group) for group in groups]
        return cls(columns, [root_of(Z[:, group]) for group in columns])

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


def root_of(Z: NDArray) -> NDArray[np.float64]:
    """Symmetric square root of the covariance of columns; 1 for a column alone."""
    if Z.shape[1] == 1:
        return np.ones((1, 1))
    values, vectors = np.linalg.eigh(np.cov(Z, rowvar=False, bias=True))
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


@dataclass(frozen=True, eq=False)
class BlockHessian(GroupHessian):
    """Norms of the blocks of mean Hessians; signed where both groups are columns alone.

    Parameters
    ----------
    core, factor
        Of columns in the order of their groups; see `GroupHessian`.
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
        """Columns of some groups, their roots (a, a), and which group each is of (a, groups)."""
        sizes = np.array([len(columns) for columns in self.blocks.columns])
        starts = np.append(0, np.cumsum(sizes))
        first, last, _ = groups.indices(len(sizes))
        root = torch.block_diag(*map(torch.as_tensor, self.blocks.roots[groups]))
        members = np.repeat(np.eye(last - first), sizes[groups], axis=0)
        columns = slice(int(starts[first]), int(starts[last]))
        return columns, root.to(self.core), torch.from_numpy(members).to(self.core)


@dataclass(frozen=True, eq=False)
class GroupedFunction:
    """A stack of functions whose columns are asked for by group.

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
def _(function: GroupedFunction, x: Tensor, partition: Partition) -> BlockHessian:
    found = group_mean_hessians(function.function, x, partition)
    blocks, order = function.blocks, torch.from_numpy(function.blocks.order)
    if found.factor is None:
        return BlockHessian(found.core[..., order, :][..., order], blocks=blocks)
    return BlockHessian(found.core, found.factor[:, order], blocks=blocks)


@dataclass(frozen=True, eq=False)
class GroupedPosterior(WrappedPosterior):
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

    def wrap(self, function: Function) -> GroupedFunction:
        """Columns by group."""
        return GroupedFunction(function, self.blocks)


@rank_pairs.register
def _(
    posterior: GroupedPosterior, x: Tensor, effect: NDArray, **options: Any
) -> NDArray[np.float64]:
    """Root mean square over the pairs of columns: none is favoured for having many."""
    group = posterior.blocks.group
    i, j = group[pair_index(len(group))].T
    of_columns = to_matrix(effect, posterior.n_features)[i, j]
    scores = rank_pairs(posterior.posterior, x, of_columns, **options)
    place = to_matrix(np.arange(len(effect)), posterior.n_features)[i, j]
    apart = i != j
    counts = np.bincount(place[apart], minlength=len(effect))
    return np.sqrt(np.bincount(place[apart], scores[apart] ** 2, len(effect)) / counts)
