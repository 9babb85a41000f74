"""Smooth activations with the two derivatives that a Hessian needs.

The second derivative of a piecewise linear activation, and so every interaction of a ReLU network,
is zero almost everywhere. Such activations are refused by name.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

_LOG_SQRT_2PI = 0.5 * math.log(2 * math.pi)
SOFTPLUS_SHARPNESS = 10.0  # Cui et al.'s setting: close to a ReLU, yet smooth


@dataclass(frozen=True)
class Activation:
    """An elementwise function ``phi`` with ``phi'`` and ``phi''``.

    Parameters
    ----------
    name : str
    value, slope, curvature : callable
        ``phi(z)``, ``phi'(z)``, ``phi''(z)``.
    """

    name: str
    value: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor], Tensor]
    curvature: Callable[[Tensor], Tensor]

    def __reduce__(self):  # pickled by name, as its functions are in this module
        return get_activation, (self.name,)


def _gelu_slope(z: Tensor) -> Tensor:
    return torch.ops.aten.gelu_backward(torch.ones_like(z), z)


def _gelu_curvature(z: Tensor) -> Tensor:
    square = z * z
    density = torch.add(-_LOG_SQRT_2PI, square, alpha=-0.5).exp_()
    return density.mul_(square.neg_().add_(2))


def _softplus(z: Tensor) -> Tensor:
    return F.softplus(z, beta=SOFTPLUS_SHARPNESS)


def _softplus_slope(z: Tensor) -> Tensor:
    return torch.sigmoid(z * SOFTPLUS_SHARPNESS)


def _softplus_curvature(z: Tensor) -> Tensor:
    s = _softplus_slope(z)
    return torch.addcmul(s, s, s, value=-1).mul_(SOFTPLUS_SHARPNESS)


def _tanh_slope(z: Tensor) -> Tensor:
    return 1 - torch.tanh(z).square_()


def _tanh_curvature(z: Tensor) -> Tensor:
    t = torch.tanh(z)
    return (t.square() - 1).mul_(t).mul_(2)


def _silu_slope(z: Tensor) -> Tensor:
    s = torch.sigmoid(z)
    return s * (1 + z * (1 - s))


def _silu_curvature(z: Tensor) -> Tensor:
    s = torch.sigmoid(z)
    return s * (1 - s) * (2 + z * (1 - 2 * s))


def _logistic_slope(z: Tensor) -> Tensor:
    s = torch.sigmoid(z)
    return s * (1 - s)


def _logistic_curvature(z: Tensor) -> Tensor:
    s = torch.sigmoid(z)
    return s * (1 - s) * (1 - 2 * s)


ACTIVATIONS = {
    activation.name: activation
    for activation in (
        Activation("gelu", F.gelu, _gelu_slope, _gelu_curvature),
        Activation("softplus", _softplus, _softplus_slope, _softplus_curvature),
        Activation("tanh", torch.tanh, _tanh_slope, _tanh_curvature),
        Activation("silu", F.silu, _silu_slope, _silu_curvature),
        Activation("logistic", torch.sigmoid, _logistic_slope, _logistic_curvature),
    )
}


def get_activation(name: str) -> Activation:
    """Smooth activation of a given name.

    Parameters
    ----------
    name : {"gelu", "softplus", "tanh", "silu", "logistic"}

    Returns
    -------
    Activation

    Raises
    ------
    ValueError
        If the name is unknown, or names a piecewise linear function.

    Examples
    --------
    >>> tanh = get_activation("tanh")
    >>> tanh.slope(torch.zeros(1)).item(), abs(tanh.curvature(torch.zeros(1)).item())
    (1.0, 0.0)
    """
    if name in ACTIVATIONS:
        return ACTIVATIONS[name]
    known = ", ".join(repr(known) for known in ACTIVATIONS)
    if name in ("relu", "leaky_relu", "identity"):
        raise ValueError(
            f"activation={name!r} is piecewise linear: its second derivative, and so every "
            f"interaction, is zero almost everywhere. Choose a smooth one: {known}."
        )
    raise ValueError(f"activation must be one of {known}; got {name!r}.")
