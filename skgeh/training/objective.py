"""The evidence lower bound of a stack of copies.

For each copy and in units of the squared error, the negative evidence lower bound of one target is

    mean_i w_i (y_i - f(x_i))^2  +  kappa * (2 s^2 / n) * KL(q || prior),

where s^2 is the noise variance, measured on rows that the copy never trains on, and kappa rises
from 0 to 1. With c targets, each has its own s_c^2. With their harmonic mean s^2, the bound is

    mean_ic w_i (s^2 / s_c^2) (y_ic - f_c(x_i))^2  +  kappa * (2 s^2 / (n c)) * KL(q || prior).

For labels, cross-entropies replace the squares and 1 replaces 2 s^2. For means with a log link,
deviances replace the squares and their dispersion replaces 2 s^2; see `likelihoods` for the units.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from skgeh.geh.likelihoods import Likelihood, common_noise

_NOISE_RANGE = (1e-6, 1.5)  # noise variance in units of the target's variance


class Objective(nn.Module):
    """The loss of a stack, with the two quantities that change during training.

    Parameters
    ----------
    likelihood : Likelihood
    n_samples : float
        Number of samples, against which the prior is weighed.

    Attributes
    ----------
    kl_weight : float
        kappa, set by `Annealing`.
    noise : Tensor of shape (S, c)
        Noise variances, smoothed over epochs by `HeldOutNoise`.
    held_out_errors, held_out_noise : Tensor of shape (S, c)
        Errors of the last validation, and the noise variances that they show.
    """

    def __init__(self, likelihood: Likelihood, n_samples: float):
        super().__init__()
        self.likelihood, self.n_samples = likelihood, n_samples
        self.kl_weight = 0.0
        self.noise = self.held_out_errors = self.held_out_noise = torch.ones(1, 1)

    def in_training(self, outputs: Tensor, known: Sequence[Tensor], kl: Tensor) -> Tensor:
        """Sum of the copies' negative ELBOs, from outputs (S, b, c) and a batch of `Rows`."""
        scale = self.likelihood.kl_scale(self.noise)
        penalty = self.kl_weight * common_noise(scale) * kl / self.n_samples
        return _negative_elbo(self.errors(outputs, *known), scale, penalty).sum()

    def in_validation(self, outputs: Tensor, known: Sequence[Tensor]) -> Tensor:
        """Mean held-out error of the copies."""
        likelihood, targets, weights = self.likelihood, *known[:2]
        errors = self.errors(outputs, *known) / weights.mean((1, 2))[:, None]
        self.held_out_errors = errors
        self.held_out_noise = likelihood.noise(errors, likelihood.unit * outputs, targets, weights)
        return self.held_out_errors.mean()

    def errors(
        self, outputs: Tensor, targets: Tensor, weights: Tensor, moves: Tensor | None = None
    ) -> Tensor:
        """Mean losses of the stack's outputs before they are scaled, shape (S, c)."""
        if moves is not None:
            targets, weights = self.likelihood.perturbed(targets, weights, moves, self.noise)
        return _mean_losses(self.likelihood, self.likelihood.unit * outputs, targets, weights)


def _mean_losses(
    likelihood: Likelihood, outputs: Tensor, targets: Tensor, weights: Tensor
) -> Tensor:
    """Weighted mean loss of each copy and target, shape (S, c); (S, 1) for labels."""
    return (likelihood.losses(outputs, targets) * weights).mean(1)


def _negative_elbo(errors: Tensor, noise: Tensor, penalty: Tensor) -> Tensor:
    """Negative evidence lower bound of each copy, in units of the loss, shape (S,).

    Parameters
    ----------
    errors, noise : Tensor of shape (S, c)
        Mean losses, and noise variances or other factors that are proportional to them.
    penalty : Tensor of shape (S,)
        Divergence from the prior, per row and in the same unit.
    """
    relative = common_noise(noise)[:, None] / noise
    return (errors * relative).mean(1) + penalty / errors.shape[1]
