"""Perturb and fit: how far networks move when the noise of the data is drawn again.

Draws from one trained network, or even from an ensemble, vary too little, because the networks
share the data and its noise. If the same amount of noise is added to the targets once more,
networks trained on them move as far as the data's own noise would have moved them (randomise then
optimise, Bardsley et al. 2014). Draws come from these networks; predictions and rankings come from
networks trained on the original targets.
"""

from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor

from skgeh.geh.functions import Function
from skgeh.posteriors._stack import StackPosterior


@dataclass(frozen=True, eq=False)
class PerturbedPosterior:
    """Draws from perturbed networks; mean functions from the others.

    Parameters
    ----------
    networks : StackPosterior
        Trained on the targets.
    perturbed : StackPosterior
        Trained on the targets with noise added.

    References
    ----------
    J. Bardsley, A. Solonen, H. Haario, M. Laine, "Randomize-then-optimize", SIAM J. Sci. Comput.
    36, 2014.
    """

    networks: StackPosterior
    perturbed: StackPosterior

    @classmethod
    def of(cls, stack: StackPosterior, n_networks: int, n_perturbed: int) -> Any:
        """Split a stack whose first copies are unperturbed; return all of it if all copies are."""
        copies = torch.arange(n_networks + n_perturbed)
        return cls(stack[copies[:n_networks]], stack[copies[n_networks:]]) if n_perturbed else stack

    n_features = property(attrgetter("networks.n_features"), doc="Number of features ``d``.")
    n_outputs = property(attrgetter("networks.n_outputs"), doc="Number of outputs ``c``.")

    def draw(self, n_draws: int, generator: torch.Generator, first: int = 0) -> Function:
        """Draw functions from the perturbed networks in turn; see `RandomFunction`."""
        return self.perturbed.draw(n_draws, generator, first)

    def members(self) -> Function:
        """Mean function of every network trained on the original targets."""
        return self.networks.members()


def _perturbations(
    n_networks: int, n_perturbed: int, n_rows: int, n_targets: int, seed: int
) -> Tensor | None:
    """Standard normal numbers for every copy, (S, n, c): 0 for the first, then z and -z in turn.

    Examples
    --------
    >>> moves = _perturbations(n_networks=1, n_perturbed=2, n_rows=4, n_targets=1, seed=0)
    >>> moves.shape, moves.sum().item()
    (torch.Size([3, 4, 1]), 0.0)
    """
    if n_perturbed == 0:
        return None
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(-(-n_perturbed // 2), n_rows, n_targets, generator=generator)
    both = torch.stack([noise, -noise], dim=1).flatten(0, 1)[:n_perturbed]
    return torch.cat([torch.zeros(n_networks, n_rows, n_targets), both])
