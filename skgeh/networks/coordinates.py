"""A change of units is a change of the function: into standard units of features and outputs."""

from dataclasses import dataclass, replace
from functools import singledispatch

import torch
from torch import Tensor

from skgeh.functions import (
    MLP,
    Additive,
    Affine,
    Chain,
    Function,
    Hybrid,
    RandomFunction,
    Repeated,
    Separate,
)


@dataclass(frozen=True, eq=False)
class Units:
    """Units in which ``x -> f(centre + scale x) readout`` sees the world.

    Parameters
    ----------
    centre, scale : Tensor of shape (d,)
    readout : Tensor of shape (c, c')
        Outputs to ask for, as combinations of the function's own.
    """

    centre: Tensor
    scale: Tensor
    readout: Tensor

    def inputs(self, x: Tensor) -> Tensor:
        """Points in the function's own units."""
        return self.centre.to(x) + self.scale.to(x) * x

    def outputs(self, y: Tensor) -> Tensor:
        """The outputs that are asked for."""
        return y @ self.readout.to(y)


@singledispatch
def in_units(function: Function, units: Units) -> Function:
    """A function (n, d) -> (K, n, c) in other units.

    Examples
    --------
    >>> units = Units(torch.zeros(1), torch.tensor([2.0]), torch.tensor([[0.5]]))
    >>> in_units(lambda x: x.square()[None], units)(torch.ones(1, 1)).item()
    2.0
    """
    return lambda x: units.outputs(function(units.inputs(x)))


@in_units.register
def of_mlp(function: MLP, units: Units) -> MLP:
    """An MLP too: its first layer takes the inputs' units, its last the outputs'."""
    first, *weights = function.weights
    bias, *biases = function.biases
    weights = [units.scale.to(first)[:, None] * first, *weights]
    biases = [bias + units.centre.to(first) @ first[:, None], *biases]
    weights[-1], biases[-1] = units.outputs(weights[-1]), units.outputs(biases[-1])
    return replace(function, weights=tuple(weights), biases=tuple(biases))


@in_units.register
def _(function: Hybrid, units: Units) -> Hybrid:
    main = function.main

    def basis(x: Tensor) -> Tensor:
        own = units.inputs(x)
        return own if main.basis is None else main.basis(own)

    rescaled = Additive(units.outputs(main.coefficients), basis)
    return Hybrid(rescaled, of_mlp(function.interactions, units))


@in_units.register
def _(function: Separate, units: Units) -> Separate:
    return Separate([in_units(one, units) for one in function.functions])


@in_units.register
def _(function: Chain, units: Units) -> Chain:
    first = Affine(((lambda x: units.scale.to(x) * x, units.centre),))
    *others, last = [Affine((*first.steps, *function.maps[0].steps)), *function.maps[1:]]
    return replace(function, maps=(*others, last.then(units.outputs)))


@in_units.register
def _(function: Repeated, units: Units) -> Repeated:
    return replace(function, distinct=in_units(function.distinct, units))


@dataclass(frozen=True, eq=False)
class InUnits:
    """A random function in other units.

    Parameters
    ----------
    posterior : RandomFunction
    units : Units
    """

    posterior: RandomFunction
    units: Units

    @property
    def n_features(self) -> int:
        """Number of features ``d``."""
        return self.posterior.n_features

    @property
    def n_outputs(self) -> int:
        """Number of outputs that are asked for."""
        return self.units.readout.shape[1]

    @property
    def n_functions(self) -> int | None:
        """How many functions there are, if they are finitely many."""
        return getattr(self.posterior, "n_functions", None)

    def draw(self, n_draws: int, generator: torch.Generator, first: int = 0) -> Function:
        """Draw a stack of functions; see `RandomFunction`."""
        return in_units(self.posterior.draw(n_draws, generator, first), self.units)

    def members(self) -> Function:
        """Mean function of each network."""
        return in_units(self.posterior.members(), self.units)
