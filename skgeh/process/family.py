"""The family of posteriors that needs no training: an ANOVA process."""

from collections.abc import Sequence
from functools import partial
from numbers import Integral
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_scalar

from skgeh.geh.likelihoods import LogLink
from skgeh.geh.task import HeldOut, Learned, Task
from skgeh.geh.views.side_by_side import IndependentPosterior
from skgeh.process._newton import learn_outputs
from skgeh.process._posterior import ProcessPosterior
from skgeh.process.screen import Sizes, is_feasible
from skgeh.tables.rows import MAX_POINTS


class GaussianProcess(BaseEstimator):
    """A posterior that needs no training: a Gaussian process over main effects and pairs.

    Each feature has a line and waves of increasing roughness (`SmoothBasis`). These functions, and
    the products of the first of them over pairs of features, have Gaussian weights. The line and
    the waves of every feature have a variance each, and so has every pair; all are chosen by
    marginal likelihood, as is that of the noise. Pairs whose weights the data determine get more
    products. Where all pairs would be too many, every pair is scored, and those that matter enter.
    Labels are learned by Laplace's approximation.

    Parameters
    ----------
    n_functions : int, default=20
        Number of functions of a feature, if it has as many distinct values.
    n_pair_functions : int, default=4
        Number of functions of a feature that enter products.

    References
    ----------
    D. MacKay, "Bayesian interpolation", Neural Computation 4, 1992. G. Wahba, "Spline Models for
    Observational Data", 1990.

    Examples
    --------
    >>> from skgeh import BayesianInteractionRegressor
    >>> from skgeh.datasets import make_interactions
    >>> X, y, truth = make_interactions(200, random_state=0)
    >>> model = BayesianInteractionRegressor(posterior=GaussianProcess(), random_state=0).fit(X, y)
    >>> len(model.interactions_.pairs)
    28
    """

    def __init__(self, n_functions=20, n_pair_functions=4):
        self.n_functions = n_functions
        self.n_pair_functions = n_pair_functions

    def check(self) -> None:
        """Raise an error if a parameter cannot be used."""
        check_scalar(self.n_functions, "n_functions", Integral, min_val=2)
        check_scalar(self.n_pair_functions, "n_pair_functions", Integral, min_val=1)
        if self.n_pair_functions > self.n_functions:
            raise ValueError(
                "n_pair_functions must not be larger than n_functions; got "
                f"{self.n_pair_functions} and {self.n_functions}."
            )

    def learn(self, task: Task, trainer: Any, seed: int) -> Learned:
        """Learn each output separately; nothing is trained.

        Parameters
        ----------
        task : Task
        trainer : Trainer
            Not used.
        seed : int
            Seed for choosing the rows with leave-one-out predictions.
        """
        parts = learn_outputs(task, Sizes(self.n_functions, self.n_pair_functions))
        rows = np.random.default_rng(seed).permutation(len(task.X))[:MAX_POINTS]
        left_out = partial(_left_out, parts)
        held_out = HeldOut(rows, partial(_means_left_out, parts, rows), left_out=left_out)
        noise = np.array([part.noise_variance for part in parts])
        if isinstance(task.likelihood, LogLink):
            noise /= task.likelihood.dispersion
        if task.has_labels:  # the noise of their working responses is of another kind
            both = map(torch.as_tensor, (held_out.predictions, task.y[rows]))
            noise = task.likelihood.losses(*both).mean(0).numpy()
        posterior = parts[0] if len(parts) == 1 else IndependentPosterior(parts)
        return Learned(posterior, noise, held_out)

    def is_feasible(self, n_rows: int, n_features: int) -> bool:
        """Whether the main effects of a table are few enough."""
        return is_feasible(n_rows, n_features, Sizes(self.n_functions, self.n_pair_functions))


def _left_out(parts: Sequence[ProcessPosterior], rows: NDArray) -> tuple[NDArray, NDArray]:
    """Means and variances of rows' responses predicted without each row, each (m, c)."""
    found = [part.left_out(rows, list(np.arange(len(rows))[:, None])) for part in parts]
    means, variances = zip(*found, strict=True)
    return np.column_stack(means), np.column_stack(variances)


def _means_left_out(parts: Sequence[ProcessPosterior], rows: NDArray) -> NDArray[np.float64]:
    """The means alone."""
    return _left_out(parts, rows)[0]
