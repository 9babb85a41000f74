"""The family of posteriors that needs no training: an ANOVA process."""

from collections.abc import Callable, Sequence
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
from skgeh.parallel import progress_bar
from skgeh.process._newton import learn_outputs
from skgeh.process._posterior import ProcessPosterior
from skgeh.process._screen import Sizes, is_feasible
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
    n_functions : int, default=24
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

    def __init__(self, n_functions=24, n_pair_functions=4):
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
        """Learn each output by a process of its own, on common columns; nothing is trained.

        Parameters
        ----------
        task : Task
        trainer : Trainer
            Says whether to show progress; nothing else of it is used.
        seed : int
            Seed for choosing the rows with leave-one-out predictions.
        """
        settings = getattr(trainer, "settings", None)
        progress = progress_bar("process", 0 if settings is None else settings.verbose)
        parts = learn_outputs(task, self.sizes(), progress)
        rows = _judged_rows(task, np.random.default_rng(seed))
        left_out = partial(_left_out, parts, task.units)
        held_out = HeldOut(rows, partial(_means, left_out, rows), left_out=left_out)
        noise = np.array([part.noise_variance for part in parts])
        if isinstance(task.likelihood, LogLink):
            noise /= task.likelihood.dispersion
        if task.has_labels:  # the noise of their working responses is of another kind
            both = map(torch.as_tensor, (held_out.predictions, task.y[rows]))
            noise = task.likelihood.losses(*both).mean(0).numpy()
        posterior = parts[0] if len(parts) == 1 else IndependentPosterior(parts)
        return Learned(posterior, noise, held_out)

    def sizes(self) -> Sizes:
        """Numbers of functions."""
        return Sizes(self.n_functions, self.n_pair_functions)

    def is_feasible(self, n_rows: int, n_features: int) -> bool:
        """Whether the main effects of a table are few enough."""
        return is_feasible(n_rows, n_features, self.sizes())


def _judged_rows(task: Task, generator: np.random.Generator) -> NDArray[np.intp]:
    """Up to 1000 rows at random, or rows of random units."""
    if task.units is None:
        return generator.permutation(len(task.X))[:MAX_POINTS]
    order = generator.permutation(task.units.max() + 1)
    by_unit = np.argsort(order[task.units], kind="stable")
    return by_unit[:MAX_POINTS]


def _left_out(
    parts: Sequence[ProcessPosterior], units: NDArray | None, rows: NDArray
) -> tuple[NDArray, NDArray]:
    """Means and variances of rows' responses predicted without their units, each (m, c)."""
    places = rows if units is None else np.flatnonzero(np.isin(units, units[rows]))
    if units is None:
        together = list(np.arange(len(places))[:, None])
    else:
        codes = units[places]
        order = np.argsort(codes, kind="stable")
        together = np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)
    found = [part.left_out(places, together) for part in parts]
    means, variances = (np.column_stack(kind) for kind in zip(*found, strict=True))
    if units is None:
        return means, variances
    asked = np.searchsorted(places, rows)
    return means[asked], variances[asked]


def _means(left_out: Callable, rows: NDArray) -> NDArray[np.float64]:
    """Means of rows predicted without their units."""
    return left_out(rows)[0]
