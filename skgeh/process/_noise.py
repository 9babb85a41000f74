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
SPREAD = Sizes(5, 0)  # of the variance function: products would only learn noise
NEAREST = 0.05  # median squared residuals that are added before logs
MOST_UNEVEN = np.log(20.0)
FOLDS, MANY = 5, 5000  # folds up to so many rows; 2 for more
MOST_FACTORS = 20  # for the noise of units
MOST_JUDGED = 2000  # rows that are predicted without their units


def is_normal(rows: Rows) -> bool:
    """Whether the noise has no longer tails than a normal one would show by chance."""
    square = rows.residuals**2 / rows.left
    excess = np.mean(square**2) / np.mean(square) ** 2 - 3
    return bool(excess < LONG_TAILED * np.sqrt(24 / len(square)))


def row_weights(rows: Rows, progress: Callable = no_bar) -> tuple[NDArray[np.float64], float]:
    """Weights by which uneven noise becomes even, (n,), and how clearly rows say that it is uneven.

    Processes learn the logs of squared residuals, each from the rows that are not in its fold, and
    predict those that are: left-out errors of one process would be too small, since its variances
    are chosen by all rows. Predictions are shrunken by their slope on the logs. The second value is
    their covariance with the logs in standard errors, about standard normal if noise is even.
    """
    square = rows.residuals**2 / rows.left
    log = np.log(square + NEAREST * max(np.median(square), rows.model.noise_variance))
    spread = log.std() or 1.0
    log = (log - log.mean()) / spread
    n, even = len(log), np.ones(len(log))
    task = Task(rows.model.observed.X, log[:, None], even, SquaredError())
    places = np.empty(n, dtype=np.intp)  # by what a row holds, so that the order does not matter
    places[np.argsort(log + task.X @ np.random.default_rng(0).normal(size=task.X.shape[1]))] = (
        np.arange(n)
    )
    folds = places % (FOLDS if n <= MANY else 2)
    predicted = np.empty(n)
    for fold in progress(range(folds.max() + 1), folds.max() + 1, "noise"):
        own = folds == fold
        (learned,) = Newton(task.some(~own), SPREAD).numbers()
        predicted[own] = learned.predict(task.X[own])
    agreement = log * predicted
    evidence = float(agreement.sum() / (np.linalg.norm(agreement) or 1.0))
    slope = float(np.clip(agreement.sum() / (predicted @ predicted or 1.0), 0, 1))
    weight = np.exp(-np.clip(spread * slope * predicted, -MOST_UNEVEN, MOST_UNEVEN))
    return weight / weight.mean(), evidence


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
