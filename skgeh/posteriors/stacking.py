"""The default posterior: a process and networks, weighted by how well they predict unseen rows.

Both learn the same rows. Each has a predictive density of rows that it has not seen: the process in
closed form, the networks of rows that they hold out. The weight of the networks is the one at which
the mixture of both densities is most probable (Y. Yao, A. Vehtari, D. Simpson, A. Gelman, "Using
stacking to average Bayesian predictive distributions", Bayesian Analysis 13, 2018).
"""

from dataclasses import dataclass, replace
from functools import partial
from operator import attrgetter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp
from scipy.stats import norm, rankdata
from sklearn.base import BaseEstimator, clone

from skgeh.geh.functions import Function, Joined, RandomFunction
from skgeh.geh.score import rank_pairs
from skgeh.geh.task import HeldOut, Learned, Task
from skgeh.geh.units import Units
from skgeh.geh.views.units import InUnits
from skgeh.posteriors.concrete_dropout import ConcreteDropout
from skgeh.posteriors.family import Family
from skgeh.process.family import GaussianProcess

_FIRST = (50, 50)  # units of the first networks, which show whether more are worth their time
_FIRST_EPOCHS, _FIRST_NETWORKS = 20, 4
_PERTURBED = 2  # networks on perturbed targets, since the process has exact draws
_JUDGED = 200  # rows whose densities are compared at least, if there are as many
_MOST_HELD_OUT = 0.25  # share of the rows that a network holds out at most
_NOTHING = 0.05  # weight of the networks below which no more of them are trained
_LEARNING = 0.03  # share by which the held-out loss falls in the second half of training, at least
_CLEAN = 0.05  # share of noise below which targets need not be perturbed
_PULL = 1.0  # rows of a prior that pulls the weight towards one half


@dataclass(frozen=True, eq=False)
class StackedPosterior:
    """A process and networks, each with a weight.

    Parameters
    ----------
    process, networks : RandomFunction
    weight : float
        Of the networks; that of the process is 1 minus it.
    """

    process: RandomFunction
    networks: RandomFunction
    weight: float

    n_features = property(attrgetter("process.n_features"), doc="Number of features ``d``.")
    n_outputs = property(attrgetter("process.n_outputs"), doc="Number of outputs ``c``.")

    @property
    def weights(self) -> dict[str, float]:
        """Weights of both parts."""
        return {"process": 1 - self.weight, "networks": self.weight}

    def draw(self, n_draws: int, generator: torch.Generator, first: int = 0) -> Function:
        """Draw from both parts, in proportion to their weights; see `RandomFunction`."""
        start, stop = (round(self.weight * count) for count in (first, first + n_draws))
        ours, theirs = n_draws - (stop - start), stop - start
        parts = []
        if ours:
            parts.append(self.process.draw(ours, generator, first - start))
        if theirs:
            parts.append(self.networks.draw(theirs, generator, start))
        return Joined(parts)

    def members(self) -> Function:
        """Mean function of the process, and that of every network."""
        return Joined([self.process.members(), self.networks.members()])

    @property
    def member_weights(self) -> NDArray[np.float64]:
        """Weights of the mean functions, which sum to 1."""
        members: Any = self.networks.members()
        n_networks = len(members)
        return np.append(1 - self.weight, np.full(n_networks, self.weight / n_networks))

    @property
    def unperturbed(self) -> "StackedPosterior":
        """The same with draws from networks that saw the targets as they are."""
        return replace(self, networks=getattr(self.networks, "unperturbed", self.networks))

    def in_units(self, units: Units) -> "StackedPosterior":
        """Both parts in other units."""
        process, networks = (InUnits.of(part, units) for part in (self.process, self.networks))
        return replace(self, process=process, networks=networks)

    def pair_scores(self, *given: Any, **options: Any) -> NDArray[np.float64]:
        """Weighted mean of the normal scores of the pairs' ranks in both parts."""
        process, networks = (
            _normal_scores(rank_pairs(part, *given, **options))
            for part in (self.process, self.networks)
        )
        return (1 - self.weight) * process + self.weight * networks


def _normal_scores(values: NDArray) -> NDArray[np.float64]:
    """Quantiles of the normal distribution at the values' ranks.

    Examples
    --------
    >>> _normal_scores(np.array([3.0, 10.0, -1.0])).round(2).tolist()
    [0.0, 0.97, -0.97]
    """
    return norm.ppf((rankdata(values) - 0.5) / len(values))


