"""The two formulas of concrete dropout, with their derivatives written out.

Autograd would split them into a dozen small steps per layer. For small networks, these take a large
part of the time of a training step.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function


class ConcreteLayer(Function):
    """``z = (a * mask / (1 - p)) W + b`` with a relaxed mask for every sample.

    ``mask = 1 - sigmoid((logit p + logit u) / t)`` with u uniform. Since u is symmetric about 1/2,
    `noise`, a fresh ``logit u / t``, may enter with either sign. The weights are multiplied by
    ``1 / (1 - p) = 1 + exp(logit p)``.

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
        """Derivatives with respect to a, weight, bias and logit."""
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
    """Sum over layers of ``l^2/2 (sum_k ||w_k||^2 / (1 - p_k) + ||b||^2) - sum_k H(p_k)``.

    The precisions ``l^2``, one per layer, are followed by the weights (S, h, k) of all layers,
    their biases (S, 1, k), and the logits of p (S, 1, h). The result has shape (S,).
    """

    @staticmethod
    def forward(ctx: Any, precisions: Sequence[float], *parameters: Tensor) -> Tensor:
        """Divergence from the prior, up to a constant."""
        ctx.save_for_backward(*parameters)
        ctx.precisions, ctx.squares = precisions, []
        total = parameters[0].new_zeros(len(parameters[0]))
        for precision, weight, bias, logit in zip(precisions, *thirds(parameters), strict=True):
            squares = weight.square().sum(2)[:, None]
            ctx.squares.append(squares)
            prior = torch.addcmul(squares, squares, logit.exp()).sum((1, 2))
            total += precision / 2 * (prior + bias.square().sum((1, 2)))
            total -= entropy(logit).sum((1, 2))
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Derivatives with respect to weights, biases and logits."""
        outer = gradients[0][:, None, None]
        layers = zip(ctx.precisions, ctx.squares, *thirds(ctx.saved_tensors), strict=True)
        found = []
        for precision, squares, weight, bias, logit in layers:
            inner, odds, p = outer * precision, logit.exp(), torch.sigmoid(logit)
            by_weight = weight * (inner + inner * odds).mT
            by_logit = inner / 2 * squares * odds + outer * logit * p * (1 - p)
            found.append((by_weight, inner * bias, by_logit))
        return None, *(by for kind in zip(*found, strict=True) for by in kind)


def thirds(parameters: Sequence[Tensor]) -> Iterator[Sequence[Tensor]]:
    """Weights, biases and logits, split from one sequence of all of them."""
    n_layers = len(parameters) // 3
    return (parameters[start : start + n_layers] for start in range(0, 3 * n_layers, n_layers))


def entropy(logit: Tensor) -> Tensor:
    """Entropy of a Bernoulli variable from its logit."""
    return F.softplus(logit) - logit * torch.sigmoid(logit)
