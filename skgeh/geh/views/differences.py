"""Finite differences of one unit along whole-number features, on the scale of derivatives.

A function learned at 0 and 1 has a derivative in between that no row determines. Let l and u be the
values of feature i below and above a step of one unit, ``d = u - l``, and g the other features of a
point. The finite differences

    H_ij = (f_j(u, g) - f_j(l, g)) / d                                    j continuous
    H_ij = (f(u, u) - f(u, l) - f(l, u) + f(l, l)) / (d_i d_j)            j in whole numbers too

replace the second derivatives; for a product, both are the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import singledispatch
from itertools import combinations
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skgeh.geh.functions import MLP, Function, Hybrid, Joined, Repeated
from skgeh.geh.hessians import (
    GroupHessian,
    group_mean_hessians,
    pointwise_at_singletons,
    pointwise_hessians,
)
from skgeh.geh.partition import Partition
from skgeh.geh.score import rank_pairs
from skgeh.geh.views._view import PosteriorView

_STEP = 1e-3  # for continuous features, where there is no closed form


@dataclass(frozen=True, eq=False)
class Steps:
    """Steps of one unit, in the posterior's units.

    Parameters
    ----------
    features : list of int
    sizes : list of float
    highest : list of float
        Highest value of each feature, from where the step goes down.
    """

    features: list[int]
    sizes: list[float]
    highest: list[float]

    @classmethod
    def of(cls, highest: dict[int, float], scales: NDArray, columns: Sequence[int]) -> "Steps":
        """Steps along those of the given columns that have few values, all whole numbers.

        Parameters
        ----------
        highest : dict
            Highest values of such columns in standard units, from `Table.whole_columns`.
        scales : ndarray of shape (d,)
            Standard deviations of all columns.
        columns : sequence of int
        """
        whole = [j for j in columns if j in highest]
        return cls(whole, (1 / scales[whole]).tolist(), [highest[j] for j in whole])

    def ends(self, x: Tensor, place: int) -> tuple[Tensor, Tensor]:
        """The feature's values above and below the step from each point, each of shape (n,)."""
        size, highest = self.sizes[place], self.highest[place]
        upper = (x[:, self.features[place]] + size).clamp(max=highest)
        return upper, upper - size


def _at(x: Tensor, values: dict[int, Tensor]) -> Tensor:
    """Points with some features set to other values."""
    moved = x.clone()
    for feature, value in values.items():
        moved[:, feature] = value
    return moved


def _group_mean_values(function: Function, x: Tensor, partition: Partition) -> Tensor:
    """Means of a function over groups of points, shape (K, c, M)."""
    with torch.no_grad():
        values = function(x.double())
    members = torch.nn.functional.one_hot(torch.from_numpy(partition.labels)).to(values)
    return values.mT @ (members / members.sum(0))


@singledispatch
def _group_mean_gradients(function: Function, x: Tensor, partition: Partition) -> Tensor:
    """Means of a function's gradient over groups of points, shape (K, c, M, d)."""
    x, columns = x.double(), []
    for j in range(x.shape[1]):
        ends = (_at(x, {j: x[:, j] + sign * _STEP}) for sign in (1, -1))
        above, below = (_group_mean_values(function, end, partition) for end in ends)
        columns.append((above - below) / (2 * _STEP))
    return torch.stack(columns, dim=-1)


@_group_mean_gradients.register
def _gradient_of_hybrid(function: Hybrid, x: Tensor, partition: Partition) -> Tensor:
    """Gradients of the interactions; main effects cancel in differences."""
    return _group_mean_gradients(function.interactions, x, partition)


@_group_mean_gradients.register
def _gradient_of_repeated(function: Repeated, x: Tensor, partition: Partition) -> Tensor:
    """Gradients of the distinct functions, each computed once."""
    return _group_mean_gradients(function.distinct, x, partition)[function.which]


@_group_mean_gradients.register
def _gradient_of_joined(function: Joined, x: Tensor, partition: Partition) -> Tensor:
    """Gradients of each part."""
    return torch.cat([_group_mean_gradients(part, x, partition) for part in function.parts])


@_group_mean_gradients.register
def _gradient_of_mlp(function: MLP, x: Tensor, partition: Partition) -> Tensor:
    """Gradients from one shift per group, with one backward pass per output."""
    labels = torch.from_numpy(partition.labels)
    counts = torch.as_tensor(partition.counts, dtype=x.dtype)
    with torch.enable_grad():
        shift = x.new_zeros(len(function), partition.n_groups, x.shape[1], requires_grad=True)
        totals = function(x + shift[:, labels]).sum(1)
        found = [
            torch.autograd.grad(total.sum(), shift, retain_graph=True)[0] for total in totals.mT
        ]
    return torch.stack(found, dim=1) / counts[:, None]


@dataclass(frozen=True, eq=False)
class DifferencedFunction:
    """A stack of functions with differences along some features.

    Parameters
    ----------
    function : callable (n, d) -> (K, n, c)
    steps : Steps
    """

    function: Function
    steps: Steps

    def __call__(self, x: Tensor) -> Tensor:
        """Values of shape (K, n, c) at points of shape (n, d)."""
        return self.function(x)


@group_mean_hessians.register
def _group_hessian_by_steps(
    function: DifferencedFunction, x: Tensor, partition: Partition
) -> GroupHessian:
    """Second derivatives, with differences in the rows and columns of stepped features."""
    inner, steps = function.function, function.steps
    full = group_mean_hessians(inner, x, partition).full()
    for place, i in enumerate(steps.features):
        above, below = (
            _group_mean_gradients(inner, _at(x, {i: end}), partition)
            for end in steps.ends(x, place)
        )
        slope = ((above - below) / steps.sizes[place]).to(full)
        full[..., i, :] = full[..., :, i] = slope
    for (a, i), (b, j) in combinations(enumerate(steps.features), 2):
        (up, down), (right, left) = steps.ends(x, a), steps.ends(x, b)
        corners = [
            _group_mean_values(inner, _at(x, {i: one, j: two}), partition)
            for one, two in ((up, right), (up, left), (down, right), (down, left))
        ]
        change = corners[0] - corners[1] - corners[2] + corners[3]
        both = (change / (steps.sizes[a] * steps.sizes[b])).to(full)
        full[..., i, j] = full[..., j, i] = both
    return GroupHessian(full)


pointwise_hessians.register(DifferencedFunction, pointwise_at_singletons)


@dataclass(frozen=True, eq=False)
class DifferencedPosterior(PosteriorView):
    """A distribution over functions with differences along some features.

    Parameters
    ----------
    posterior : RandomFunction
    steps : Steps
    """

    steps: Steps

    def view(self, function: Function) -> DifferencedFunction:
        """The functions, with steps instead of slopes."""
        return DifferencedFunction(function, self.steps)

    def pair_scores(self, *given: Any, **options: Any) -> NDArray[np.float64]:
        """Scores from derivatives, without differences."""
        return rank_pairs(self.posterior, *given, **options)
