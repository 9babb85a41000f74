"""What rows show of their noise: whether it is normal and even, and what rows of a unit share."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from skgeh.geh.likelihoods import SquaredError
from skgeh.geh.task import Task
from skgeh.parallel import no_bar
from skgeh.process._newton import Newton
from skgeh.process._pair_statistics import Rows
from skgeh.process._posterior import ProcessPosterior
from skgeh.process._screen import Sizes

LONG_TAILED = 2.0  # standard errors of the kurtosis of normal noise
SPREAD = Sizes(5, 2)  # of the variance function
NEAREST = 0.05  # median squared residuals that are added before logs
MOST_UNEVEN = np.log(20.0)
MOST_FACTORS = 20  # for the noise of units
MOST_JUDGED = 2000  # rows that are predicted without their units


def is_normal(rows: Rows) -> bool:
    """Whether the noise has no longer tails than a normal one would show by chance."""
    square = rows.residuals**2 / rows.left
    excess = np.mean(square**2) / np.mean(square) ** 2 - 3
    return bool(excess < LONG_TAILED * np.sqrt(24 / len(square)))


def row_weights(rows: Rows, progress: Callable = no_bar) -> tuple[NDArray[np.float64], float]:
    """Weights by which uneven noise becomes even, (n,), and how clearly rows say that it is uneven.

    A process learns the logs of squared residuals. What it learns from a row is left out of the
    row's own weight. The second value is the gain in predicting these logs, in standard errors.
    """
    square = rows.residuals**2 / rows.left
    log = np.log(square + NEAREST * max(np.median(square), rows.model.noise_variance))
    spread = log.std() or 1.0
    log = (log - log.mean()) / spread
    even = np.ones(len(log))
    task = Task(rows.model.observed.X, log[:, None], even, SquaredError())
    learned = Rows(Newton(task, SPREAD, progress).numbers()[0])
    errors = learned.residuals / learned.left
    gain = log**2 - errors**2
    error = gain.std() / np.sqrt(len(gain))
    weight = np.exp(np.clip(spread * (errors - log), -MOST_UNEVEN, MOST_UNEVEN))
    return weight / weight.mean(), float(gain.mean() / error) if error else 0.0


def design_effect(model: ProcessPosterior, units: NDArray) -> float:
    """By how much the noise of rows must grow, if those of a unit were independent.

    Of 1, 2, 4, ..., it is the factor by which rows are predicted best without their unit. It may
    exceed the rows of a unit, as the noise of rows alone may be too small to begin with.
    """
    counts = np.bincount(units)
    some = np.random.default_rng(0).permutation(len(counts))
    some = some[np.cumsum(counts[some]) <= max(MOST_JUDGED, counts.max())]
    rows = np.flatnonzero(np.isin(units, some))
    ends = np.flatnonzero(np.diff(units[rows])) + 1
    together = np.split(np.arange(len(rows)), ends)
    seen, solution = model.observed, model.solution
    prior = np.zeros(len(model.products))
    prior[solution.active] = solution.root**2
    losses: list[float] = []
    while len(losses) < MOST_FACTORS and min(losses, default=np.inf) in [np.inf, *losses[-2:]]:
        noise = 2.0 ** len(losses) * model.noise_variance
        other = model.data.solve(prior, noise, solution.output)
        means, _ = replace(model, solution=other).left_out(rows, together)
        losses.append(float(seen.weight[rows] @ (seen.y[rows] - means) ** 2))
    return float(2.0 ** np.argmin(losses))
