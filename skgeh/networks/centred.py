"""Logits of classes minus their mean over classes: the rest of them is identified by no data."""

from dataclasses import dataclass, replace
from functools import singledispatch
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from skgeh.functions import MLP, Function, Hybrid, Repeated
from skgeh.hessian import GroupHessian, group_mean_hessians, pointwise_hessians
from skgeh.networks.committee import CommitteePosterior
from skgeh.networks.independent import IndependentPosterior, SideBySide
from skgeh.partition import Partition
from skgeh.ranking import rank_pairs
from skgeh.wrapped import WrappedPosterior


@singledispatch
def centred(function: Function) -> Function:
    """A function (n, d) -> (K, n, c) minus its mean over outputs.

    Examples
    --------
    >>> import torch
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


@dataclass(frozen=True, eq=False)
class Centred:
    """Functions side by side minus their mean.

    Parameters
    ----------
    functions : SideBySide
    """

    functions: SideBySide

    def __call__(self, x: Tensor) -> Tensor:
        """Values of shape (K, n, c) at points of shape (n, d)."""
        return without_mean(self.functions(x))


centred.register(SideBySide, Centred)


@group_mean_hessians.register
def _(function: Centred, x: Tensor, partition: Partition) -> GroupHessian:
    found = group_mean_hessians(function.functions, x, partition).full()
    return GroupHessian(without_mean(found, axis=1))


@pointwise_hessians.register
def _(function: Centred, x: Tensor, pairs: Tensor) -> Tensor:
    return without_mean(pointwise_hessians(function.functions, x, pairs), axis=1)


def without_mean(values: Tensor, axis: int = -1) -> Tensor:
    """Values minus their mean over an axis."""
    return values - values.mean(axis, keepdim=True)


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


@rank_pairs.register
def _(posterior: CentredPosterior, *given: Any, **options: Any) -> NDArray[np.float64]:
    own = posterior.posterior
    if isinstance(own, CommitteePosterior):
        own = replace(own, networks=CentredPosterior(own.networks))
    elif not isinstance(own, IndependentPosterior):
        return rank_pairs.dispatch(object)(posterior, *given, **options)
    return rank_pairs(own, *given, **options)
