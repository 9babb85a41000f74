"""Sequential modules of linear layers, including convolutions, and smooth activations.

They are not MLPs, but they too have a closed form, layer by layer, which needs only the action of
each linear map on rows. The dropout masks of a draw are linear maps as well.
"""

import copy
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from skgeh.foreign._perceptrons import has_hooks, leaves
from skgeh.geh.functions import Affine, Chain, Function
from skgeh.posteriors.dropout_layers import ConcreteDropoutLayer, FrozenDropout

WEIGHTED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
LINEAR = (
    *(nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d),
    *(nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d),
    *(nn.Flatten, nn.Unflatten, nn.Identity, nn.ZeroPad1d, nn.ZeroPad2d, nn.ZeroPad3d),
)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
DROPOUT = (FrozenDropout, ConcreteDropoutLayer)
ELEMENTWISE = (
    *(nn.GELU, nn.SiLU, nn.Mish, nn.ELU, nn.CELU, nn.SELU),
    *(nn.Tanh, nn.Sigmoid, nn.LogSigmoid, nn.Softplus, nn.Softsign, nn.Tanhshrink),
)

Step = tuple[Function, Tensor | None]  # one step of an affine map: a linear map and its bias


@torch.no_grad()
def steps_of(module: nn.Module, row: Tensor) -> list[Step | nn.Module] | None:
    """Layers of a frozen module, in order: steps of affine maps, dropout layers, activations.

    Parameters
    ----------
    module : nn.Module
    row : Tensor of shape (1, ...)
        An input, which shows the shapes.

    Returns
    -------
    list or None
        None if the module has any other layer.

    Examples
    --------
    >>> net = nn.Sequential(nn.Conv1d(1, 2, 3), nn.Tanh(), nn.Flatten(), nn.Linear(4, 1))
    >>> len(steps_of(net, torch.zeros(1, 1, 4)))
    4
    >>> steps_of(nn.Sequential(nn.Linear(3, 8), nn.LayerNorm(8)), torch.zeros(1, 3))
    """
    found: list[Step | nn.Module] = []
    for _, part in leaves(module):
        step = None if has_hooks(part) else step_of(part, row.ndim)
        if step is None:
            return None
        found.append(step)
        row = part(row)
    return found


def step_of(part: nn.Module, ndim: int) -> Step | nn.Module | None:
    """A layer as a step of an affine map, or as it is if it is dropout or an activation."""
    kind = type(part)  # a subclass may do anything
    if kind in LINEAR:
        moves_rows = min(getattr(part, "start_dim", 1), getattr(part, "dim", 1)) < 1
        return None if moves_rows else (part, None)
    if kind in WEIGHTED:
        return without_bias(part, ndim)
    if kind in NORMS:
        return normalisation(part, ndim)
    if kind in DROPOUT:
        return None if kind is ConcreteDropoutLayer and part.training else part
    return part if kind in ELEMENTWISE and not getattr(part, "inplace", False) else None


def without_bias(part: Any, ndim: int) -> Step | None:
    """A linear layer or convolution without bias, and the bias; None if it misreads the rows."""
    if not isinstance(part, nn.Linear) and part.weight.ndim != ndim:
        return None
    linear, bias = copy.deepcopy(part, {id(part.weight): part.weight}), part.bias  # no new weights
    linear.bias = None
    return linear, None if bias is None else along_nodes(bias, part.weight.ndim)


def normalisation(part: Any, ndim: int) -> Step | None:
    """A batch normalisation with fixed moments, ``scale * a + bias``."""
    if part.training or part.running_mean is None:
        return None
    scale = torch.rsqrt(part.running_var + part.eps)
    bias = -part.running_mean * scale
    if part.affine:
        scale, bias = scale * part.weight, bias * part.weight + part.bias
    return partial(scaled, factor=along_nodes(scale, ndim)), along_nodes(bias, ndim)


def along_nodes(values: Tensor, ndim: int) -> Tensor:
    """One value per node, to broadcast against rows of ndim axes with nodes in axis 1."""
    return values.reshape(-1, *(1,) * (ndim - 2))


def scaled(a: Tensor, factor: Tensor) -> Tensor:
    """Rows times a factor, the same for all."""
    return a * factor.to(a)


def chain_of(steps: Iterable[Step | nn.Module], inputs: Function, masks: Sequence[Tensor]) -> Chain:
    """One draw as a `Chain`.

    Parameters
    ----------
    steps : iterable
        As `steps_of` returns them.
    inputs : callable
        Linear map from points (n, d) to the inputs of the module.
    masks : sequence of Tensor
        One per dropout layer; if empty, dropout is off.
    """
    left, affine = iter(masks), Affine(((inputs, None),))
    maps, activations = [], []
    for step in steps:
        if isinstance(step, tuple):
            affine = affine.then(*step)
        elif not isinstance(step, DROPOUT):
            maps.append(affine)
            activations.append(step)
            affine = Affine()
        elif (mask := next(left, None)) is not None:
            affine = affine.then(partial(scaled, factor=mask))
    return Chain((*maps, affine.then(nn.Flatten())), tuple(activations))
