"""Changes of units as changes of the function, ``x -> f(centre + scale x) readout``.

Standard units of features and outputs are one such change. Logits minus their mean over classes are
another, with the readout ``I - 1/C``; the data say nothing about that mean.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

Function = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Units:
    """Units in which a function f becomes ``x -> f(centre + scale x) readout``.

    Parameters
    ----------
    centre, scale : Tensor of shape (d,)
    readout : Tensor of shape (c, c')
        New outputs, as linear combinations of the function's own.
    """

    centre: Tensor
    scale: Tensor
    readout: Tensor

    @classmethod
    def centring(cls, n_features: int, n_outputs: int) -> "Units":
        """Outputs minus their mean; inputs as they are."""
        readout = torch.eye(n_outputs, dtype=torch.float64) - 1 / n_outputs
        return cls(torch.zeros(n_features), torch.ones(n_features), readout)

    def source(self, output: int) -> int:
        """The function's own output with the largest part in a new one."""
        parts = self.readout[:, output].tolist()
        return max(range(len(parts)), key=lambda k: (abs(parts[k]), parts[k]))

    def inputs(self, x: Tensor) -> Tensor:
        """Points in the function's own units."""
        return self.centre.to(x) + self.directions(x)

    def directions(self, x: Tensor) -> Tensor:
        """Directions, which have no origin, in the function's own units."""
        return self.scale.to(x) * x

    def outputs(self, y: Tensor) -> Tensor:
        """New outputs, from the function's own."""
        return y @ self.readout.to(y)


@dataclass(frozen=True, eq=False)
class FunctionInUnits:
    """A function, or a stack of functions, in other units.

    Parameters
    ----------
    function : callable
    units : Units
    """

    function: Function
    units: Units

    def __call__(self, x: Tensor) -> Tensor:
        """Values at points of shape (n, d)."""
        return self.units.outputs(self.function(self.units.inputs(x)))


def in_units(function: Function, units: Units) -> Function:
    """A function in other units, of its own kind if possible, else as a view of it.

    Examples
    --------
    >>> units = Units(torch.zeros(1), torch.tensor([2.0]), torch.tensor([[0.5]]))
    >>> in_units(lambda x: x.square()[None], units)(torch.ones(1, 1)).item()
    2.0
    """
    own: Any = getattr(function, "in_units", None)
    return FunctionInUnits(function, units) if own is None else own(units)
