"""Mean Hessians inside groups of points: one question, answered by the kind of function.

An `MLP` takes the closed form, and so does a `Chain`, layer by layer; main effects change nothing
off the diagonal; anything else that torch can differentiate twice takes automatic differentiation.
"""

from functools import singledispatch
from typing import Any

import torch
from torch import Tensor

from skgeh.functions import MLP, Chain, Function, Hybrid, Repeated, Separate, stack
from skgeh.hessian import autodiff, closed_form, layered
from skgeh.hessian.group_hessian import GroupHessian
from skgeh.partition import Partition

__all__ = ["GroupHessian", "group_mean_hessians", "pointwise_hessians"]


@singledispatch
def group_mean_hessians(function: Function, x: Tensor, partition: Partition) -> GroupHessian:
    """Mean Hessians of K functions inside M groups of points.

    Off the diagonal they are those of the whole function; on the diagonal those of its
    interactions only, main effects being left out.

    Parameters
    ----------
    function : callable (n, d) -> (K, n, c)
        An `MLP`, a `Hybrid` or any callable that torch differentiates twice.
    x : Tensor of shape (n, d)
        Points.
    partition : Partition
        Groups of the n points.

    Returns
    -------
    GroupHessian

    Examples
    --------
    >>> import torch
    >>> product = lambda x: 3 * (x[:, :1] * x[:, 1:])[None]
    >>> hessian = group_mean_hessians(product, torch.randn(10, 2), Partition.one_group(10))
    >>> hessian.full()[0, 0, 0].tolist()
    [[0.0, 3.0], [3.0, 0.0]]
    """
    return autodiff.group_hessian(function, x, partition)


group_mean_hessians.register(MLP)(closed_form.group_hessian)


@group_mean_hessians.register
def _(function: Hybrid, x: Tensor, partition: Partition) -> GroupHessian:
    return group_mean_hessians(function.interactions, x, partition)


@group_mean_hessians.register
def _(function: Repeated, x: Tensor, partition: Partition) -> GroupHessian:
    return group_mean_hessians(function.distinct, x, partition)[function.which]


@group_mean_hessians.register
def _(function: Separate, x: Tensor, partition: Partition) -> GroupHessian:
    # one after the other: what differentiating twice keeps in memory is that of one function
    kernels = map(_kernel, function.functions)
    each = [kernel.group_hessian(one, x, partition) for kernel, one in kernels]
    return GroupHessian.stacked(each)


def _kernel(function: Function) -> tuple[Any, Function]:
    """What computes one function (n, d) -> (n, c) of a stack, and the form in which it takes it."""
    return (layered, function) if isinstance(function, Chain) else (autodiff, stack([function]))


@singledispatch
def pointwise_hessians(function: Function, x: Tensor, pairs: Tensor) -> Tensor:
    """Mixed second derivatives at every point, for chosen pairs of features.

    Parameters
    ----------
    function : callable (n, d) -> (K, n, c)
    x : Tensor of shape (n, d)
    pairs : Tensor of shape (q, 2)

    Returns
    -------
    Tensor of shape (K, c, n, q)
    """
    return autodiff.pointwise(function, x, pairs)


pointwise_hessians.register(MLP)(closed_form.pointwise)


@pointwise_hessians.register
def _(function: Hybrid, x: Tensor, pairs: Tensor) -> Tensor:
    return pointwise_hessians(function.interactions, x, pairs)


@pointwise_hessians.register
def _(function: Repeated, x: Tensor, pairs: Tensor) -> Tensor:
    return pointwise_hessians(function.distinct, x, pairs)[function.which]


@pointwise_hessians.register
def _(function: Separate, x: Tensor, pairs: Tensor) -> Tensor:
    kernels = map(_kernel, function.functions)
    return torch.cat([kernel.pointwise(one, x, pairs) for kernel, one in kernels])
