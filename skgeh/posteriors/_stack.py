"""Copies of a hybrid network, main effects plus a smooth MLP, stacked along a leading axis.

One network, an ensemble, cross-validation folds and permuted targets are all stacks of copies that
train together: a layer of all copies is one batched product.
"""

import math
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Self, cast

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.preprocessing import SplineTransformer
from torch import Tensor, nn

from skgeh.geh.activations import get_activation
from skgeh.geh.functions import MLP, Additive, Function, Hybrid

_N_KNOTS = 7


class HybridStack(nn.Module):
    """S copies of ``f(x) = main(x) + g(x)``; families of posteriors differ in `layer` and `kl`.

    Parameters
    ----------
    widths : sequence of int
        Layer widths ``[d, h_1, ..., c]`` of the MLP g.
    n_copies : int
        Number of copies, S.
    activation : str
    length_scale : float, optional
        The prior standard deviation of weights and biases is ``1 / length_scale``. By default,
        ``length_scale^2 = shrinkage * fan_in`` in each layer, which keeps wide layers on one scale.
    shrinkage : float
    main_columns : tuple of two int
        Range of the input columns that enter the main effects linearly: first, and last + 1.
    seed : int
    n_starts : int, optional
        Copies s and s + n_starts have the same initial weights and see the same noise, so that they
        differ only in their data. By default, all copies have their own.

    Notes
    -----
    Inputs have ``d`` columns for g, followed by the columns of a spline basis if there is one.
    """

    noise_variance: Tensor

    def __init__(
        self,
        widths: Sequence[int],
        n_copies: int,
        activation: str,
        length_scale: float | None,
        shrinkage: float,
        main_columns: tuple[int, int],
        seed: int,
        n_starts: int | None = None,
    ):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.n_starts = n_starts or n_copies
        again = n_copies // self.n_starts

        def uniform(fan_in: int, *shape: int) -> nn.Parameter:
            values = torch.rand(self.n_starts, *shape, generator=generator)
            return nn.Parameter(((2 * values - 1) / math.sqrt(fan_in)).repeat(again, 1, 1))

        self.activation = get_activation(activation)
        self.n_features = widths[0]
        self.main_columns = slice(*main_columns)
        shapes = list(pairwise(widths))
        self.n_layers = len(shapes)
        self.number("weight", [uniform(a, a, b) for a, b in shapes])
        self.number("bias", [uniform(a, 1, b) for a, b in shapes])
        n_main = main_columns[1] - main_columns[0]
        self.main = nn.Parameter(torch.zeros(n_copies, n_main, widths[-1]))
        self.prior_precisions = [
            length_scale**2 if length_scale else shrinkage * a for a, _ in shapes
        ]
        self.register_buffer("noise_variance", torch.ones(n_copies))

    def number(self, name: str, parameters: Iterable[nn.Parameter]) -> None:
        """Register one parameter per layer; nn.ParameterList would slow small networks down."""
        for layer, parameter in enumerate(parameters):
            self.register_parameter(f"{name}_{layer}", parameter)

    def numbered(self, name: str) -> list[nn.Parameter]:
        """Parameters of the given name, first layer first."""
        return [self.numbered_at(name, layer) for layer in range(self.n_layers)]

    def numbered_at(self, name: str, layer: int) -> nn.Parameter:
        """Parameter of the given name in one layer."""
        return cast(nn.Parameter, self._parameters[f"{name}_{layer}"])

    @property
    def weights(self) -> list[nn.Parameter]:
        """Weights of the layers, each of shape (S, h_(l-1), h_l)."""
        return self.numbered("weight")

    @property
    def biases(self) -> list[nn.Parameter]:
        """Biases of the layers, each of shape (S, 1, h_l)."""
        return self.numbered("bias")

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs of every copy, (S, n, c), for inputs of shape (S, n, columns)."""
        a = inputs[..., : self.n_features]
        for layer in range(self.n_layers - 1):
            a = self.activation.value(self.layer(layer, a))
        last = self.layer(self.n_layers - 1, a)
        main = inputs[..., self.main_columns].expand(len(last), -1, -1)
        return torch.baddbmm(last, main, self.main)

    @abstractmethod
    def layer(self, layer: int, a: Tensor) -> Tensor:
        """One linear layer with the family's noise on its inputs."""

    @abstractmethod
    def kl(self) -> Tensor:
        """Divergence from the prior of each copy, up to a constant, shape (S,)."""

    @abstractmethod
    def posterior(self, basis: Function | None) -> "StackPosterior":
        """The learned distribution over functions; `basis` is that of the main effects."""

    def start_noise(self) -> None:
        """Switch the family's noise on, once the noise variance of the data is known."""

    def after_step(self) -> None:
        """Bring parameters back into their range after an optimiser step."""

    @torch.no_grad()
    def silence(self, features: Tensor) -> None:
        """Cut the network's connections from features that never vary."""
        self.numbered_at("weight", 0)[:, features] = 0

    @torch.no_grad()
    def scale_outputs(self, unit: float) -> None:
        """Multiply the outputs of the copies; a family with more output parameters scales these."""
        last = self.n_layers - 1
        for parameter in (*(self.numbered_at(n, last) for n in ("weight", "bias")), self.main):
            parameter.mul_(unit)

    def means(self) -> MLP:
        """The copies' mean networks."""
        weights = tuple(weight.detach().clone() for weight in self.weights)
        return MLP(weights, tuple(bias.detach().clone() for bias in self.biases), self.activation)

    def main_effects(self, basis: Function | None) -> Additive:
        """The copies' main effects."""
        return Additive(self.main.detach().clone(), basis)


