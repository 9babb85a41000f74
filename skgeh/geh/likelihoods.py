"""Losses by which networks learn: the squared error for numbers, the cross-entropy for labels.

Both are in units of the loss of the best constant: the mean of standardised targets has a loss of
1, and so do the shares of the classes. The loss on held-out rows is therefore the share of noise.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LEAST = 1e-6  # share given to a class that is missing


class SquaredError(nn.Module):
    """Numbers with normal noise: ``(y - f)^2 = -2 s^2 log p(y | f)``, up to a constant."""

    unit = 1.0  # of the networks' outputs

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Loss of every row and target, shape (S, n, c)."""
        return (outputs - targets).square()

    def constant(self, means: Tensor) -> Tensor:
        """The best constant output for targets with these means, shape (c,)."""
        return means

    def kl_scale(self, noise: Tensor) -> Tensor:
        """Factor that converts the prior's divergence to the unit of the losses, shape (S,)."""
        return 2 * noise

    def perturbed(
        self, targets: Tensor, weights: Tensor, moves: Tensor, noise: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Add as much noise to the targets as they have (Bardsley et al. 2014)."""
        return targets + _perturbation(noise) * moves, weights


class CrossEntropy(nn.Module):
    """Loss for labels, ``-log p(label | f)``: one logit for two classes, else one per class.

    Parameters
    ----------
    entropy : float
        Entropy of the classes' shares, the loss of the best constant.
    """

    unit = 5.0  # of the networks' outputs: their prior expects outputs of about 1

    def __init__(self, entropy: float):
        super().__init__()
        self.entropy = entropy

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Loss of every row, shape (S, n, 1), for targets that are 0 or 1 for each logit.

        Examples
        --------
        >>> loss = CrossEntropy(entropy=1.0).losses
        >>> one = loss(torch.tensor([[[2.0]]]), torch.ones(1, 1, 1))
        >>> two = loss(torch.tensor([[[-1.0, 1.0]]]), torch.tensor([[[0.0, 1.0]]]))
        >>> torch.allclose(one, two)
        True
        """
        if outputs.shape[-1] == 1:
            found = F.softplus(outputs) - targets * outputs
        else:
            found = outputs.logsumexp(-1, keepdim=True) - (targets * outputs).sum(-1, keepdim=True)
        return found / self.entropy

    def constant(self, means: Tensor) -> Tensor:
        """The best constant output for targets with these means, shape (c,)."""
        return torch.logit(means, LEAST) if len(means) == 1 else means.clamp_min(LEAST).log()

    def kl_scale(self, noise: Tensor) -> Tensor:
        """Factor that converts the prior's divergence to the unit of the losses, shape (S,)."""
        return torch.full_like(noise, 1 / self.entropy)

    def perturbed(
        self, targets: Tensor, weights: Tensor, moves: Tensor, noise: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Weight the moved rows by standard exponential numbers (Newton and Raftery 1994)."""
        random = torch.where(moves == 0, 1.0, -torch.special.log_ndtr(moves))
        return targets, weights * random


Likelihood = SquaredError | CrossEntropy


def _perturbation(noise: Tensor) -> Tensor:
    """Scale of the targets' moves, nearly that of the noise and 0 on clean data, (S, 1, c)."""
    return (noise / (noise + 0.01).sqrt())[:, None]


def common_noise(noise: Tensor) -> Tensor:
    """Harmonic mean over targets of the noise variances (S, c), shape (S,)."""
    return noise.reciprocal().mean(1).reciprocal()
