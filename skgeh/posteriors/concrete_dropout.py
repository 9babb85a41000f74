"""Concrete dropout with a learned probability for every node.

Y. Gal, J. Hron, A. Kendall, "Concrete Dropout", NIPS 2017; with one probability per node, Cui et
al. 2020. Its two formulas come with their derivatives: autograd would split them into many small
steps, which for small networks take much of the time.
"""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any, Self

import torch
import torch.nn.functional as F
from sklearn.utils import check_scalar
from torch import Tensor, nn

from skgeh.geh.functions import MLP, Function, Repeated
from skgeh.posteriors._stack import HybridStack, StackPosterior, with_main
from skgeh.posteriors.family import Family

_SMALLEST_POOL = 2**18
_LOGIT_RANGE = (-14.0, 3.0)  # p from 1e-6 to .95; outside, the gradient of p vanishes


class _ConcreteDropoutStack(HybridStack):
    """Stacked copies in training; see `HybridStack` for the parameters."""

    def __init__(
        self,
        widths: Sequence[int],
        n_copies: int,
        activation: str,
        length_scale: float | None,
        shrinkage: float,
        main_columns: tuple[int, int],
        seed: int,
        temperature: float,
        n_starts: int | None = None,
    ):
        super().__init__(
            widths, n_copies, activation, length_scale, shrinkage, main_columns, seed, n_starts
        )
        self.temperature = temperature
        self.noisy = False
        self.noise = _LogisticNoise(seed + 1, scale=1 / temperature)
        start = (torch.full((n_copies, 1, width), _LOGIT_RANGE[0]) for width in widths[:-1])
        self.number("logit", map(nn.Parameter, start))

    @property
    def logits(self) -> list[nn.Parameter]:
        """Logits of the dropout probabilities of the nodes that enter a layer, each (S, 1, h_l)."""
        return self.numbered("logit")

    def layer(self, layer: int, a: Tensor) -> Tensor:
        """A linear layer; in training, once dropout is on, each sample has its own relaxed mask."""
        weight, bias = self.numbered_at("weight", layer), self.numbered_at("bias", layer)
        if self.noisy and self.training:
            logit = self.numbered_at("logit", layer)
            noise = self.noise(a[: self.n_starts])
            if len(noise) < len(a):
                noise = noise.repeat(len(a) // len(noise), 1, 1)
            return _ConcreteLayer.apply(a, weight, bias, logit, noise, self.temperature)
        return torch.baddbmm(bias, a, weight)

    def kl(self) -> Tensor:
        """Divergence from the prior; the probabilities get no gradient until dropout is on."""
        logits = self.logits if self.noisy else [logit.detach() for logit in self.logits]
        parameters = *self.weights, *self.biases, *logits
        return _Divergence.apply(self.prior_precisions, *parameters)

    def start_noise(self) -> None:
        """Start at ``p = 0.1 s2``: little dropout on clean data, where weak pairs must survive."""
        self.noisy = True
        start = torch.logit((0.1 * self.noise_variance).clamp(1e-4, 0.05))
        with torch.no_grad():
            for logit in self.logits:
                logit.copy_(start[:, None, None].expand_as(logit))

    @torch.no_grad()
    def after_step(self) -> None:
        """Keep the probabilities in the range where they can still move."""
        if self.noisy:
            for logit in self.logits:
                logit.clamp_(*_LOGIT_RANGE)

    def posterior(self, basis: Function | None) -> "ConcreteDropoutPosterior":
        """The learned distribution over functions."""
        probabilities = tuple(torch.sigmoid(logit.detach()) for logit in self.logits)
        return ConcreteDropoutPosterior(self.means(), self.main_effects(basis), probabilities)


@dataclass(frozen=True, eq=False)
class ConcreteDropoutPosterior(StackPosterior):
    """A distribution whose draws fix one hard mask per node, folded into the weights.

    Parameters
    ----------
    means, main
        See `StackPosterior`.
    probabilities : tuple of Tensor, each of shape (S, 1, h_l)
        Dropout probability of every node that enters layer l + 1, inputs first.
    """

    probabilities: tuple[Tensor, ...]

    def __getitem__(self, which: Tensor) -> Self:
        """The distribution around some of the copies."""
        return replace(
            super().__getitem__(which), probabilities=tuple(p[which] for p in self.probabilities)
        )

    def draw(self, n_draws: int, generator: torch.Generator, first: int = 0) -> Function:
        """Draw functions from the copies in turn; see `RandomFunction`.

        On clean data, units are hardly ever off, so many draws are the same function.
        """
        turn = torch.arange(first, first + n_draws)[:, None] % len(self.means)
        drawn = [turn]
        for p in self.probabilities:
            shape = len(turn), p.shape[2]
            uniform = torch.rand(shape, generator=generator).to(p)
            drawn.append(uniform < 1 - p[turn[:, 0], 0])
        rows, which = torch.unique(torch.cat(drawn, dim=1), dim=0, return_inverse=True)
        column, *kept = rows.split([part.shape[1] for part in drawn], dim=1)
        of = column[:, 0]
        masks = [k / (1 - p[of, 0]) for k, p in zip(kept, self.probabilities, strict=True)]
        return Repeated(with_main(self.main[of], _fold(self.means, of, masks)), which)


class ConcreteDropout(Family):
    """A family of posteriors: weights times Bernoulli masks with learned probabilities.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=(100, 100, 100)
        Units in each hidden layer.
    activation : {"gelu", "softplus", "tanh", "silu", "logistic"}, default="gelu"
        A smooth activation.
    length_scale : float, default=None
        Inverse prior standard deviation of the weights; None means ``sqrt(shrinkage * fan_in)``.
    shrinkage : float, default=0.1
        Prior precision of a weight, per unit that enters its layer.
    n_perturbed : int, default=4
        Number of further networks, trained on targets with as much noise added as the data have, or
        for labels with random row weights. Draws, and so effects and intervals, come from them in
        turn. With 0, draws come from the networks that predict, whose intervals are too narrow if
        there is noise.
    temperature : float, default=0.1
        Temperature of the relaxed masks in training.

    Examples
    --------
    >>> network = ConcreteDropout(hidden_layer_sizes=(30,))
    >>> stack = network.build(n_features=4, n_outputs=1, n_copies=2, main_columns=(0, 4), seed=0)
    >>> stack(torch.zeros(2, 5, 4)).shape, stack.kl().shape
    (torch.Size([2, 5, 1]), torch.Size([2]))
    """

    _stack = _ConcreteDropoutStack

    def __init__(
        self,
        hidden_layer_sizes=(100, 100, 100),
        activation="gelu",
        length_scale=None,
        shrinkage=0.1,
        n_perturbed=4,
        temperature=0.1,
    ):
        super().__init__(hidden_layer_sizes, activation, length_scale, shrinkage, n_perturbed)
        self.temperature = temperature

    def check(self) -> None:
        """Raise an error if a parameter cannot be used, or no interactions are to be had."""
        super().check()
        check_scalar(self.temperature, "temperature", Real, min_val=0, include_boundaries="neither")


def _fold(means: MLP, turn: Tensor, masks: Sequence[Tensor]) -> MLP:
    """Multiply masks into the weights of a stack of networks.

    Hidden units that are switched off are left out of the products that follow. Functions of a
    stack may keep different numbers of units; those with fewer are padded with units that are off.

    Parameters
    ----------
    means : MLP
        Networks of S copies.
    turn : Tensor of shape (K,)
        Copy from which each function of the stack is made.
    masks : sequence of Tensor, each of shape (K, h_l)
        Factors of the nodes that enter layer l + 1, inputs first.

    Returns
    -------
    MLP
        A stack of K functions.

    Examples
    --------
    >>> stack = ConcreteDropout((5,)).build(2, 1, n_copies=1, main_columns=(0, 2), seed=0)
    >>> masks = [torch.ones(1, 2), torch.tensor([[0.0, 2.0, 2.0, 0.0, 0.0]])]
    >>> _fold(stack.means(), torch.tensor([0]), masks).widths
    [2, 2, 1]
    """
    weights, biases = [], []
    rows = torch.arange(masks[0].shape[1]).expand(len(turn), -1)
    for layer, mask in enumerate(masks):
        weight = means.weights[layer][turn] * mask[:, :, None]
        columns = torch.arange(weight.shape[2]).expand(len(turn), -1)
        if layer + 1 < len(masks):
            on = masks[layer + 1] != 0
            columns = on.to(torch.int8).argsort(dim=1, descending=True, stable=True)
            columns = columns[:, : max(1, int(on.sum(1).max()))]
        draw = torch.arange(len(turn))[:, None]
        weights.append(weight[draw[..., None], rows[:, :, None], columns[:, None]])
        biases.append(means.biases[layer][turn, 0][draw, columns][:, None])
        rows = columns
    return MLP(tuple(weights), tuple(biases), means.activation)


class _LogisticNoise:
    """Logistic noise for the relaxed masks: random windows of one long sample.

    Fresh uniform numbers and their logits would take as long as the matrix products of a training
    step; a window of numbers drawn beforehand costs nothing.
    """

    def __init__(self, seed: int, scale: float):
        self.seed, self.scale = seed, scale
        self.pool: Tensor | None = None
        self.places = random.Random(seed)

    def __call__(self, like: Tensor) -> Tensor:
        """Noise in the shape and on the device of a tensor."""
        n = math.prod(like.shape)
        if self.pool is None or len(self.pool) < 4 * n:
            generator = torch.Generator().manual_seed(self.seed)
            uniform = torch.rand(max(_SMALLEST_POOL, 8 * n), generator=generator)
            self.pool = self.transform(uniform).to(like.device)
        place = self.places.randrange(len(self.pool) - n)
        return self.pool[place : place + n].view(like.shape)

    def transform(self, uniform: Tensor) -> Tensor:
        """Noise from uniform numbers."""
        return torch.logit(uniform, eps=1e-7).mul_(self.scale)

    def __getstate__(self) -> dict:
        return {**self.__dict__, "pool": None}


class _ConcreteLayer(torch.autograd.Function):
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


class _Divergence(torch.autograd.Function):
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
        for precision, weight, bias, logit in zip(precisions, *_thirds(parameters), strict=True):
            squares = weight.square().sum(2)[:, None]
            ctx.squares.append(squares)
            prior = torch.addcmul(squares, squares, logit.exp()).sum((1, 2))
            total += precision / 2 * (prior + bias.square().sum((1, 2)))
            total -= _entropy(logit).sum((1, 2))
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Derivatives with respect to weights, biases and logits."""
        outer = gradients[0][:, None, None]
        layers = zip(ctx.precisions, ctx.squares, *_thirds(ctx.saved_tensors), strict=True)
        found = []
        for precision, squares, weight, bias, logit in layers:
            inner, odds, p = outer * precision, logit.exp(), torch.sigmoid(logit)
            by_weight = weight * (inner + inner * odds).mT
            by_logit = inner / 2 * squares * odds + outer * logit * p * (1 - p)
            found.append((by_weight, inner * bias, by_logit))
        return None, *(by for kind in zip(*found, strict=True) for by in kind)


def _thirds(parameters: Sequence[Tensor]) -> Iterator[Sequence[Tensor]]:
    """Weights, biases and logits, split from one sequence of all of them."""
    n_layers = len(parameters) // 3
    return (parameters[start : start + n_layers] for start in range(0, 3 * n_layers, n_layers))


def _entropy(logit: Tensor) -> Tensor:
    """Entropy of a Bernoulli variable from its logit."""
    return F.softplus(logit) - logit * torch.sigmoid(logit)
