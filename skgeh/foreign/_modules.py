"""Any torch module as a random function: each draw fixes the masks of its dropout layers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from skgeh.foreign._sequentials import Step, chain_of, recognised, steps_of
from skgeh.geh.functions import Function, RandomFunction, Repeated, stack
from skgeh.posteriors.dropout_layers import Masks, is_random

PROBE = 8  # rows on which a module is tried out
# torch's names for the derivatives of activations whose second derivative is 0
PIECEWISE_LINEAR = {
    "ReluBackward0": "ReLU",
    "LeakyReluBackward0": "LeakyReLU",
    "PreluKernelBackward0": "PReLU",
    "RreluWithNoiseBackward0": "RReLU",
    "HardtanhBackward0": "Hardtanh or ReLU6",
    "HardsigmoidBackward0": "Hardsigmoid",
    "HardshrinkBackward0": "Hardshrink",
    "SoftshrinkBackward0": "Softshrink",
    "ThresholdBackward0": "Threshold",
}


@dataclass(frozen=True, eq=False)
class RowFunction:
    """A module as a function of rows (n, d) -> (n, c), with the masks of one draw.

    Parameters
    ----------
    module : callable
        From (n, *shape) to (n, c) or (n,).
    shape : tuple of int
        Shape of one input.
    masks : Masks, optional
        If None, dropout is off.
    """

    module: Callable[[Tensor], Tensor]
    shape: tuple[int, ...]
    masks: Masks | None = None

    def __call__(self, x: Tensor) -> Tensor:
        """Values of shape (n, c) at points of shape (n, d)."""
        inputs = self.inputs(x)
        if self.masks is None:
            values = self.module(inputs)
        else:
            with self.masks.in_force():
                values = self.module(inputs)
        if not isinstance(values, Tensor) or values.ndim == 0 or len(values) != len(x):
            shape = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
            raise ValueError(
                f"For {len(x)} rows a model must return a tensor of shape ({len(x)},) or "
                f"({len(x)}, n_outputs); got {shape}. Wrap it in a module that does."
            )
        return values.reshape(len(x), -1).to(x)

    def inputs(self, x: Tensor) -> Tensor:
        """Points (n, d) in the form that the module takes."""
        return like_weights(x, self.module).unflatten(1, self.shape)


def like_weights(x: Tensor, module: Any) -> Tensor:
    """Points with the dtype and on the device of a module's first weight."""
    weights = module.parameters() if isinstance(module, nn.Module) else ()
    first = next((weight for weight in weights if weight.is_floating_point()), None)
    return x if first is None else x.to(first)


@dataclass(frozen=True, eq=False)
class ModulesPosterior:
    """Draws of one trained module, or of several in turn, each with frozen dropout masks.

    Parameters
    ----------
    modules : sequence of callables
        Modules are frozen (`skgeh.posteriors.dropout_layers.frozen`).
    shape : tuple of int
        Shape of one input.
    n_outputs : int
    """

    modules: Sequence[Callable[[Tensor], Tensor]]
    shape: tuple[int, ...]
    n_outputs: int
    random: bool = field(init=False)
    steps: list = field(init=False)

    def __post_init__(self) -> None:
        """Look for dropout, and for the layers of each module, once."""
        random = any(isinstance(m, nn.Module) and is_random(m) for m in self.modules)
        object.__setattr__(self, "random", random)
        object.__setattr__(self, "steps", [self._steps(module) for module in self.modules])

    def _steps(self, module: Callable[[Tensor], Tensor]) -> list[Step | nn.Module] | None:
        """Steps of a module that is a chain, else None."""
        if not isinstance(module, nn.Module):
            return None
        row = RowFunction(module, self.shape).inputs(torch.zeros(1, self.n_features))
        return steps_of(module, row)

    @property
    def n_features(self) -> int:
        """Number of features ``d``: entries of one input."""
        return int(torch.Size(self.shape).numel())

    @property
    def n_functions(self) -> int | None:
        """Number of functions, if all draws of a module are the same; else None."""
        return None if self.random else len(self.modules)

    def draw(self, n_draws: int, generator: torch.Generator, first: int = 0) -> Function:
        """Draw functions from the modules in turn; see `RandomFunction`."""
        turn = torch.arange(first, first + n_draws) % len(self.modules)
        if not self.random:
            distinct, which = turn.unique(return_inverse=True)
            return Repeated(stack(self.function(k) for k in distinct.tolist()), which)
        seeds = torch.randint(2**62, (n_draws,), generator=generator).tolist()
        return stack(
            self.function(k, Masks(seed)) for k, seed in zip(turn.tolist(), seeds, strict=True)
        )

    def members(self) -> Function:
        """The modules without dropout."""
        return stack(self.function(k) for k in range(len(self.modules)))

    def function(self, k: int, masks: Masks | None = None) -> Function:
        """A module as a function of rows, as a `Chain` where possible."""
        function, steps = RowFunction(self.modules[k], self.shape, masks), self.steps[k]
        if steps is None:
            return function
        if masks is not None:
            function(torch.zeros(1, self.n_features))  # draws the masks
        return chain_of(steps, function.inputs, [] if masks is None else masks.known)


def posterior_of(models: Sequence[Any], x: Tensor) -> RandomFunction:
    """The random function of frozen modules and other callables, which are tried on some inputs.

    Parameters
    ----------
    models : sequence of callables
    x : Tensor of shape (n, ...)

    Raises
    ------
    ValueError
        If an activation is piecewise linear, or outputs have the wrong shape.
    """
    shape, few = tuple(x.shape[1:]), x[:PROBE].flatten(1)
    sizes = []
    for model in models:
        values = check_curvature(RowFunction(model, shape), few)
        sizes.append(values.shape[1])
    if len(set(sizes)) > 1:
        raise ValueError(f"All models must have the same number of outputs; got {sizes}.")
    known = recognised(models) if all(isinstance(m, nn.Module) for m in models) else None
    if known is not None:
        return known
    return ModulesPosterior(models, shape, sizes[0])


def check_curvature(function: RowFunction, x: Tensor) -> Tensor:
    """Values of a function at a few points; refuse one that is piecewise linear."""
    with torch.enable_grad():
        values = function(x.detach().clone().requires_grad_(True))
    names, seen, ahead = set(), set(), [values.grad_fn]
    while ahead:
        node = ahead.pop()
        if node is not None and node not in seen:
            seen.add(node)
            names.add(node.name())
            ahead += [following for following, _ in node.next_functions]
    found = sorted(PIECEWISE_LINEAR[name] for name in names & PIECEWISE_LINEAR.keys())
    if found:
        raise ValueError(
            f"The network has a piecewise linear activation ({', '.join(found)}). Its second "
            "derivative, and so every interaction through it, is zero almost everywhere. Train the "
            "network with a smooth activation, such as nn.GELU() or nn.Softplus()."
        )
    return values.detach()
