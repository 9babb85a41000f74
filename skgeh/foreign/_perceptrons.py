"""Multilayer perceptrons in an ``nn.Sequential``, which have a closed form.

They are linear layers with the same smooth activation between them, and perhaps dropout before a
linear layer. Their posterior is that of concrete dropout with the given probabilities: the masks of
a draw are folded into the weights.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from skgeh.geh.activations import SOFTPLUS_SHARPNESS, get_activation
from skgeh.geh.functions import MLP, Additive
from skgeh.posteriors.concrete_dropout import ConcreteDropoutPosterior
from skgeh.posteriors.dropout_layers import ConcreteDropoutLayer, FrozenDropout
from skgeh.posteriors.ensemble import EnsemblePosterior

Network = tuple[list[Tensor], list[Tensor], list[Tensor], str]


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
