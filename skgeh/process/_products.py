"""Functional ANOVA: main effects of smooth functions, and products of those of two features.

``f(x) = sum_j a_j . phi(x_j) + sum_ij phi(x_i)' B_ij phi(x_j)`` is linear in its weights, and so
are its derivatives. Every column of the model is a product of two functions; those of main effects
are multiplied by the constant 1. The mean Hessian of a group of points is the inner product of a
pair's weights with the group's mean products of derivatives.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor

from skgeh.geh.hessians import GroupHessian, group_mean_hessians, pointwise_hessians
from skgeh.geh.pairs import pair_index
from skgeh.geh.partition import Partition
from skgeh.process._smooth_basis import SmoothBasis

ROWS = 1024  # rows whose products are computed at once, so that they stay in the cache


@dataclass(frozen=True, eq=False)
class Products:
    """The columns of an ANOVA model: functions of one feature, and products of two features'.

    Parameters
    ----------
    bases : sequence of SmoothBasis, one per feature
    factors : ndarray of shape (2, q)
        Both functions of every column; function 0 is the constant 1, the others are those of the
        first feature, of the second, and so on. Columns of main effects come first, and those of
        one pair follow each other.
    component : ndarray of shape (q,)
        Place among the variances: lines of the features, their waves, then pairs.
    relative : ndarray of shape (q,)
        Prior variance of every column relative to that of its component.
    pair : ndarray of shape (q,)
        Place of the pair among all pairs; -1 for main effects.
    pair_functions : int, default=0
        Number of functions of a feature that enter products.
    """

    bases: Sequence[SmoothBasis]
    factors: NDArray[np.intp]
    component: NDArray[np.intp]
    relative: NDArray[np.float64]
    pair: NDArray[np.intp]
    pair_functions: int = 0

    @classmethod
    def main_effects(cls, bases: Sequence[SmoothBasis]) -> "Products":
        """Columns of the main effects alone; prior variances fall with the root of roughness."""
        sizes = [basis.n_functions for basis in bases]
        feature = np.repeat(np.arange(len(bases)), sizes)
        first = np.concatenate([np.arange(size) == 0 for size in sizes])
        weights = np.concatenate([basis.weights for basis in bases])
        own = np.arange(1, len(feature) + 1)
        component = np.where(first, feature, len(bases) + feature)
        nothing = np.full(len(own), -1)
        return cls(bases, np.stack([own, 0 * own]), component, np.sqrt(weights), nothing)

    def with_pairs(self, pairs: NDArray, m: int) -> "Products":
        """Add products of the first m functions of pairs, given by their places among all."""
        parts = [self.products_of(k, m) for k in pairs.tolist()]
        return replace(self._joined(parts), pair_functions=m)

    def refined(self, pairs: Collection[int], most: int) -> "Products":
        """Give some pairs the products of more functions, with a variance of their own."""
        m, index = self.pair_functions, np.arange(len(self))
        main = self.part(index[self.pair < 0])
        parts = [self.products_of(k, m, most if k in pairs else m) for k in self.sections]
        return main._joined(parts)

    def products_of(self, k: int, m: int, most: int = 0) -> "Products":
        """Products of one pair; those beyond the first m functions are a component of their own."""
        i, j = pair_index(len(self.bases))[k]
        a, b = (self.bases[f].weights[: max(m, most)] for f in (i, j))
        left, right = np.indices((len(a), len(b))).reshape(2, -1)
        beyond = np.maximum(left, right) >= m
        order = np.argsort(beyond, kind="stable")
        factors = np.stack([self.starts[i] + left, self.starts[j] + right])[:, order]
        relative = np.outer(a, b).ravel()[order]
        return replace(
            self,
            factors=factors,
            component=beyond[order].astype(np.intp),
            relative=relative,
            pair=np.full(len(order), k),
        )

    def _joined(self, parts: Sequence["Products"]) -> "Products":
        """These columns and those of further parts, whose components are numbered on."""
        start, components = 2 * len(self.bases), [self.component]
        for part in parts:
            components.append(start + part.component)
            start += part.component.max(initial=-1) + 1
        every = [self, *parts]
        return replace(
            self,
            factors=np.concatenate([one.factors for one in every], axis=1),
            component=np.concatenate(components),
            relative=np.concatenate([one.relative for one in every]),
            pair=np.concatenate([one.pair for one in every]),
        )

    def part(self, columns: NDArray) -> "Products":
        """Some of the columns."""
        return replace(
            self,
            factors=self.factors[:, columns],
            component=self.component[columns],
            relative=self.relative[columns],
            pair=self.pair[columns],
        )

    @cached_property
    def starts(self) -> NDArray[np.intp]:
        """Place of each feature's line among the functions, shape (d,)."""
        sizes = [basis.n_functions for basis in self.bases]
        return 1 + np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.intp)

    @property
    def feature(self) -> NDArray[np.intp]:
        """Feature to which each function belongs; -1 for the constant 1, shape (F,)."""
        sizes = [basis.n_functions for basis in self.bases]
        return np.repeat(np.arange(-1, len(sizes)), [1, *sizes])

    @cached_property
    def sections(self) -> dict[int, slice]:
        """Columns of every pair that has any."""
        kinds, first = np.unique(self.pair, return_index=True)
        last = np.append(first, len(self.pair))[1:]
        ends = zip(kinds.tolist(), first, last, strict=True)
        return {k: slice(start, stop) for k, start, stop in ends if k >= 0}

    @property
    def known_pairs(self) -> NDArray[np.intp]:
        """Features of the pairs in `sections`, shape (p, 2)."""
        return pair_index(len(self.bases))[list(self.sections)]

    @property
    def n_pairs(self) -> int:
        """Number of all pairs of features, with columns or without."""
        return len(self.bases) * (len(self.bases) - 1) // 2

    def count_products(self, pairs: NDArray, m: int) -> NDArray[np.intp]:
        """Number of products of the first m functions of every pair."""
        sizes = np.minimum([basis.n_functions for basis in self.bases], m)
        return sizes[pair_index(len(sizes))[pairs]].prod(1)

    def __len__(self) -> int:
        return len(self.component)

    def values(self, X: NDArray) -> NDArray[np.float64]:
        """The constant 1 and every feature's functions, shape (F, n)."""
        parts = [basis(x).T for basis, x in zip(self.bases, X.T, strict=True)]
        return np.concatenate([np.ones((1, len(X))), *parts])

    def slopes(self, X: NDArray) -> NDArray[np.float64]:
        """First derivatives of the constant 1 and of every feature's functions, shape (F, n)."""
        parts = [basis.derivative(x).T for basis, x in zip(self.bases, X.T, strict=True)]
        return np.concatenate([np.zeros((1, len(X))), *parts])

    def design(self, X: NDArray) -> NDArray[np.float64]:
        """Values of all columns, shape (q, n)."""
        return multiplied(self.values(X), self.factors)

    def multiplied(self, values: NDArray, columns: NDArray) -> NDArray[np.float64]:
        """Values of some columns from those of all functions."""
        return multiplied(values, self.factors[:, columns])

    def mixed_derivatives(self, weights: NDArray, X: Tensor, partition: Partition) -> NDArray:
        """Means of ``d2f / dx_i dx_j`` inside groups of points, shape (K, M, p).

        Parameters
        ----------
        weights : ndarray of shape (K, q)
        X : Tensor of shape (n, d)
        partition : Partition of the n points

        Returns
        -------
        ndarray of shape (K, M, p)
            For the p pairs in `sections`; those of all other pairs are 0.
        """
        means = self.mean_slopes(X, partition)
        found = np.empty((len(weights), len(means), len(self.sections)))
        for k, columns in enumerate(self.sections.values()):
            found[..., k] = weights[:, columns] @ means[:, columns].T
        return found

    def mean_slopes(self, X: Tensor, partition: Partition) -> NDArray[np.float64]:
        """Group means of every column's product of slopes, (M, q), kept while X is the same."""
        known = self._known.get(partition)
        if known is None or known[0] is not X:
            points = X.cpu().numpy().astype(np.float64)
            means = mean_products(self.slopes, self.factors, points, partition)
            known = self._known[partition] = X, means
        return known[1]

    @cached_property
    def _known(self) -> WeakKeyDictionary:
        """Points and mean products of slopes by partition."""
        return WeakKeyDictionary()

    def __getstate__(self) -> dict:
        return {name: value for name, value in vars(self).items() if name != "_known"}


