"""Logits of classes minus their mean over classes: the rest of them is identified by no data."""

from dataclasses import dataclass, replace
from functools import singledispatch

import torch

from skgeh.functions import MLP, Additive, Function, Hybrid, RandomFunction


@singledispatch
def centred(function: Function) -> Function:
    """A function (n, d) -> (K, n, c) minus its mean over outputs.

    Examples
    --------
    >>> centred(lambda x: x.expand(1, -1, -1))(torch.tensor([[1.0, 2.0, 6.0]])).tolist()
    [[[-2.0, -1.0, 3.0]]]
    """
    return lambda x: without_mean(function(x))


@centred.register
def _(function: MLP) -> MLP:
    """An MLP too: its last layer is centred."""
    *weights, weight = function.weights
    *biases, bias = function.biases
    return replace(
        function,
        weights=(*weights, without_mean(weight)),
        biases=(*biases, without_mean(bias)),
    )


@centred.register
def _(function: Additive) -> Additive:
    return replace(function, coefficients=without_mean(function.coefficients))


@centred.register
def _(function: Hybrid) -> Hybrid:
    return Hybrid(centred(function.main), centred(function.interactions))


def without_mean(values: torch.Tensor) -> torch.Tensor:
    """Values minus their mean over the last axis."""
    return values - values.mean(-1, keepdim=True)


@dataclass(frozen=True, eq=False)
class CentredPosterior:
    """A distribution over logits that sum to 0 over the classes.

    Parameters
    ----------
    posterior : RandomFunction
        Over logits up to a function that all classes share.
    """

    posterior: RandomFunction

    @property
    def n_features(self) -> int:
        """Number of features ``d``."""
        return self.posterior.n_features

    @property
    def n_outputs(self) -> int:
        """Number of classes ``c``."""
        return self.posterior.n_outputs

    def draw(self, n_draws: int, generator: torch.Generator, first: int = 0) -> Function:
        """Draw functions; see `RandomFunction`."""
        return centred(self.posterior.draw(n_draws, generator, first))

    def members(self) -> Function:
        """Mean function of each network."""
        return centred(self.posterior.members())