class Stacking(BaseEstimator):
    """A process and concrete-dropout networks, weighted by their predictions of unseen rows.

    Both learn the same rows. First, a few small networks train for a short time. If their
    predictions of rows that they hold out get no weight beside those of the process, that is all.
    If they get some, and were still learning, networks of full size are trained and weighted anew.

    Parameters
    ----------
    process : GaussianProcess, default=None
        None means ``GaussianProcess()``.
    networks : Family, default=None
        Networks that are trained at once; None means small networks, and if these are worth it,
        ``ConcreteDropout(n_perturbed=2)``.

    References
    ----------
    Y. Yao, A. Vehtari, D. Simpson, A. Gelman, "Using stacking to average Bayesian predictive
    distributions", Bayesian Analysis 13, 2018.

    Examples
    --------
    >>> from skgeh import BayesianInteractionRegressor
    >>> from skgeh.datasets import make_interactions
    >>> X, y, truth = make_interactions(200, random_state=0)
    >>> model = BayesianInteractionRegressor(random_state=0).fit(X, y)
    >>> sorted(model.stacking_weights_)
    ['networks', 'process']
    """

    def __init__(self, process=None, networks=None):
        self.process = process
        self.networks = networks

    def parts(self) -> tuple[GaussianProcess, Family]:
        """The process and the family of networks of full size, not yet fitted."""
        process = GaussianProcess() if self.process is None else clone(self.process)
        own = ConcreteDropout(n_perturbed=_PERTURBED)
        networks = own if self.networks is None else clone(self.networks)
        return process, networks

    def check(self) -> None:
        """Raise an error if a parameter cannot be used."""
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
        """Learn the process, and as many networks as are worth their time.

        Parameters
        ----------
        task : Task
        trainer : Trainer
        seed : int
        """
        process, family = self.parts()
        if not process.is_feasible(*task.X.shape):
            return family.learn(task, trainer, seed)
        learned = process.learn(task, trainer, seed)
        if self.networks is None:
            small = ConcreteDropout(_FIRST, n_perturbed=_PERTURBED)
            few = small.learn(task, _short(trainer, len(task.X)), seed)
            first = _Comparison.of(task, learned, few)
            if first.weight < _NOTHING or not _is_learning(few):
                return first.stacked()
            noise = min(one.noise_variance.mean() for one in (few, learned))
            if noise < _CLEAN and not task.has_labels:
                family.set_params(n_perturbed=0)
        return _Comparison.of(task, learned, family.learn(task, trainer, seed)).stacked()


def _short(trainer: Any, n_rows: int) -> Any:
    """The trainer of the first networks."""
    n_networks = min(trainer.n_networks, _FIRST_NETWORKS)
    enough = min(_JUDGED / (n_rows * n_networks), _MOST_HELD_OUT)
    settings = trainer.settings
    return replace(
        trainer,
        settings=replace(settings, max_epochs=min(settings.max_epochs, _FIRST_EPOCHS)),
        n_networks=n_networks,
        validation_fraction=max(trainer.validation_fraction, enough),
    )


def _is_learning(learned: Learned) -> bool:
    """Whether the held-out loss was still falling in the second half of training."""
    losses = learned.net.history[:, "valid_loss"]
    return losses[-1] < (1 - _LEARNING) * losses[len(losses) // 2]


@dataclass(frozen=True, eq=False)
class _Comparison:
    """A learned process and networks, compared by the rows that the networks hold out.

    Parameters
    ----------
    process, networks : Learned
    left_out : ndarray of shape (k, c)
        Predictions of these rows by the process without them.
    weight : float
        Of the networks.
    """

    process: Learned
    networks: Learned
    left_out: NDArray[np.float64]
    weight: float

    @classmethod
    def of(cls, task: Task, process: Learned, networks: Learned) -> "_Comparison":
        """Compare predictive densities."""
        assert process.held_out.left_out is not None  # a process has a closed form
        rows = networks.held_out.judged
        y, weights = task.y[rows], task.weight[rows] / task.weight.mean()
        density = partial(task.likelihood.log_densities, targets=y)
        theirs = networks.held_out.predictions
        spread = (weights[:, None] * np.square(theirs - y)).mean(0)
        left_out, variances = process.held_out.left_out(rows)
        both = density(left_out, variances), density(theirs, spread / weights[:, None])
        return cls(process, networks, left_out, _stacking_weight(*both, weights))

    def stacked(self) -> Learned:
        """Both, weighted."""
        weight, process, networks = self.weight, self.process, self.networks
        noise = (1 - weight) * process.noise_variance + weight * networks.noise_variance
        mixed = (1 - weight) * self.left_out + weight * networks.held_out.predictions
        held_out = HeldOut(networks.held_out.judged, partial(np.asarray, mixed))
        posterior = StackedPosterior(process.posterior, networks.posterior, weight)
        return Learned(posterior, noise, held_out, networks.net)


def _stacking_weight(first: NDArray, second: NDArray, row_weights: NDArray) -> float:
    """Weight of the second density at which the mixture is most probable.

    A Beta(2, 2) prior pulls it towards one half.

    Parameters
    ----------
    first, second : ndarray of shape (m,)
        Log densities of unseen rows.
    row_weights : ndarray of shape (m,)

    Examples
    --------
    >>> equal = np.zeros(100)
    >>> round(_stacking_weight(equal, equal, np.ones(100)), 3)
    0.5
    >>> _stacking_weight(equal, equal - 3, np.ones(100)) < 0.02
    True
    """

    def loss(weight: float) -> float:
        both = logsumexp([first + np.log1p(-weight), second + np.log(weight)], axis=0)
        return -row_weights @ both - _PULL * (np.log(weight) + np.log1p(-weight))

    return float(minimize_scalar(loss, bounds=(1e-6, 1 - 1e-6), method="bounded").x)
