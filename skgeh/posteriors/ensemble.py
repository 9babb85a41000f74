"""Deep ensembles: the posterior is the copies themselves (Lakshminarayanan et al. 2017)."""

import torch
from torch import Tensor

from skgeh.geh.functions import Function, Repeated
from skgeh.posteriors._stack import HybridStack, StackPosterior, with_main
from skgeh.posteriors.family import Family


class _EnsembleStack(HybridStack):
    """Stacked copies in training; see `HybridStack` for the parameters."""

    def layer(self, layer: int, a: Tensor) -> Tensor:
        """A linear layer without noise."""
        weight, bias = self.numbered_at("weight", layer), self.numbered_at("bias", layer)
        return torch.baddbmm(bias, a, weight)

    def kl(self) -> Tensor:
        """Negative log prior of the weights and biases."""
        total = torch.zeros_like(self.noise_variance)
        for weight, bias, precision in zip(
            self.weights, self.biases, self.prior_precisions, strict=True
        ):
            squares = weight.square().sum((1, 2)) + bias.square().sum((1, 2))
            total = total + precision / 2 * squares
        return total

    def posterior(self, basis: Function | None) -> "EnsemblePosterior":
        """The copies, all equally likely."""
        return EnsemblePosterior(self.means(), self.main_effects(basis))


class EnsemblePosterior(StackPosterior):
    """The uniform distribution over the copies."""

    @property
    def n_functions(self) -> int:
        """Number of distinct functions; further draws repeat them."""
        return len(self.means)

    def draw(self, n_draws: int, generator: torch.Generator, first: int = 0) -> Function:
        """Take the copies in turn; see `RandomFunction`."""
        turn = torch.arange(first, first + n_draws) % len(self.means)
        distinct, which = turn.unique(return_inverse=True)
        return Repeated(with_main(self.main[distinct], self.means[distinct]), which)


class Ensemble(Family):
    """A family of posteriors: networks that differ in initial weights, batches and held-out rows.

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
    >>> stack = Ensemble((30,)).build(4, 1, n_copies=8, main_columns=(0, 4), seed=0)
    >>> len(stack.posterior(None).members())
    8
    """

    _stack = _EnsembleStack
