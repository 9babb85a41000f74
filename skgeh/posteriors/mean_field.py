"""The mean-field posterior: an independent Gaussian for every weight.

Appendix 4 of Cui et al. 2020 compares it with concrete dropout. In training, every row draws the
weighted sums that enter the units, not the weights themselves. These sums are Gaussian too, and
draws that are independent between rows make the gradient less noisy (D. Kingma, T. Salimans,
M. Welling, "Variational Dropout and the Local Reparameterization Trick", NIPS 2015). A posterior
draw fixes the weights for all rows.
"""

import math
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor, nn

from skgeh.geh.functions import MLP, Function
from skgeh.posteriors._stack import HybridStack, StackPosterior, with_main
from skgeh.posteriors.concrete_dropout import _LogisticNoise
from skgeh.posteriors.family import Family

# Learning rate of a log standard deviation, relative to that of a weight. At 10, spreads outrun the
# means and effects shrink to half of the truth; far above that, no interaction is left.
_RATE = 3
_LOG_RANGE = (-12.0, 1.0)
_SILENT = -40.0  # log standard deviation of a weight that is not part of the network


class _MeanFieldStack(HybridStack):
    """Stacked copies in training; see `HybridStack` for the parameters."""

    def __init__(self, *args: Any, **options: Any):
        super().__init__(*args, **options)
        self.noisy = False
        self.noise = _NormalNoise(options["seed"] + 1)
        for kind, means in (("weight", self.weights), ("bias", self.biases)):
            start = (torch.full_like(mean, _LOG_RANGE[0] / _RATE) for mean in means)
            self.number(f"spread_{kind}", map(nn.Parameter, start))

    def log_std(self, kind: str, layer: int) -> Tensor:
        """Log standard deviations of weights or biases, `_RATE` times their parameter."""
        return _RATE * self.numbered_at(f"spread_{kind}", layer)

    def layer(self, layer: int, a: Tensor) -> Tensor:
        """A draw of ``N(a W + b, a^2 V + v)`` for every row; the mean before the noise is on."""
        weight, bias = self.numbered_at("weight", layer), self.numbered_at("bias", layer)
        mean = torch.baddbmm(bias, a, weight)
        if not (self.noisy and self.training):
            return mean
        variances = ((2 * self.log_std(kind, layer)).exp() for kind in ("bias", "weight"))
        of_bias, of_weight = variances
        std = torch.baddbmm(of_bias, a.square(), of_weight).sqrt()
        noise = self.noise(mean[: self.n_starts])
        return mean + std * noise.repeat(len(mean) // len(noise), 1, 1)

    def kl(self) -> Tensor:
        """``sum l^2/2 (mu^2 + sigma^2) - log sigma``, up to a constant; at first without sigma."""
        total = torch.zeros_like(self.noise_variance)
        for layer, precision in enumerate(self.prior_precisions):
            for kind in ("weight", "bias"):
                mean, log_std = self.numbered_at(kind, layer), self.log_std(kind, layer)
                total = total + precision / 2 * mean.square().sum((1, 2))
                if self.noisy:
                    spread = precision / 2 * (2 * log_std).exp() - log_std
                    total = total + spread.sum((1, 2))
        return total

    def start_noise(self) -> None:
        """Start with as little spread as concrete dropout has at its initial probability."""
        self.noisy = True
        share = (0.1 * self.noise_variance).clamp(1e-4, 0.05)[:, None, None]
        with torch.no_grad():
            for layer, weight in enumerate(self.weights):
                start = (share / (3 * weight.shape[1])).sqrt().log() / _RATE
                for kind in ("weight", "bias"):
                    spread = self.numbered_at(f"spread_{kind}", layer)
                    spread.copy_(start.expand_as(spread))

    @torch.no_grad()
    def after_step(self) -> None:
        """Keep standard deviations in the range where they can still move."""
        if self.noisy:
            low, high = (bound / _RATE for bound in _LOG_RANGE)
            for kind in ("spread_weight", "spread_bias"):
                for spread in self.numbered(kind):
                    spread.clamp_(low, high)

    @torch.no_grad()
    def silence(self, features: Tensor) -> None:
        """Cut the network's connections from features that never vary, including their spread."""
        super().silence(features)
        self.numbered_at("spread_weight", 0)[:, features] = _SILENT / _RATE

    @torch.no_grad()
    def scale_outputs(self, unit: float) -> None:
        """Multiply the outputs of the copies, including the spread of the last layer."""
        super().scale_outputs(unit)
        for kind in ("spread_weight", "spread_bias"):
            self.numbered_at(kind, self.n_layers - 1).add_(math.log(unit) / _RATE)

    def posterior(self, basis: Function | None) -> "MeanFieldPosterior":
        """The learned distribution over functions."""
        means = self.means()
        spread = replace(
            means,
            weights=tuple(self.log_std("weight", k).detach().exp() for k in range(self.n_layers)),
            biases=tuple(self.log_std("bias", k).detach().exp() for k in range(self.n_layers)),
        )
        return MeanFieldPosterior(means, self.main_effects(basis), spread)


@dataclass(frozen=True, eq=False)
class MeanFieldPosterior(StackPosterior):
    """Draws are networks with Gaussian weights.

    Parameters
    ----------
    means, main
        See `StackPosterior`.
    spread : MLP
        Standard deviations, stored as weights and biases.
    """

    spread: MLP

    def __getitem__(self, which: Tensor) -> Self:
        """The distribution around some of the copies."""
        return replace(super().__getitem__(which), spread=self.spread[which])

    def draw(self, n_draws: int, generator: torch.Generator, first: int = 0) -> Function:
        """Draw functions from the copies in turn; see `RandomFunction`."""
        turn = torch.arange(first, first + n_draws) % len(self.means)
        means, spread = self.means[turn], self.spread[turn]

        def drawn(mean: Tensor, std: Tensor) -> Tensor:
            return mean + std * torch.randn(mean.shape, generator=generator).to(mean)

        mlp = replace(
            means,
            weights=tuple(map(drawn, means.weights, spread.weights)),
            biases=tuple(map(drawn, means.biases, spread.biases)),
        )
        return with_main(self.main[turn], mlp)


class MeanField(Family):
    """A family of posteriors: an independent Gaussian for every weight.

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

    Examples
    --------
    >>> stack = MeanField((30,)).build(4, 1, n_copies=2, main_columns=(0, 4), seed=0)
    >>> draws = stack.posterior(None).draw(5, torch.Generator().manual_seed(0))
    >>> draws(torch.zeros(7, 4)).shape, stack.kl().shape
    (torch.Size([5, 7, 1]), torch.Size([2]))
    """

    _stack = _MeanFieldStack


class _NormalNoise(_LogisticNoise):
    """Standard normal noise, drawn in the same way."""

    def __init__(self, seed: int):
        super().__init__(seed, scale=math.sqrt(2))

    def transform(self, uniform: Tensor) -> Tensor:
        """Normal numbers from uniform ones."""
        return torch.erfinv(uniform.mul_(2).sub_(1).clamp_(-1 + 1e-7, 1 - 1e-7)).mul_(self.scale)
