"""Logits of classes minus their mean over classes: the rest of them is identified by no data."""

from dataclasses import replace
from functools import singledispatch

import torch

from skgeh.functions import MLP, Function, Hybrid, Repeated
from skgeh.wrapped import WrappedPosterior


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
def of_mlp(function: MLP) -> MLP:
    """An MLP too: its last layer is centred."""
    *weights, weight = function.weights
    *biases, bias = function.biases
    return replace(
        function,
        weights=(*weights, without_mean(weight)),
        biases=(*biases, without_mean(bias)),
    )


@centred.register
def _(function: Hybrid) -> Hybrid:
    main = replace(function.main, coefficients=without_mean(function.main.coefficients))
    return Hybrid(main, of_mlp(function.interactions))


@centred.register
def _(function: Repeated) -> Repeated:
    """Draws, the same ones of which are computed once."""
    return Repeated(centred(function.distinct), function.which)


def without_mean(values: torch.Tensor) -> torch.Tensor:
    """Values minus their mean over the last axis."""
    return values - values.mean(-1, keepdim=True)


class CentredPosterior(WrappedPosterior):
    """A distribution over logits that sum to 0 over the classes.

    Parameters
    ----------
    posterior : RandomFunction
        Over logits up to a function that all classes share.
    """

    def wrap(self, function: Function) -> Function:
        """Logits minus their mean."""
        return centred(function)
