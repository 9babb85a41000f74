"""A Gaussian process that shares its ranking with many small networks, for few or noisy rows.

The two err differently: the process models smooth products of few features, while networks also
model kinks and interactions of high order. The product of their scores ranks better than either.
"""

from dataclasses import dataclass, replace
from numbers import Integral
from operator import attrgetter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.utils import check_scalar

from skgeh.geh.functions import Function, RandomFunction
from skgeh.geh.score import rank_pairs
from skgeh.geh.task import Learned, Task
from skgeh.geh.units import Units
from skgeh.geh.views.units import InUnits
from skgeh.posteriors._stack import StackPosterior
from skgeh.posteriors.ensemble import Ensemble
from skgeh.posteriors.family import Family
from skgeh.process.family import GaussianProcess


@dataclass(frozen=True, eq=False)
class CommitteePosterior:
    """Draws and mean of a Gaussian process; rankings by the process and by networks.

    Parameters
    ----------
    process : RandomFunction
    networks : RandomFunction
    """

    process: RandomFunction
    networks: RandomFunction

    n_features = property(attrgetter("process.n_features"), doc="Number of features ``d``.")
    n_outputs = property(attrgetter("process.n_outputs"), doc="Number of outputs ``c``.")

    def draw(self, n_draws: int, generator: torch.Generator, first: int = 0) -> Function:
        """Draw from the process; see `RandomFunction`."""
        return self.process.draw(n_draws, generator, first)

    def members(self) -> Function:
        """Posterior mean of the process."""
        return self.process.members()

    def in_units(self, units: Units) -> "CommitteePosterior":
        """Both parts in other units."""
        return CommitteePosterior(InUnits.of(self.process, units), InUnits.of(self.networks, units))

    def pair_scores(self, *given: Any, **options: Any) -> NDArray[np.float64]:
        """Geometric mean of the scores of both parts."""
        scores = [rank_pairs(part, *given, **options) for part in (self.process, self.networks)]
        return np.sqrt(np.prod(scores, axis=0))


class Committee(BaseEstimator):
    """A Gaussian process for effects and predictions that shares its ranking with small networks.

    Parameters
    ----------
    process : GaussianProcess, default=None
        None means ``GaussianProcess()``.
    networks : Family, default=None
        None means an ensemble of networks with (32, 32) units and less shrinkage than by default.
    n_networks : int, default=16
        Number of small networks.

    Examples
    --------
    >>> from skgeh import BayesianInteractionRegressor
    >>> from skgeh.datasets import make_interactions
    >>> X, y, truth = make_interactions(200, random_state=0)
    >>> model = BayesianInteractionRegressor(posterior="committee", random_state=0).fit(X, y)
    >>> len(model.posterior_.networks.means)
    16
    """

    def __init__(self, process=None, networks=None, n_networks=16):
        self.process = process
        self.networks = networks
        self.n_networks = n_networks

    def parts(self) -> tuple[GaussianProcess, Family]:
        """The process and the family of the networks, not yet fitted."""
        process = GaussianProcess() if self.process is None else clone(self.process)
        small = Ensemble((32, 32), shrinkage=0.03)
        return process, small if self.networks is None else clone(self.networks)

    def check(self) -> None:
        """Raise an error if a parameter cannot be used."""
        check_scalar(self.n_networks, "n_networks", Integral, min_val=1)
        if not isinstance(self.process, GaussianProcess | None):
            raise ValueError(f"process must be a GaussianProcess or None; got {self.process!r}.")
        if not isinstance(self.networks, Family | None):
            raise ValueError(
                "networks must be an Ensemble, ConcreteDropout, MeanField or None; got "
                f"{self.networks!r}."
            )
        for part in self.parts():
            part.check()

    def learn(self, task: Task, trainer: Any, seed: int) -> Learned:
        """Learn the process, and train the networks on the same rows.

        Parameters
        ----------
        task : Task
        trainer : Trainer
        seed : int
        """
        process, _ = self.parts()
        net, stack = self.few_networks(task, trainer, seed)
        learned = process.learn(task, trainer, seed)
        return replace(learned, posterior=CommitteePosterior(learned.posterior, stack), net=net)

    def few_networks(self, task: Task, trainer: Any, seed: int) -> tuple[Any, StackPosterior]:
        """The skorch net of the trained networks, and their posterior."""
        generator = np.random.default_rng(seed)
        held_out = trainer.held_out(len(task.X), self.n_networks, generator)
        return trainer.train(self.parts()[1], task, held_out, seed)
