"""Functional ANOVA: sums of products of smooth functions of one, two and three features.

``f(x) = sum_i a_i . phi(x_i) + sum_ij phi(x_i)' B_ij phi(x_j) + sum_ijk C_ijk[phi, phi, phi]`` is
linear in the weights a, B, C, and so are its derivatives. The mean Hessian of a group of points is
the inner product of a pair's weights with the group's mean products of derivatives.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations, pairwise, permutations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skgeh.geh.hessians import (
    GroupHessian,
    group_mean_hessians,
    pointwise_at_singletons,
    pointwise_hessians,
)
from skgeh.geh.pairs import pair_index, to_matrix
from skgeh.geh.partition import Partition
from skgeh.process._smooth_basis import SmoothBasis

ROWS = 1000  # rows whose products are computed at once
IN_TRIPLE = 2  # functions per feature that enter triples: the line and the smoothest wave
WAVE_IN_TRIPLE = 0.3  # prior weight of a wave in a triple, relative to that of the line
TWO_OF_THREE = ((0, 1), (0, 2), (1, 2))
GROUPS = ("main, lines", "main, waves", "line x line", "line x wave", "wave x wave", "triples")


@dataclass(frozen=True, eq=False)
class Anova:
    """Products of functions of one, two and three features, and their values.

    Parameters
    ----------
    bases : sequence of SmoothBasis, one per feature
    triples : bool
        Whether products of three features enter.
    center : ndarray of shape (q,) or float, default=0
        Means of the products, which are subtracted; they are not 0 if features correlate. Since
        the target has mean 0, no intercept is needed then.
    """

    bases: Sequence[SmoothBasis]
    triples: bool
    center: NDArray[np.float64] | float = 0.0

    @classmethod
    def fit(cls, X: NDArray, n_functions: int, triples: bool, weight: NDArray) -> "Anova":
        """Fit the functions of every feature; sample weights have mean 1."""
        plain = cls([SmoothBasis.fit(x, n_functions, weight) for x in X.T], triples)
        return plain.centred(X, weight)

    def centred(self, X: NDArray, weight: NDArray) -> "Anova":
        """The same products, centred by their weighted means over the given rows."""
        parts = (slice(start, start + ROWS) for start in range(0, len(X), ROWS))
        total = sum(weight[rows] @ self.design(X[rows]) for rows in parts)
        return replace(self, center=self.center + total / weight.sum())

    @cached_property
    def pairs(self) -> NDArray[np.intp]:
        """Pairs of features, (P, 2)."""
        return pair_index(len(self.bases))

    @cached_property
    def trios(self) -> NDArray[np.intp]:
        """Triples of features, (T, 3)."""
        found = list(combinations(range(len(self.bases)), 3)) if self.triples else []
        return np.array(found, dtype=np.intp).reshape(-1, 3)

    @cached_property
    def groups(self) -> NDArray[np.intp]:
        """Variance group of every weight, an index into `GROUPS`, shape (q,)."""
        wave = np.arange(self.n_functions) > 0
        main = np.tile(wave, len(self.bases)).astype(np.intp)
        pairs = np.tile((2 + np.add.outer(wave, wave.astype(np.intp))).ravel(), len(self.pairs))
        return np.concatenate([main, pairs, np.full(len(self.trios) * IN_TRIPLE**3, 5)])

    @cached_property
    def weights(self) -> NDArray[np.float64]:
        """Prior variance of every weight relative to that of its group, shape (q,)."""
        each = np.stack([basis.weights for basis in self.bases])
        inside = each[:, :IN_TRIPLE] * [1, WAVE_IN_TRIPLE]
        return self.products(each, inside)

    @property
    def n_functions(self) -> int:
        """Number of functions per feature."""
        return len(self.bases[0].weights)

    @cached_property
    def sections(self) -> tuple[slice, ...]:
        """Slices of the weights that belong to main effects, pairs and triples."""
        d, m = len(self.bases), self.n_functions
        edges = np.cumsum([0, d * m, len(self.pairs) * m**2, len(self.trios) * IN_TRIPLE**3])
        return tuple(slice(a, b) for a, b in pairwise(edges))

    def products(self, each: NDArray, inside: NDArray) -> NDArray:
        """Values of each feature, and their products over pairs and triples, shape (..., q)."""
        (i, j), (a, b, c) = self.pairs.T, self.trios.T
        parts = [
            each,
            outer(each[..., i, :], each[..., j, :]),
            triple_products(inside[..., a, :], inside[..., b, :], inside[..., c, :]),
        ]
        lead = each.shape[:-2]
        return np.concatenate([part.reshape(*lead, -1) for part in parts], axis=-1)

    def of_pairs(self, values: NDArray) -> NDArray[np.float64]:
        """Sum of the values (q,) that belong to each pair, its triples included, shape (P,)."""
        _, pairs, trios = self.sections
        sums = values[pairs].reshape(len(self.pairs), -1).sum(1)
        of_trios = values[trios].reshape(-1, IN_TRIPLE**3).sum(1)
        for by in TWO_OF_THREE:
            np.add.at(sums, self.place(by), of_trios)
        return sums

    def place(self, by: tuple[int, int]) -> NDArray[np.intp]:
        """Index of the pair that two features of every triple form, shape (T,)."""
        places = to_matrix(np.arange(len(self.pairs)), len(self.bases))
        return places[tuple(self.trios[:, by].T)]

    def design(self, X: NDArray) -> NDArray[np.float64]:
        """Values of all products, centred, shape (n, q)."""
        values = self.values(X)
        return self.products(values, values[..., :IN_TRIPLE]) - self.center

    def values(self, X: NDArray) -> NDArray[np.float64]:
        """Values of every feature's functions, shape (n, d, m)."""
        return np.stack([basis(x) for basis, x in zip(self.bases, X.T, strict=True)], axis=1)

    def derivatives(self, X: NDArray) -> NDArray[np.float64]:
        """First derivatives of every feature's functions, shape (n, d, m)."""
        pairs = zip(self.bases, X.T, strict=True)
        return np.stack([basis.derivative(x) for basis, x in pairs], axis=1)

    def mixed_derivatives(self, weights: NDArray, X: NDArray, partition: Partition) -> NDArray:
        """Means of ``d2f / dx_i dx_j`` inside groups of points, shape (K, M, P).

        Parameters
        ----------
        weights : ndarray of shape (K, q)
        X : ndarray of shape (n, d)
        partition : Partition of the n points
        """
        slope, (i, j), m = self.derivatives(X), self.pairs.T, self.n_functions
        B = weights[:, self.sections[1]].reshape(len(weights), len(i), m * m)
        means = partition.mean(outer(slope[:, i], slope[:, j]))
        hessians = np.einsum("kpa,mpa->kmp", B, means, optimize=True)
        if not self.triples:
            return hessians
        bend, value = slope[..., :IN_TRIPLE], self.values(X)[..., :IN_TRIPLE]
        by_pair = outer(bend[:, i], bend[:, j]).reshape(len(X), -1)
        others = value.reshape(len(X), -1)
        C = np.pad(weights, ((0, 0), (0, 1)))[:, self.third].swapaxes(0, 1)
        order = np.argsort(partition.labels, kind="stable")
        groups = np.split(order, np.cumsum(partition.counts)[:-1])
        for group, rows in enumerate(groups):
            means = by_pair[rows].T @ others[rows] / len(rows)
            means = means.reshape(len(i), IN_TRIPLE**2, len(self.bases), IN_TRIPLE).swapaxes(1, 2)
            hessians[:, group] += (C @ means.reshape(len(i), -1, 1))[..., 0].T
        return hessians

    @cached_property
    def third(self) -> NDArray[np.intp]:
        """Indices of the weights of each pair with each third feature, shape (P, d b^3).

        The order is (third feature, function of i, of j, of the third). If the third feature
        belongs to the pair, the index is one past the last weight.
        """
        d, each = len(self.bases), np.arange(IN_TRIPLE**3).reshape((IN_TRIPLE,) * 3)
        places = np.full((d, d, d, *each.shape), len(self.weights))
        start = self.sections[2].start + IN_TRIPLE**3 * np.arange(len(self.trios))
        for a, b, c in permutations(range(3)):
            at = tuple(self.trios[:, k] for k in (a, b, c))
            places[at] = start[:, None, None, None] + each.transpose(a, b, c)
        i, j = self.pairs.T
        return places[i, j].reshape(len(i), -1)


