"""A random function whose draws are looked at in another way."""

from abc import abstractmethod
from dataclasses import dataclass

import torch

from skgeh.functions import Function, RandomFunction


@dataclass(frozen=True, eq=False)
class WrappedPosterior:
    """A distribution over functions, each of them wrapped.

    Parameters
    ----------
    posterior : RandomFunction
    """

    posterior: RandomFunction

    @abstractmethod
    def wrap(self, function: Function) -> Function:
        """A stack of functions, looked at in another way."""

    @property
    def n_features(self) -> int:
        """Number of features ``d``."""
        return self.posterior.n_features

    @property
    def n_outputs(self) -> int:
        """Number of outputs ``c``."""
        return self.posterior.n_outputs

    def draw(self, n_draws: int, generator: torch.Generator, first: int = 0) -> Function:
        """Draw functions; see `RandomFunction`."""
        return self.wrap(self.posterior.draw(n_draws, generator, first))

    def members(self) -> Function:
        """Mean function of each network."""
        return self.wrap(self.posterior.members())