def multiplied(values: NDArray, factors: NDArray) -> NDArray[np.float64]:
    """Products of functions (F, n), for each column of `factors` (k, q), shape (q, n)."""
    found = values[factors[0]]
    for others in factors[1:]:
        found *= values[others]
    return found


def mean_products(
    functions: Callable, factors: NDArray, points: NDArray, partition: Partition
) -> NDArray[np.float64]:
    """Group means of products of functions, for each column of `factors` (k, q), shape (M, q)."""
    sums = np.zeros((partition.n_groups, factors.shape[1]))
    for rows in blocks(len(points)):
        inside = (partition.labels[rows], np.arange(rows.stop - rows.start))
        member = csr_array((np.ones(len(inside[0])), inside), (len(sums), len(inside[0])))
        sums += member @ multiplied(functions(points[rows]), factors).T
    return sums / partition.counts[:, None]


def blocks(n_rows: int, size: int = ROWS) -> Iterator[slice]:
    """Slices that cover all rows."""
    return (slice(start, min(start + size, n_rows)) for start in range(0, n_rows, size))


@dataclass(frozen=True, eq=False)
class AnovaFunctions:
    """A stack of K functions on one set of columns.

    Parameters
    ----------
    columns : Products
    weights : ndarray of shape (K, q)
    shift : ndarray of shape (K,)
        Added to the values.
    """

    columns: Products
    weights: NDArray[np.float64]
    shift: NDArray[np.float64]

    def __call__(self, x: Tensor) -> Tensor:
        """Values of shape (K, n, 1) at points of shape (n, d)."""
        return torch.from_numpy(self.values(x.cpu().numpy().astype(np.float64))).to(x)[..., None]

    def values(self, X: NDArray) -> NDArray[np.float64]:
        """Values of shape (K, n) at points of shape (n, d)."""
        parts = [self.weights @ self.columns.design(X[rows]) for rows in blocks(len(X))]
        return np.concatenate(parts, axis=1) + self.shift[:, None]

    def __len__(self) -> int:
        return len(self.weights)