def outer(first: NDArray, second: NDArray) -> NDArray:
    """Products of the functions of two features, shape (..., a b)."""
    return (first[..., :, None] * second[..., None, :]).reshape(*first.shape[:-1], -1)


def triple_products(first: NDArray, second: NDArray, third: NDArray) -> NDArray:
    """Products of the functions of three features, shape (..., T, b, b, b)."""
    return np.einsum("...ta,...tb,...tc->...tabc", first, second, third)


@dataclass(frozen=True, eq=False)
class AnovaFunctions:
    """A stack of K functions on one basis.

    Parameters
    ----------
    basis : Anova
    weights : ndarray of shape (K, q)
    shift : float or ndarray of shape (K,), default=0
        Added to the values.
    """

    basis: Anova
    weights: NDArray[np.float64]
    shift: NDArray[np.float64] | float = 0.0

    def __call__(self, x: Tensor) -> Tensor:
        """Values of shape (K, n, 1) at points of shape (n, d)."""
        values = self.weights @ self.basis.design(x.cpu().numpy().astype(np.float64)).T
        return torch.from_numpy(values + np.reshape(self.shift, (-1, 1))).to(x)[..., None]

    def __len__(self) -> int:
        return len(self.weights)


@group_mean_hessians.register
def group_hessian_of_anova(
    function: AnovaFunctions, x: Tensor, partition: Partition
) -> GroupHessian:
    """Inner products of weights with mean products of derivatives."""
    basis, X = function.basis, x.cpu().numpy().astype(np.float64)
    mixed = torch.from_numpy(basis.mixed_derivatives(function.weights, X, partition)).to(x)
    i, j = basis.pairs.T
    full = mixed.new_zeros(*mixed.shape[:2], x.shape[1], x.shape[1])
    full[..., i, j] = full[..., j, i] = mixed
    return GroupHessian(full[:, None])


pointwise_hessians.register(AnovaFunctions, pointwise_at_singletons)