@dataclass(frozen=True, eq=False)
class StackPosterior:
    """A distribution over functions around the mean networks of S trained copies.

    Parameters
    ----------
    means : MLP
        The copies without noise.
    main : Additive
        Their main effects.
    """

    means: MLP
    main: Additive

    def __getitem__(self, which: Tensor) -> Self:
        """The distribution around some of the copies."""
        return replace(self, means=self.means[which], main=self.main[which])

    @property
    def n_features(self) -> int:
        """Number of features ``d``."""
        return self.means.widths[0]

    @property
    def n_outputs(self) -> int:
        """Number of outputs ``c``."""
        return self.means.widths[-1]

    @abstractmethod
    def draw(self, n_draws: int, generator: torch.Generator, first: int = 0) -> Function:
        """Draw a stack of functions; see `RandomFunction`."""

    def members(self) -> MLP | Hybrid:
        """Mean function of every copy."""
        return with_main(self.main, self.means)


def with_main(main: Additive, mlp: MLP) -> MLP | Hybrid:
    """A hybrid function, or the MLP alone if there are no main effects."""
    return Hybrid(main, mlp) if main.coefficients.shape[1] else mlp


class MainEffects:
    """Columns that enter the model linearly: the features, a spline basis of each, or none.

    Parameters
    ----------
    kind : {"linear", "spline", None}

    Examples
    --------
    >>> main = MainEffects("linear").fit(np.zeros((10, 3)))
    >>> main.columns, main.inputs(np.zeros((10, 3))).shape
    ((0, 3), torch.Size([10, 3]))
    """

    def __init__(self, kind: str | None):
        if kind not in ("linear", "spline", None):
            raise ValueError(f"main_effects must be 'linear', 'spline' or None; got {kind!r}.")
        self.kind = kind

    def fit(self, X: NDArray) -> "MainEffects":
        """Place the knots of the splines."""
        d = X.shape[1]
        self.columns = (0, d if self.kind == "linear" else 0)
        if self.kind == "spline":
            self.splines = SplineTransformer(_N_KNOTS, include_bias=False, extrapolation="linear")
            self.splines.set_output(transform="default")
            self.columns = (d, d + self.splines.fit(X).n_features_out_)
        return self

    def inputs(self, X: NDArray) -> Tensor:
        """Inputs of a `HybridStack`: the features, then the spline basis if there is one."""
        if self.kind == "spline":
            X = np.hstack([X, self.splines.transform(X)])
        return torch.from_numpy(X.astype(np.float32))  # X may be read-only, mapped by joblib

    @property
    def basis(self) -> Function | None:
        """Basis functions of a draw's main effects, or None for the features themselves."""
        return self._basis if self.kind == "spline" else None

    def _basis(self, x: Tensor) -> Tensor:
        columns = self.splines.transform(x.cpu().numpy())
        return torch.as_tensor(columns, dtype=x.dtype, device=x.device)
