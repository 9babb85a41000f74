"""Sequential modules of linear layers, including convolutions, and smooth activations.

Linear layers with one activation between them are an MLP, with dropout before any linear layer: the
posterior is that of concrete dropout, with the probabilities as they are. Others are not MLPs, but
they too have a closed form, layer by layer, which needs only the action of each linear map on rows.
The dropout masks of a draw are linear maps as well.
"""

import copy
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from skgeh.geh.activations import SOFTPLUS_SHARPNESS, get_activation
from skgeh.geh.functions import MLP, Additive, Affine, Chain, Function
from skgeh.posteriors.concrete_dropout import ConcreteDropoutPosterior
from skgeh.posteriors.dropout_layers import ConcreteDropoutLayer, FrozenDropout
from skgeh.posteriors.ensemble import EnsemblePosterior

Network = tuple[list[Tensor], list[Tensor], list[Tensor], str]

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


def leaves(module: nn.Module, name: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Names and modules that run one after the other, if the module is a Sequential."""
    if type(module) is not nn.Sequential or has_hooks(module):
        yield name, module
        return
    for child, part in module._modules.items():  # named_children() skips a repeated module
        assert part is not None  # else it could not be run
        yield from leaves(part, f"{name}.{child}" if name else child)


def has_hooks(module: nn.Module) -> bool:
    """Whether the module does more than the ``forward`` of its class."""
    return bool(module._forward_hooks or module._forward_pre_hooks or "forward" in vars(module))


def recognised(modules: Sequence[nn.Module]) -> ConcreteDropoutPosterior | EnsemblePosterior | None:
    """The posterior of frozen modules if they are MLPs of one shape, else None.

    Examples
    --------
    >>> net = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))
    >>> recognised([net, net]).means.widths
    [3, 8, 1]
    >>> recognised([nn.Sequential(nn.Linear(3, 8), nn.LayerNorm(8), nn.Linear(8, 1))])
    """
    found = [as_network(module) for module in modules]
    networks = [network for network in found if network is not None]
    shapes = {(*(w.shape for w in weights), phi) for weights, _, _, phi in networks}
    if len(networks) < len(modules) or len(shapes) != 1:
        return None
    weights, biases, probabilities = (
        tuple(torch.stack(layer).float().cpu() for layer in zip(*kind, strict=True))
        for kind in list(zip(*networks, strict=True))[:3]
    )
    means = MLP(weights, biases, get_activation(networks[0][3]))
    none = Additive(torch.zeros(len(means), 0, means.widths[-1]))
    if not any(bool(p.any()) for p in probabilities):
        return EnsemblePosterior(means, none)
    return ConcreteDropoutPosterior(means, none, probabilities)


def as_network(module: nn.Module) -> Network | None:
    """Weights (h, k), biases (1, k) and probabilities (1, h) of each layer, and the activation."""
    parts = [part for _, part in leaves(module)]
    weights: list[Tensor] = []
    biases: list[Tensor] = []
    probabilities: list[Tensor] = []
    names: set[str] = set()
    dropped, open_layer, rescale = None, False, 1.0
    for part in parts:
        if has_hooks(part):
            return None
        if type(part) is nn.Identity or (type(part) is nn.Flatten and not weights):
            continue
        if type(part) is nn.Linear and not open_layer:
            weight, bias = part.weight.detach().T, part.bias
            weights.append(weight / rescale)
            biases.append(weight.new_zeros(1, weight.shape[1]) if bias is None else bias[None])
            p = torch.zeros(1) if dropped is None else dropped.to(weight)
            probabilities.append(p.expand(1, len(weight)))
            dropped, open_layer = None, True
        elif type(part) is FrozenDropout or type(part) is ConcreteDropoutLayer:
            if open_layer or dropped is not None or getattr(part, "shared_axes", False):
                return None
            dropped = part.probabilities().detach()
        elif (known := smooth(part)) is not None and open_layer:
            name, rescale = known
            names.add(name)
            weights[-1], biases[-1] = weights[-1] * rescale, biases[-1] * rescale
            open_layer = False
        else:
            return None
    if len(weights) < 2 or not open_layer or len(names) != 1:
        return None
    return weights, biases, probabilities, names.pop()


def smooth(part: nn.Module) -> tuple[str, float] | None:
    """Name of an activation phi, and the r for which the module computes ``phi(r z) / r``."""
    if type(part) not in (nn.GELU, nn.Softplus, nn.Tanh, nn.SiLU, nn.Sigmoid):
        return None  # a subclass may do anything
    match part:
        case nn.GELU(approximate="none"):
            return "gelu", 1.0
        case nn.Softplus(beta=beta, threshold=20):
            return "softplus", beta / SOFTPLUS_SHARPNESS
        case nn.Tanh():
            return "tanh", 1.0
        case nn.SiLU():
            return "silu", 1.0
        case nn.Sigmoid():
            return "logistic", 1.0
    return None