class PairHessian(GroupHessian):
    """Mean Hessians of pairs, as matrices only where entries are asked for.

    Parameters
    ----------
    entries : Tensor of shape (K, M, p)
        For p pairs of features; all others are 0.
    pairs : Tensor of shape (p, 2)
    n_features : int
    """

    entries: Tensor
    pairs: Tensor

    def __init__(self, entries: Tensor, pairs: Tensor, n_features: int):
        own = {"entries": entries, "pairs": pairs, "_n_features": n_features, "factor": None}
        for name, value in own.items():
            object.__setattr__(self, name, value)

    @property
    def n_features(self) -> int:
        """Number of features ``d``."""
        return vars(self)["_n_features"]

    @cached_property
    def core(self) -> Tensor:
        """All entries."""
        return self.full()

    def tile(self, rows: slice, columns: slice) -> Tensor:
        """Entries for some rows and columns; see `GroupHessian`."""
        (top, bottom, _), (left, right, _) = (s.indices(self.n_features) for s in (rows, columns))
        found = self.entries.new_zeros(*self.entries.shape[:2], bottom - top, right - left)
        for i, j in (self.pairs.T, self.pairs.T.flip(0)):
            inside = (i >= top) & (i < bottom) & (j >= left) & (j < right)
            found[..., i[inside] - top, j[inside] - left] = self.entries[..., inside]
        return found[:, None]

    def __getitem__(self, which: Tensor) -> "PairHessian":
        """Mean Hessians of some of the functions."""
        return PairHessian(self.entries[which], self.pairs, self.n_features)


@group_mean_hessians.register
def group_hessian_of_anova(
    function: AnovaFunctions, x: Tensor, partition: Partition
) -> GroupHessian:
    """Inner products of weights with mean products of slopes."""
    products = function.columns
    entries = products.mixed_derivatives(function.weights, x, partition)
    pairs = torch.from_numpy(products.known_pairs)
    return PairHessian(torch.from_numpy(entries).to(x), pairs, x.shape[1])


@pointwise_hessians.register
def pointwise_of_anova(function: AnovaFunctions, x: Tensor, pairs: Tensor) -> Tensor:
    """The same at every point, for chosen pairs."""
    products = function.columns
    points = Partition.singletons(len(x))
    entries = products.mixed_derivatives(function.weights, x, points)
    known = {tuple(pair): k for k, pair in enumerate(products.known_pairs.tolist())}
    places = [known.get(tuple(sorted(pair)), -1) for pair in pairs.tolist()]
    with_none = np.concatenate([entries, np.zeros_like(entries[..., :1])], axis=-1)
    return torch.from_numpy(with_none[..., places]).to(x)[:, None]
