"""Units of a hidden layer as the features of the network's head, the part above the layer.

The trunk, the part up to the layer, stays at its mean, so that a unit means the same in every draw.
In a Sequential the head consists of the layers that follow. Any other module runs as a whole, and a
forward hook replaces the layer's output with the given values of its units.
"""

from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn

from skgeh.foreign._sequentials import has_hooks, leaves

ROWS = 256  # rows that pass through a trunk at once
PROBE = 8  # rows on which a head is compared with its network
TOLERANCE = 1e-3  # allowed difference, as a share of the largest output
WAITING: ContextVar[list[Tensor] | None] = ContextVar("output of a layer", default=None)


def split(module: nn.Module, layer: str, x: Tensor) -> tuple[Tensor, nn.Module]:
    """Outputs of a layer at inputs x, and the head: the network as a function of them.

    Parameters
    ----------
    module : nn.Module
        A frozen copy, which may receive a hook.
    layer : str
        Name of the layer, as in ``module.named_modules()``.
    x : Tensor of shape (n, ...)

    Returns
    -------
    units : Tensor of shape (n, ...)
    head : nn.Module

    Raises
    ------
    ValueError
        If there is no such layer, if it does not run once, or if the network has a way around it.
    """
    part = named(module, layer)
    units = outputs(module, part, x)
    head = rest(module, layer)
    if head is None:
        head = hooked(module, part, x[:PROBE], units[:PROBE])
    return units, head


def named(module: nn.Module, layer: str) -> nn.Module:
    """The part of a module that has a given name."""
    names = dict(module.named_modules())
    if layer not in names or not layer:
        known = ", ".join(repr(name) for name in names if name)
        raise ValueError(f"There is no layer {layer!r}; the module has {known or 'no layers'}.")
    return names[layer]


def outputs(module: nn.Module, layer: nn.Module, x: Tensor) -> Tensor:
    """Outputs of a layer when the module runs on x, shape (n, ...)."""
    found: list[Tensor] = []
    handle = layer.register_forward_hook(lambda *call: found.append(call[2]))
    try:
        with torch.no_grad():
            for rows in x.split(ROWS):
                before = len(found)
                module(rows)
                if len(found) != before + 1:
                    raise ValueError(
                        f"The layer must run once each time the module runs; it ran "
                        f"{len(found) - before} times. Name a layer that does."
                    )
                if not isinstance(found[-1], Tensor) or len(found[-1]) != len(rows):
                    raise ValueError(
                        "The layer must return one tensor with one entry per row on its first "
                        f"axis; got {type(found[-1]).__name__}. Name a layer that does."
                    )
    finally:
        handle.remove()
    return torch.cat(found)


def rest(module: nn.Module, layer: str) -> nn.Module | None:
    """The layers after one of a Sequential; None if the layer is in another kind of module."""
    parts = list(leaves(module))
    inside = [k for k, (name, _) in enumerate(parts) if (name + ".").startswith(layer + ".")]
    if not inside or has_hooks(module):
        return None
    return nn.Sequential(*(part for _, part in parts[inside[-1] + 1 :]))


class HookedHead(nn.Module):
    """The network with the output of one layer replaced.

    Parameters
    ----------
    module : nn.Module
    layer : nn.Module
        A part of the module.
    row : Tensor of shape (1, ...)
        The input that the network runs on.
    repeat : bool
        Whether the network must run on as many rows as there are rows of units.
    """

    def __init__(self, module: nn.Module, layer: nn.Module, row: Tensor, repeat: bool):
        super().__init__()
        self.module, self.row, self.repeat = module, row, repeat
        layer.register_forward_hook(exchange)

    def forward(self, units: Tensor) -> Tensor:
        """Output of the network if the output of the layer is `units`."""
        rows = self.row.expand(len(units), *self.row.shape[1:]) if self.repeat else self.row
        token = WAITING.set([units])
        try:
            return self.module(rows)
        finally:
            WAITING.reset(token)


def exchange(*call: Any) -> Any:  # noqa: ARG001
    """Forward hook that replaces the layer's output with the waiting values, if there are any."""
    waiting = WAITING.get()
    return waiting.pop() if waiting else None


def hooked(module: nn.Module, layer: nn.Module, x: Tensor, units: Tensor) -> HookedHead:
    """A head that gives the network's outputs, although it always runs on the same input."""
    with torch.no_grad():
        expected = module(x)
        bound = TOLERANCE * expected.abs().max()
        for repeat in (False, True):  # one row is less work; some modules need them all
            head = HookedHead(module, layer, x[:1], repeat)
            try:
                found = head(units)
            except RuntimeError:
                continue
            if found.shape == expected.shape and (found - expected).abs().max() <= bound:
                return head
    raise ValueError(
        "The layer's units do not determine the output: the network has a way around the layer, "
        "such as a skip connection. Name a layer that every path passes."
    )
