"""A Gaussian process whose ranking many small networks have a say in: for few or noisy rows.

The two err differently: the process sees smooth products of few features, networks see kinks and
interactions of high order. The product of their scores ranks better than either.
"""

from dataclasses import dataclass
from numbers import Integral

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.utils import check_scalar
from torch import Tensor

from skgeh.functions import Function, RandomFunction
from skgeh.networks.ensemble import Ensemble
from skgeh.networks.gaussian_process import GaussianProcess
from skgeh.networks.hybrid import Family
from skgeh.ranking import rank_pairs


@dataclass(frozen=True, eq=False)
class CommitteePosterior:
    """Draws and the mean of a Gaussian process; rankings by it and by networks.

    Parameters
    ----------
    process : RandomFunction
    networks : RandomFunction
    """

    process: RandomFunction
    networks: RandomFunction

    @property
    def n_features(self) -> int:
        """Number of features ``d``."""
        return self.process.n_features

    @property
    def n_outputs(self) -> int:
        """Number of outputs ``c``."""
        return self.process.n_outputs

    def draw(self, n_draws: int, generator: torch.Generator, first: int = 0) -> Function:
        """Draw from the process; see `RandomFunction`."""
        return self.process.draw(n_draws, generator, first)

    def members(self) -> Function:
        """Posterior mean of the process."""
        return self.process.members()


@rank_pairs.register
def _(
    posterior: CommitteePosterior,
    x: Tensor,
    effect: NDArray,
    *,
    target: int | None = None,
    seed: int = 0,
) -> NDArray[np.float64]:
    parts = posterior.process, posterior.networks
    scores = [rank_pairs(part, x, effect, target=target, seed=seed) for part in parts]
    return np.sqrt(np.prod(scores, axis=0))


class Committee(BaseEstimator):
    """A Gaussian process for effects and predictions, its ranking shared with small networks.

    Parameters
    ----------
    process : GaussianProcess, default=None
        None is ``GaussianProcess()``.
    networks : Family, default=None
        None is an ensemble of networks of (32, 32) units, each shrunk less than large ones are.
    n_networks : int, default=16

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
        """The process and the family of the networks, to be fitted."""
        process = GaussianProcess() if self.process is None else clone(self.process)
        small = Ensemble((32, 32), shrinkage=0.03)
        return process, small if self.networks is None else clone(self.networks)

    def check(self) -> None:
        """Refuse parameters that cannot be used."""
        check_scalar(self.n_networks, "n_networks", Integral, min_val=1)
        if not isinstance(self.process, GaussianProcess | None):
            raise ValueError(f"process must be a GaussianProcess or None; got {self.process!r}.")
        if not isinstance(self.networks, Family | None):
            raise ValueError(
                f"networks must be an Ensemble, ConcreteDropout or None; got {self.networks!r}."
            )
        for part in self.parts():
            part.check()
