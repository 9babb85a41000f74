"""Losses by which models learn numbers, labels, and numbers above 0 by the log of their mean.

All are in units of the loss of the best constant: the mean of standardised targets has a loss of 1,
and so do the shares of the classes and the mean of counts. The loss on held-out rows is therefore
the share of noise.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Self

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.special import expit, softmax
from torch import Tensor, nn

LEAST = 1e-6  # share given to a class that is missing; ratio given to a mean of 0
_LEAST_CURVATURE = 1e-4  # of a log likelihood, of which the working response divides a slope
MOST = 20.0  # log of a ratio from which its exponential goes on as a line
_SPLIT = 0.1  # least ratio from which a Poisson deviance counts logs, lest digits cancel
_LEAST_VARIATION = 1e-12  # loss of a constant below which a target counts as constant


class Likelihood(nn.Module):
    """How targets vary around a model's outputs."""

    unit = 1.0  # of the networks' outputs
    known_dispersion = False  # whether the noise variance of a working response is 1
    moves_rows = True  # whether `perturbed` moves the weights of rows, or the targets

    @abstractmethod
    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Loss of every row and target, shape (S, n, c)."""

    @abstractmethod
    def constant(self, means: Tensor) -> Tensor:
        """The best constant output for targets with these means, shape (c,)."""

    @abstractmethod
    def kl_scale(self, noise: Tensor) -> Tensor:
        """Factor that converts the prior's divergence to the unit of the losses, as `noise`."""

    @abstractmethod
    def working_response(
        self, y: NDArray, outputs: NDArray, weight: NDArray, *, bounded: bool = False
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Numbers with normal noise that replace the targets, and their weights, both (n, c).

        The noise variance of a number is the dispersion divided by its weight. The dispersion is 1
        if it is known, and otherwise common to all rows.

        Parameters
        ----------
        y, outputs : ndarray of shape (n, c)
            Targets, and the outputs around which the log likelihood is expanded.
        weight : ndarray of shape (n,)
        bounded : bool, default=False
            Whether a step to these numbers must not overshoot if all outputs move at once; then
            all outputs of a row have the same weight.
        """

    @abstractmethod
    def log_densities(
        self, outputs: NDArray, variances: NDArray, targets: NDArray
    ) -> NDArray[np.float64]:
        """Log densities of rows, up to a constant of the row, summed over targets, shape (n,).

        Parameters
        ----------
        outputs, targets : ndarray of shape (n, c)
        variances : ndarray of shape (n, c)
            Of numbers around the outputs, or of the working responses.
        """

    def n_samples(self, weight: NDArray) -> float:
        """Number of rows against which the prior is weighed: how often all of them count."""
        return float(weight.sum())

    def noise(self, errors: Tensor, outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """Share of noise (S, c) at held-out rows with given mean losses `errors` (S, c)."""
        return errors

    def perturbed(
        self, targets: Tensor, weights: Tensor, moves: Tensor, noise: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Weight the moved rows by standard exponential numbers (Newton and Raftery 1994)."""
        random = torch.where(moves == 0, 1.0, -torch.special.log_ndtr(moves))
        return targets, weights * random


class SquaredError(Likelihood):
    """Numbers with normal noise: ``(y - f)^2 = -2 s^2 log p(y | f)``, up to a constant."""

    moves_rows = False

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Loss of every row and target, shape (S, n, c)."""
        return (outputs - targets).square()

    def constant(self, means: Tensor) -> Tensor:
        """The best constant output for targets with these means, shape (c,)."""
        return means

    def kl_scale(self, noise: Tensor) -> Tensor:
        """Factor that converts the prior's divergence to the unit of the losses, as `noise`."""
        return 2 * noise

    def working_response(
        self, y: NDArray, outputs: NDArray, weight: NDArray, *, bounded: bool = False
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The targets themselves, and the weights of their rows; see `Likelihood`."""
        return y, np.repeat(weight[:, None], y.shape[1], axis=1)

    def log_densities(
        self, outputs: NDArray, variances: NDArray, targets: NDArray
    ) -> NDArray[np.float64]:
        """Normal densities; see `Likelihood`."""
        v = np.maximum(variances, _LEAST_VARIATION)
        return -(np.square(targets - outputs) / v + np.log(v)).sum(1) / 2

    def perturbed(
        self, targets: Tensor, weights: Tensor, moves: Tensor, noise: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Add as much noise to the targets as they have (Bardsley et al. 2014)."""
        return targets + _perturbation(noise) * moves, weights


class CrossEntropy(Likelihood):
    """Loss for labels, ``-log p(label | f)``: one logit for two classes, else one per class.

    Parameters
    ----------
    entropy : float
        Entropy of the classes' shares, the loss of the best constant.
    """

    unit = 5.0  # of the networks' outputs: their prior expects outputs of about 1
    known_dispersion = True

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
        """Factor that converts the prior's divergence to the unit of the losses, as `noise`."""
        return torch.full_like(noise, 1 / self.entropy)

    def log_densities(
        self, outputs: NDArray, variances: NDArray, targets: NDArray
    ) -> NDArray[np.float64]:
        """Log probabilities of the labels at the outputs; see `Likelihood`."""
        losses = self.losses(torch.as_tensor(outputs), torch.as_tensor(targets))
        return -self.entropy * losses[:, 0].numpy()

    def working_response(
        self, y: NDArray, outputs: NDArray, weight: NDArray, *, bounded: bool = False
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """``g + (y - p) / (p (1 - p))``, with weights ``w p (1 - p)``; see `Likelihood`.

        The joint curvature of more than two logits, ``diag(p) - p p'``, is at most ``2 p (1 - p)``
        for each, and at most the largest of these for all. It is ``p (1 - p) C / (C - 1)`` for
        centred logits if all C classes are equally likely.
        """
        if outputs.shape[1] == 1:
            p = expit(outputs)
            return _newton(outputs, y - p, p * (1 - p), weight)
        p, c = softmax(outputs, axis=1), outputs.shape[1]
        curvature = p * (1 - p)
        if bounded:
            curvature = np.repeat(2 * curvature.max(1, keepdims=True), c, axis=1)
        else:
            curvature *= c / (c - 1)
        return _newton(outputs, y - p, curvature, weight)


class LogLink(Likelihood):
    """Numbers above 0 by the log of their mean ``mu``, their variance a power of the mean.

    A target of weight *w* has the variance ``phi mu^power / w``; the dispersion ``phi`` is unknown.
    A weight is an exposure: a row of weight 2 is as good as the mean of two rows of weight 1. The
    loss is the unit deviance (McCullagh and Nelder 1989). For targets that vary little it is the
    squared error of targets in standard units, and everything else is as for `SquaredError`.

    Parameters
    ----------
    deviance : sequence of c float
        Half the mean unit deviance of the best constant.
    dispersion : sequence of c float
        Dispersion around the best constant, for weights with mean 1.

    Examples
    --------
    >>> y = np.array([[0.0], [1.0], [2.0]])
    >>> likelihood = LOG_LOSSES["poisson"].of(y, np.ones(3))
    >>> likelihood.losses(torch.zeros(3, 1), torch.as_tensor(y)).mean().round(decimals=6).item()
    1.0
    """

    power: int

    def __init__(self, deviance: Sequence[float], dispersion: Sequence[float]):
        super().__init__()
        # tuples, because a tensor would follow the networks to their device
        self.deviance, self.dispersion = tuple(deviance), tuple(dispersion)
        self.unit = float(np.sqrt(2 * np.mean(self.deviance)))

    @classmethod
    def of(cls, targets: NDArray, weight: NDArray) -> Self:
        """The likelihood of targets (n, c) with means of 1 and weights (n,)."""
        y, w = torch.as_tensor(targets), torch.as_tensor(weight / weight.mean())[:, None]
        ones, flat = [1.0] * y.shape[1], torch.zeros_like(y)
        plain = cls(ones, ones)
        found = (w * plain.half_deviances(flat, y)).mean(0), plain.dispersions(flat, y, w)
        return cls(*(torch.where(one > _LEAST_VARIATION, one, 1.0).tolist() for one in found))

    @abstractmethod
    def half_deviances(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Half the unit deviance of every row and target, finite for any outputs."""

    @abstractmethod
    def dispersions(self, outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """Dispersion of each copy's targets around its outputs, shape (S, c)."""

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Loss of every row and target, shape (S, n, c)."""
        return self.half_deviances(outputs, targets) / outputs.new_tensor(self.deviance)

    def constant(self, means: Tensor) -> Tensor:
        """The best constant output for targets with these means, shape (c,)."""
        return means.clamp_min(LEAST).log()

    def kl_scale(self, noise: Tensor) -> Tensor:
        """Factor that converts the prior's divergence to the unit of the losses, as `noise`.

        ``-log p = d / phi`` with half the unit deviance ``d``.
        """
        return noise * noise.new_tensor(self.dispersion) / noise.new_tensor(self.deviance)

    def noise(self, errors: Tensor, outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """Share of the dispersion, since deviances of rare counts are not in proportion to it."""
        found = self.dispersions(outputs, targets, weights)
        return found / found.new_tensor(self.dispersion)

    def log_densities(
        self, outputs: NDArray, variances: NDArray, targets: NDArray
    ) -> NDArray[np.float64]:
        """Saddlepoint densities with the dispersion that fits them best; see `Likelihood`."""
        deviances = self.half_deviances(torch.as_tensor(outputs), torch.as_tensor(targets)).numpy()
        phi = np.maximum(2 * deviances.mean(0), _LEAST_VARIATION)
        return -(2 * deviances / phi + np.log(phi)).sum(1) / 2

    def n_samples(self, weight: NDArray) -> float:
        """Number of rows: the dispersion absorbs the scale of the weights."""
        return float(len(weight))


class _PoissonDeviance(LogLink):
    """Counts, or other numbers of at least 0 whose variance is proportional to their mean.

    The dispersion is estimated (quasi-Poisson): counts in tables mostly vary more than Poisson's
    law says, and a dispersion of 1 would then take their noise for interactions. It also leaves
    answers the same if a target changes its unit.
    """

    power = 1

    def half_deviances(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """``y log(y / mu) - y + mu``."""
        # y - mu and y log(y / mu) both around the same number, as log mu - log y is small
        near = targets.clamp_min(_SPLIT)
        s = outputs - near.log()
        constant = near - targets + torch.xlogy(targets, targets / near)
        return near * _expm1(s) - targets * s + constant

    def dispersions(self, outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """Pearson's, divided by the mean of ``y / mu`` for rare counts (Fletcher 2012)."""
        mu = outputs.clamp(-MOST, MOST).exp()
        pearson = (weights * (targets - mu).square() / mu).mean(-2)
        return pearson / (targets / mu).mean(-2).clamp_min(LEAST)

    def working_response(
        self, y: NDArray, outputs: NDArray, weight: NDArray, *, bounded: bool = False
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """``eta + (y - mu) / mu``, with weights ``w mu``; see `Likelihood`."""
        mu = np.exp(np.minimum(outputs, MOST))
        return _newton(outputs, y - mu, mu, weight)


class _GammaDeviance(LogLink):
    """Numbers above 0 whose standard deviation is proportional to their mean."""

    power = 2

    def half_deviances(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """``y / mu - 1 - log(y / mu)``."""
        s = self._log(targets) - outputs
        return _expm1(s) - s

    def dispersions(self, outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """Pearson's: the mean of ``(y / mu - 1)^2``."""
        return (weights * _expm1(self._log(targets) - outputs).square()).mean(-2)

    def working_response(
        self, y: NDArray, outputs: NDArray, weight: NDArray, *, bounded: bool = False
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """``eta + (y - mu) / mu``, with weights ``w``; see `Likelihood`."""
        slope = np.expm1(np.minimum(np.log(y) - outputs, MOST))
        return _newton(outputs, slope, np.ones_like(slope), weight)

    def _log(self, targets: Tensor) -> Tensor:
        """Logs of targets, of which the least may have become 0 in single precision."""
        return targets.clamp_min(torch.finfo(targets.dtype).tiny).log()


LOG_LOSSES: dict[str, type[LogLink]] = {"poisson": _PoissonDeviance, "gamma": _GammaDeviance}
LOSSES = ("squared_error", *LOG_LOSSES)  # of numbers


def _expm1(x: Tensor) -> Tensor:
    """``exp(x) - 1``, going on as a line from `MOST`: outputs may be large early in training."""
    # not `x - inside`, whose gradient would cancel digits of the other
    return x.clamp_max(MOST).expm1() + float(np.exp(MOST)) * F.relu(x - MOST)


def _newton(
    outputs: NDArray, slope: NDArray, curvature: NDArray, weight: NDArray
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Ends of Newton steps from the outputs, by row and output, and their precisions, (n, c)."""
    safe = np.maximum(curvature, _LEAST_CURVATURE)
    return outputs + slope / safe, weight[:, None] * safe


def _perturbation(noise: Tensor) -> Tensor:
    """Scale of the targets' moves, nearly that of the noise and 0 on clean data, (S, 1, c)."""
    return (noise / (noise + 0.01).sqrt())[:, None]


def common_noise(noise: Tensor) -> Tensor:
    """Harmonic mean over targets of the noise variances (S, c), shape (S,)."""
    return noise.reciprocal().mean(1).reciprocal()
