"""The two formulas of concrete dropout, with their derivatives written out.

Autograd would take them apart into a dozen small steps a layer, which for small networks is most of
the time of a training step.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function


class ConcreteLayer(Function):
    """``z = (a * mask / (1 - p)) W + b`` with a relaxed mask for every sample.

    ``mask = 1 - sigmoid((logit p + logit u) / t)`` with u uniform. u is symmetric about 1/2, so
    `noise`, a fresh ``logit u / t``, may enter with either sign; ``1 / (1 - p) = 1 + exp(logit p)``
    goes to the weights.

    Shapes: a and noise (S, n, h), weight (S, h, k), bias (S, 1, k), logit (S, 1, h).
    """

    @staticmethod
    def forward(
        ctx: Any, a: Tensor, weight: Tensor, bias: Tensor, logit: Tensor, noise: Tensor, t: float
    ) -> Tensor:
        """Values, shape (S, n, k)."""
        mask = torch.sigmoid(torch.sub(noise, logit, alpha=1 / t))
        kept, odds = a * mask, logit.exp()
        scaled = weight * (1 + odds).mT
        ctx.save_for_backward(mask, kept, odds, weight, scaled)
        ctx.t = t
        return torch.baddbmm(bias, kept, scaled)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Derivatives by a, weight, bias and logit."""
        (gradient,) = gradients
        mask, kept, odds, weight, scaled = ctx.saved_tensors
        by_scaled = torch.bmm(kept.mT, gradient)
        by_kept = torch.bmm(gradient, scaled.mT)
        by_mask = (by_kept * kept).mul_(mask - 1).sum(1, keepdim=True) / ctx.t
        by_logit = by_mask + (by_scaled * weight).sum(2)[:, None] * odds
        by_a = by_kept.mul_(mask) if ctx.needs_input_grad[0] else None
        by_weight = by_scaled.mul_((1 + odds).mT)
        return by_a, by_weight, gradient.sum(1, keepdim=True), by_logit, None, None


class Divergence(Function):
    """``l^2/2 (sum_k ||w_k||^2 / (1 - p_k) + ||b||^2) - sum_k H(p_k)`` of one layer, shape (S,).

    Shapes: weight (S, h, k), bias (S, 1, k), logit (S, 1, h); ``precision`` is ``l^2``.
    """

    @staticmethod
    def forward(ctx: Any, weight: Tensor, bias: Tensor, logit: Tensor, precision: float) -> Tensor:
        """Divergence from the prior, up to a constant."""
        squares, odds = weight.square().sum(2)[:, None], logit.exp()
        ctx.save_for_backward(weight, bias, logit, squares, odds)
        ctx.precision = precision
        total = (squares * (1 + odds)).sum((1, 2)) + bias.square().sum((1, 2))
        return precision / 2 * total - entropy(logit).sum((1, 2))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Derivatives by weight, bias and logit."""
        weight, bias, logit, squares, odds = ctx.saved_tensors
        outer = gradients[0][:, None, None]
        inner = outer * ctx.precision
        p = odds / (1 + odds)
        by_logit = inner / 2 * squares * odds + outer * logit * p * (1 - p)
        return weight * (inner * (1 + odds)).mT, inner * bias, by_logit, None


def entropy(logit: Tensor) -> Tensor:
    """Entropy of a Bernoulli variable from its logit."""
    return F.softplus(logit) - logit * torch.sigmoid(logit)
