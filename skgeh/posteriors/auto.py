"""Which posterior for which table: by rows, features and noise, never by the function."""

from dataclasses import replace
from typing import Any

from sklearn.base import BaseEstimator, clone

from skgeh.geh.task import Learned, Task
from skgeh.posteriors.committee import Committee
from skgeh.posteriors.concrete_dropout import ConcreteDropout

_FEW = 1000  # rows: a committee, whatever the noise
_PROBES = 4  # small networks that tell the noise of more rows
_INFORMATION = 50_000  # rows times signal to noise, from which on networks rank as well alone
_CLEAN = 0.03  # share of noise below which there is nothing to perturb targets with


class Auto(BaseEstimator):
    """A committee for few or noisy rows, concrete dropout for the others.

    Up to 1000 rows get a committee. For more, four of its small networks are trained first; with
    s^2 their share of noise, on rows that they hold out, a committee follows below 50,000 rows
    times ``(1 - s^2) / s^2``. Where rows, features or classes are too many for its Gaussian
    process, concrete dropout is taken at once.
    """

    def check(self) -> None:
        """There is nothing to set."""

    def committee(self, n_rows: int, n_features: int, n_outputs: int = 1) -> Committee | None:
        """The first candidate, unless rows, features and outputs are too many for it."""
        process, _ = Committee().parts()
        return Committee() if process.is_rich(n_rows, n_features, n_outputs) else None

    def probe(self, committee: Committee) -> Committee:
        """Few of a committee's networks."""
        return clone(committee).set_params(n_networks=_PROBES)

    def is_small(self, n_rows: int) -> bool:
        """Whether rows are so few that a process ranks better at any noise."""
        return n_rows <= _FEW

    def is_noisy(self, n_rows: int, noise: float) -> bool:
        """Whether the share of noise is so large that a process ranks better.

        Examples
        --------
        >>> auto = Auto()
        >>> auto.is_noisy(10_000, noise=0.9), auto.is_noisy(10_000, noise=0.01)
        (True, False)
        """
        return n_rows * (1 - noise) < _INFORMATION * noise

    def networks(self) -> ConcreteDropout:
        """The second candidate."""
        return ConcreteDropout()

    def learn(self, task: Task, trainer: Any, seed: int) -> Learned:
        """Choose a candidate, and let it learn.

        Parameters
        ----------
        task : Task
        trainer : Trainer
        seed : int
        """
        n_rows, n_features = task.X.shape
        committee = self.committee(n_rows, n_features, n_outputs=task.y.shape[1])
        if committee is None:
            return self.networks().learn(task, trainer, seed)
        if self.is_small(n_rows):
            return committee.learn(task, trainer, seed)
        net, _ = self.probe(committee).few_networks(task, trainer, seed)
        noise = min(net.module_.noise_variance.mean().item(), 1.0)
        if self.is_noisy(n_rows, noise):
            return committee.learn(task, trainer, seed)
        if noise < _CLEAN and not task.has_labels:
            trainer = replace(trainer, n_perturbed=0)
        return self.networks().learn(task, trainer, seed)
