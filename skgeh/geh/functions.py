"""Posterior draws as functions, each with the same noise for every row.

Read this file first. The rest of `geh` computes one quantity, the mean Hessian of a function inside
groups of points, for the functions defined here:

- `MLP`: a stack of K multilayer perceptrons, with dropout masks folded into the weights;
- `Hybrid`: main effects plus an `MLP`;
- `Joined`: stacks of several kinds, one after the other;
- `Separate`: functions of any kind, one after the other, such as a `Chain`, a network of affine
  maps, including convolutions, and activations;
- any callable from an (n, d) tensor to a (K, n, c) tensor.

A `RandomFunction` is a distribution over such functions: a posterior.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skgeh.geh.activations import Activation
from skgeh.geh.units import Function, Units, in_units

_VALUES = 4096  # values computed at once, so that their activations stay in the cache


class RandomFunction(Protocol):
    """A distribution over functions (n, d) -> (K, n, c), K of them drawn at once."""

    @property
    def n_features(self) -> int:
        """Number of features ``d``."""
        ...

    @property
    def n_outputs(self) -> int:
        """Number of outputs ``c``."""
        ...

    def draw(self, n_draws: int, generator: torch.Generator, first: int = 0) -> Function:
        """Draw a stack of `n_draws` functions; `first` is the number of earlier draws."""
        ...

    def members(self) -> Function:
        """Mean function of each network, as a stack, for predictions and rankings."""
        ...


@dataclass(frozen=True, eq=False)
class MLP:
    """A stack of K multilayer perceptrons ``g(x) = W_L phi(... phi(W_1 x + b_1) ...) + b_L``.

    Parameters
    ----------
    weights : tuple of Tensor, each of shape (K, h_(l-1), h_l)
        They multiply a row vector of activations from the right; ``h_0 = d``, ``h_L = c``.
    biases : tuple of Tensor, each of shape (K, 1, h_l)
    activation : Activation

    Examples
    --------
    >>> from skgeh.geh.activations import get_activation
    >>> layers = [(2, 5), (5, 1)]
    >>> g = MLP(tuple(torch.ones(3, *shape) for shape in layers),
    ...         tuple(torch.zeros(3, 1, shape[1]) for shape in layers), get_activation("tanh"))
    >>> g(torch.zeros(7, 2)).shape, len(g[:2])
    (torch.Size([3, 7, 1]), 2)
    """

    weights: tuple[Tensor, ...]
    biases: tuple[Tensor, ...]
    activation: Activation

    def __call__(self, x: Tensor) -> Tensor:
        """Values of shape (K, n, c) at points of shape (n, d)."""
        a = x.expand(len(self), *x.shape[-2:])
        weights = [weight.to(x.dtype) for weight in self.weights]
        biases = [bias.to(x.dtype) for bias in self.biases]
        for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
            a = self.activation.value(torch.baddbmm(bias, a, weight))
        return torch.baddbmm(biases[-1], a, weights[-1])

    def __len__(self) -> int:
        return len(self.weights[0])

    def __getitem__(self, which: slice | Tensor) -> "MLP":
        return replace(
            self,
            weights=tuple(weight[which] for weight in self.weights),
            biases=tuple(bias[which] for bias in self.biases),
        )

    @property
    def widths(self) -> list[int]:
        """``[d, h_1, ..., c]``."""
        return [self.weights[0].shape[1], *(weight.shape[2] for weight in self.weights)]

    def in_units(self, units: Units) -> "MLP":
        """The MLP in other units, which the first and the last layer absorb."""
        first, *weights = self.weights
        bias, *biases = self.biases
        weights = [units.scale.to(first)[:, None] * first, *weights]
        biases = [bias + units.centre.to(first) @ first[:, None], *biases]
        weights[-1], biases[-1] = units.outputs(weights[-1]), units.outputs(biases[-1])
        return replace(self, weights=tuple(weights), biases=tuple(biases))


@dataclass(frozen=True, eq=False)
class Additive:
    """A stack of main effects ``basis(x) @ coefficients``, each basis function of one feature.

    Parameters
    ----------
    coefficients : Tensor of shape (K, q, c)
    basis : callable (n, d) -> (n, q), optional
        The identity if None, for linear main effects.
    """

    coefficients: Tensor
    basis: Function | None = None

    def __call__(self, x: Tensor) -> Tensor:
        """Values of shape (K, n, c) at points of shape (n, d)."""
        return (x if self.basis is None else self.basis(x)) @ self.coefficients.to(x.dtype)

    def __len__(self) -> int:
        return len(self.coefficients)

    def __getitem__(self, which: slice | Tensor) -> "Additive":
        return replace(self, coefficients=self.coefficients[which])

    def in_units(self, units: Units) -> "Additive":
        """The main effects in other units, which the basis and the coefficients absorb."""
        basis = units.inputs if self.basis is None else partial(_composed, units.inputs, self.basis)
        return Additive(units.outputs(self.coefficients), basis)


@dataclass(frozen=True, eq=False)
class Hybrid:
    """Main effects plus interactions, ``f(x) = main(x) + g(x)``.

    An additive function has no mixed second derivative, so off the diagonal the Hessian of ``f``
    is that of ``g``.

    Parameters
    ----------
    main : Additive
    interactions : MLP
    """

    main: Additive
    interactions: MLP

    def __call__(self, x: Tensor) -> Tensor:
        """Values of shape (K, n, c) at points of shape (n, d)."""
        return self.main(x) + self.interactions(x)

    def __len__(self) -> int:
        return len(self.interactions)

    def __getitem__(self, which: slice | Tensor) -> "Hybrid":
        return Hybrid(self.main[which], self.interactions[which])

    def in_units(self, units: Units) -> "Hybrid":
        """Both parts in other units."""
        return Hybrid(self.main.in_units(units), self.interactions.in_units(units))


@dataclass(frozen=True, eq=False)
class Repeated:
    """A stack of K functions with repetitions; each distinct function is computed once.

    Parameters
    ----------
    distinct : callable (n, d) -> (D, n, c)
    which : Tensor of shape (K,)
        Position of every function among the distinct ones.
    """

    distinct: Function
    which: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """Values of shape (K, n, c) at points of shape (n, d)."""
        return self.distinct(x)[self.which]

    def __len__(self) -> int:
        return len(self.which)

    def in_units(self, units: Units) -> "Repeated":
        """The distinct functions in other units."""
        return replace(self, distinct=in_units(self.distinct, units))


@dataclass(frozen=True, eq=False)
class Separate:
    """A stack of K functions (n, d) -> (n, c) that are computed one after the other.

    Parameters
    ----------
    functions : sequence of callables
    """

    functions: Sequence[Function]

    def __call__(self, x: Tensor) -> Tensor:
        """Values of shape (K, n, c) at points of shape (n, d)."""
        return torch.stack([function(x) for function in self.functions])

    def __len__(self) -> int:
        return len(self.functions)

    def in_units(self, units: Units) -> "Separate":
        """Each function in other units."""
        return Separate([in_units(one, units) for one in self.functions])


@dataclass(frozen=True, eq=False)
class Joined:
    """Stacks of functions (n, d) -> (K, n, c), one after the other, as one stack.

    Parameters
    ----------
    parts : sequence of callables
    """

    parts: Sequence[Function]

    def __call__(self, x: Tensor) -> Tensor:
        """Values of shape (K, n, c) at points of shape (n, d)."""
        return torch.cat([part(x) for part in self.parts])

    def in_units(self, units: Units) -> "Joined":
        """Each part in other units."""
        return Joined([in_units(part, units) for part in self.parts])


@dataclass(frozen=True, eq=False)
class Affine:
    """A map of rows ``(n, ...) -> (n, ...)`` in steps, each a linear map and perhaps a bias.

    Parameters
    ----------
    steps : tuple of (callable, Tensor or None)

    Examples
    --------
    >>> line = Affine(((lambda x: 2 * x, torch.ones(1)),))
    >>> line(torch.ones(1, 1)).item(), line.linear(torch.ones(1, 1)).item()
    (3.0, 2.0)
    """

    steps: tuple[tuple[Function, Tensor | None], ...] = ()

    def __call__(self, x: Tensor) -> Tensor:
        """Images of rows."""
        for linear, bias in self.steps:
            x = linear(x) if bias is None else linear(x) + bias.to(x)
        return x

    def linear(self, v: Tensor) -> Tensor:
        """Images of directions: the map without its biases."""
        for linear, _ in self.steps:
            v = linear(v)
        return v

    def then(self, linear: Function, bias: Tensor | None = None) -> "Affine":
        """The map with one more step."""
        return Affine((*self.steps, (linear, bias)))


@dataclass(frozen=True, eq=False)
class Chain:
    """A network ``f(x) = A_L phi_(L-1)(... phi_1(A_1 x))`` of affine maps, (n, d) -> (n, c).

    Parameters
    ----------
    maps : tuple of Affine
        L maps, the last with values of shape (n, c).
    activations : tuple of callables
        Elementwise, twice differentiable functions, one between every two maps.

    Examples
    --------
    >>> double = Affine(((lambda x: 2 * x, None),))
    >>> Chain((double, double), (torch.sin,))(torch.zeros(3, 1)).shape
    torch.Size([3, 1])
    """

    maps: tuple[Affine, ...]
    activations: tuple[Function, ...]

    def __call__(self, x: Tensor) -> Tensor:
        """Values of shape (n, c) at points of shape (n, d)."""
        a = x
        for affine, activation in zip(self.maps, self.activations, strict=False):
            a = activation(affine(a))
        return self.maps[-1](a).to(x)

    def in_units(self, units: Units) -> "Chain":
        """The chain in other units, which the first and the last map absorb."""
        first = Affine(((units.directions, units.centre),))
        *others, last = [Affine((*first.steps, *self.maps[0].steps)), *self.maps[1:]]
        return replace(self, maps=(*others, last.then(units.outputs)))


def _composed(inner: Function, outer: Function, x: Tensor) -> Tensor:
    """Composition of two functions."""
    return outer(inner(x))


def stack(functions: Iterable[Function]) -> Separate:
    """One function (n, d) -> (K, n, c) from K functions (n, d) -> (n, c)."""
    return Separate(list(functions))


def member_weights(posterior: RandomFunction) -> NDArray[np.float64] | None:
    """Weights of a posterior's mean functions; None if all weigh the same."""
    return getattr(posterior, "member_weights", None)


def evaluate(
    function: Function, X: NDArray, copies: int, dtype: torch.dtype = torch.float32
) -> NDArray[np.float64]:
    """Values of a stack of functions at many rows.

    Parameters
    ----------
    function : callable (n, d) -> (copies, n, c)
    X : ndarray of shape (n, d)
    copies : int
        Number of functions in the stack; the more there are, the fewer rows are taken at once.
    dtype : torch.dtype, default=torch.float32
        With float64, the values of a row hardly depend on the other rows.

    Returns
    -------
    ndarray of shape (copies, n, c)

    Examples
    --------
    >>> evaluate(stack([torch.sin, torch.cos]), np.zeros((5, 1)), copies=2)[:, 0, 0].tolist()
    [0.0, 1.0]
    """
    few = max(64, _VALUES // copies)
    with torch.no_grad():
        parts = [
            function(torch.as_tensor(X[start : start + few], dtype=dtype)).numpy()
            for start in range(0, len(X), few)
        ]
    return np.concatenate(parts, axis=1, dtype=np.float64)
