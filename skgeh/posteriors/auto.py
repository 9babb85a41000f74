"""Choice of a posterior by the rows, features and noise of a table, never by the function."""

from dataclasses import replace
from typing import Any

from sklearn.base import BaseEstimator, clone

from skgeh.geh.task import Learned, Task
from skgeh.posteriors.committee import Committee
from skgeh.posteriors.concrete_dropout import ConcreteDropout

_FEW = 1000  # up to this number of rows, a committee is taken at any noise
_PROBES = 4  # small networks that estimate the noise of larger tables
_INFORMATION = 50_000  # rows times signal-to-noise ratio from which networks alone rank as well
_CLEAN = 0.03  # share of noise below which targets need not be perturbed


class Auto(BaseEstimator):
    """A committee for few or noisy rows, concrete dropout otherwise.

    A table of up to 1000 rows gets a committee. For a larger table, four of the committee's small
    networks are trained first, and s^2 is their share of noise on held-out rows. If the number of
    rows times ``(1 - s^2) / s^2`` is below 50,000, the committee is taken, otherwise concrete
    dropout. If rows, features or classes are too many for the committee's Gaussian process,
    concrete dropout is taken at once.
    """

    def check(self) -> None:
        """Check nothing, since there are no parameters."""

    def committee(self, n_rows: int, n_features: int, n_outputs: int = 1) -> Committee | None:
        """The first candidate, or None if rows, features or outputs are too many for it."""
        process, _ = Committee().parts()
        return Committee() if process.is_rich(n_rows, n_features, n_outputs) else None

    def probe(self, committee: Committee) -> Committee:
        """The committee with only a few networks."""
        return clone(committee).set_params(n_networks=_PROBES)

    def is_small(self, n_rows: int) -> bool:
        """Whether there are so few rows that a process ranks better at any noise."""
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
        """Choose a candidate and let it learn.

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
