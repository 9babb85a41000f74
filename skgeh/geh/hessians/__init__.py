"""Mean Hessians inside groups of points, with a kernel for each kind of function.

Answers: the mean of ``d2f / dx_i dx_j`` over each group of points, or its value at each point.
In: a stack of functions, points, a `Partition`. Out: a `GroupHessian`.
An `MLP` has a closed form, and so does a `Chain`, layer by layer. Main effects change nothing off
the diagonal. Plain functions and modules use automatic differentiation. Every other kind registers
its own kernel. Read `_autodiff.py` first: the other kernels are tested against it.
"""

from functools import partial, singledispatch
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

import torch
from torch import Tensor, nn

from skgeh.geh.functions import MLP, Chain, Hybrid, Joined, Repeated, Separate, stack
from skgeh.geh.hessians import _autodiff as autodiff
from skgeh.geh.hessians import _closed_form as closed_form
from skgeh.geh.hessians import _layered as layered
from skgeh.geh.hessians.group_hessian import GroupHessian, JoinedHessian
from skgeh.geh.partition import Partition
from skgeh.geh.units import Function, FunctionInUnits

__all__ = ["GroupHessian", "group_mean_hessians", "pointwise_at_singletons", "pointwise_hessians"]

DIFFERENTIABLE = FunctionType, MethodType, BuiltinFunctionType, partial, nn.Module


@singledispatch
def group_mean_hessians(  # kernels have this signature
    function: Function,
    x: Tensor,  # noqa: ARG001
    partition: Partition,  # noqa: ARG001
) -> GroupHessian:
    """Mean Hessians of K functions inside M groups of points.

    Entries off the diagonal belong to the whole function; those on the diagonal belong to its
    interactions alone, without the main effects.

    Parameters
    ----------
    function : callable (n, d) -> (K, n, c)
        Of a kind that has a kernel, or a plain function that torch can differentiate twice.
    x : Tensor of shape (n, d)
        Points.
    partition : Partition
        Groups of the n points.

    Returns
    -------
    GroupHessian

    Raises
    ------
    TypeError
        If no kernel is registered for this kind of function.

    Examples
    --------
    >>> import torch
    >>> product = lambda x: 3 * (x[:, :1] * x[:, 1:])[None]
    >>> hessian = group_mean_hessians(product, torch.randn(10, 2), Partition.one_group(10))
    >>> hessian.full()[0, 0, 0].tolist()
    [[0.0, 3.0], [3.0, 0.0]]
    """
    raise missing_kernel("group_mean_hessians", function)


group_mean_hessians.register(MLP)(closed_form.group_hessian)


@group_mean_hessians.register
def group_hessian_of_hybrid(function: Hybrid, x: Tensor, partition: Partition) -> GroupHessian:
    """Hessians of the interactions; main effects have no mixed second derivative."""
    return group_mean_hessians(function.interactions, x, partition)


@group_mean_hessians.register
def group_hessian_of_repeated(function: Repeated, x: Tensor, partition: Partition) -> GroupHessian:
    """Hessians of the distinct functions, each computed once."""
    return group_mean_hessians(function.distinct, x, partition)[function.which]


@group_mean_hessians.register
def group_hessian_of_joined(function: Joined, x: Tensor, partition: Partition) -> GroupHessian:
    """Hessians of each part."""
    return JoinedHessian([group_mean_hessians(part, x, partition) for part in function.parts])


@group_mean_hessians.register
def group_hessian_of_separate(function: Separate, x: Tensor, partition: Partition) -> GroupHessian:
    """Hessians of one function after another; memory holds the graph of one at a time."""
    kernels = map(_kernel, function.functions)
    each = [kernel.group_hessian(one, x, partition) for kernel, one in kernels]
    return GroupHessian.stacked(each)


@group_mean_hessians.register
def group_hessian_in_units(
    function: FunctionInUnits, x: Tensor, partition: Partition
) -> GroupHessian:
    """Hessians by the chain rule, ``scale_i scale_j H_ij readout``."""
    units = function.units
    found = group_mean_hessians(function.function, units.inputs(x), partition)
    core = torch.einsum("kcmrs,ce->kemrs", found.core, units.readout.to(found.core))
    scale = units.scale.to(core)[:, None]
    if found.factor is None:
        return GroupHessian(scale * core * scale[:, 0])
    return GroupHessian(core, scale * found.factor)


def _kernel(function: Function) -> tuple[Any, Function]:
    """Kernel of one function (n, d) -> (n, c), and the function in the form that it takes."""
    return (layered, function) if isinstance(function, Chain) else (autodiff, stack([function]))


@singledispatch
def pointwise_hessians(  # kernels have this signature
    function: Function,
    x: Tensor,  # noqa: ARG001
    pairs: Tensor,  # noqa: ARG001
) -> Tensor:
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
    raise missing_kernel("pointwise_hessians", function)


pointwise_hessians.register(MLP)(closed_form.pointwise)


@pointwise_hessians.register
def pointwise_of_hybrid(function: Hybrid, x: Tensor, pairs: Tensor) -> Tensor:
    """Hessians of the interactions; main effects have no mixed second derivative."""
    return pointwise_hessians(function.interactions, x, pairs)


@pointwise_hessians.register
def pointwise_of_repeated(function: Repeated, x: Tensor, pairs: Tensor) -> Tensor:
    """Hessians of the distinct functions, each computed once."""
    return pointwise_hessians(function.distinct, x, pairs)[function.which]


@pointwise_hessians.register
def pointwise_of_joined(function: Joined, x: Tensor, pairs: Tensor) -> Tensor:
    """Hessians of each part."""
    return torch.cat([pointwise_hessians(part, x, pairs) for part in function.parts])


@pointwise_hessians.register
def pointwise_of_separate(function: Separate, x: Tensor, pairs: Tensor) -> Tensor:
    """Hessians of one function after another."""
    kernels = map(_kernel, function.functions)
    return torch.cat([kernel.pointwise(one, x, pairs) for kernel, one in kernels])


@pointwise_hessians.register
def pointwise_in_units(function: FunctionInUnits, x: Tensor, pairs: Tensor) -> Tensor:
    """Hessians by the chain rule at every point."""
    units = function.units
    found = pointwise_hessians(function.function, units.inputs(x), pairs)
    scale = units.scale.to(found)[pairs].prod(1)
    return torch.einsum("kcnq,ce->kenq", found, units.readout.to(found)) * scale


def pointwise_at_singletons(function: Function, x: Tensor, pairs: Tensor) -> Tensor:
    """Mixed second derivatives at every point, by the kernel of groups of one point each."""
    hessian = group_mean_hessians(function, x, Partition.singletons(len(x))).full()
    return hessian[..., pairs[:, 0], pairs[:, 1]]


for kind in DIFFERENTIABLE:
    group_mean_hessians.register(kind, autodiff.group_hessian)
    pointwise_hessians.register(kind, autodiff.pointwise)


def missing_kernel(generic: str, function: Function) -> TypeError:
    """Error for a function without a registered kernel."""
    kind = type(function).__name__
    return TypeError(
        f"{generic} has no kernel for a {kind}. Register one with {generic}.register({kind}), or "
        "pass a plain function that torch can differentiate twice. "
        "skgeh.geh.functions.stack([...]) makes one from callable objects (n, d) -> (n, c)."
    )
