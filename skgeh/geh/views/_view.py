"""A random function whose draws are views of the draws of another one."""

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from skgeh.geh.functions import Function, RandomFunction, member_weights


@dataclass(frozen=True, eq=False)
class PosteriorView:
    """A distribution over functions, each of them a view of a draw of another posterior.

    Parameters
    ----------
    posterior : RandomFunction
    """

    posterior: RandomFunction

    @abstractmethod
    def view(self, function: Function) -> Function:
        """The view of a stack of functions."""

    @property
    def n_features(self) -> int:
        """Number of features ``d``."""
        return self.posterior.n_features

    @property
    def n_outputs(self) -> int:
        """Number of outputs ``c``."""
        return self.posterior.n_outputs

    @property
    def member_weights(self) -> NDArray[np.float64] | None:
        """Weights of the mean functions; None if all weigh the same."""
        return member_weights(self.posterior)

    @property
    def n_functions(self) -> int | None:
        """Number of functions, if it is finite; else None."""
        return getattr(self.posterior, "n_functions", None)

    def draw(self, n_draws: int, generator: torch.Generator, first: int = 0) -> Function:
        """Draw functions; see `RandomFunction`."""
        return self.view(self.posterior.draw(n_draws, generator, first))

    def members(self) -> Function:
        """Mean function of each network."""
        return self.view(self.posterior.members())
