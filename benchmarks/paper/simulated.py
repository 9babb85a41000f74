"""Shared by the experiments of section 5.1: the tables, the three measures, and running tasks."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from joblib import Memory, Parallel, delayed
from numpy.typing import NDArray

from skgeh import BayesianInteractionRegressor
from skgeh.datasets import make_interactions
from skgeh.datasets.truth import Truth
from skgeh.geh.interactions import Interactions
from skgeh.posteriors import ConcreteDropout

ROWS = 20_000
POINTS = 1000  # new rows at which Hessians are averaged
SINGLE_POINTS = 150  # of them, where each is a group of its own
N_GROUPS = 11  # the paper's choice
LEVEL = 0.95
PUBLISHED = {"posterior": ConcreteDropout(n_perturbed=0)}
QUICK = {"max_epochs": 2, "n_draws": 25}
PAIRS = tuple(f"h{k}" for k in range(1, 8))
PAGES = Path(__file__).parents[2] / "docs/paper"
# a run that was stopped goes on from here; to be removed when the estimator changes
CACHE = Memory(Path(__file__).parents[1] / ".cache", verbose=0)


def table(
    n: int, signal_to_noise: float, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], Truth]:
    """Rows to learn from, their targets, new rows to measure at, and the truth."""
    X, y, truth = make_interactions(n + POINTS, signal_to_noise=signal_to_noise, random_state=seed)
    return X[:n], y[:n], X[n:], truth


def fitted(X: NDArray, y: NDArray, seed: int, options: dict) -> BayesianInteractionRegressor:
    """The paper's posterior."""
    return BayesianInteractionRegressor(random_state=seed, **PUBLISHED, **options).fit(X, y)


def measures(model: BayesianInteractionRegressor, points: NDArray) -> dict[str, Interactions]:
    """All three measures of one posterior, from the smallest to the largest (Eq. 5, 6, 4)."""
    return {
        "AEH": model.interactions(points, n_groups=1),
        "M-GEH": model.interactions(points, n_groups=N_GROUPS),
        "EAH": model.interactions(points[:SINGLE_POINTS], n_groups=SINGLE_POINTS),
    }


def each(task: Callable, settings: Iterable[tuple], quick: bool) -> list:
    """Results of a task at every setting: in parallel and kept, unless this is a quick trial."""
    if quick:
        return [task(*setting) for setting in settings]
    kept = delayed(CACHE.cache(task))
    return Parallel(n_jobs=os.cpu_count())(kept(*setting) for setting in settings)


def standard_error(values: NDArray) -> NDArray:
    """Standard error of the mean over the first axis."""
    return values.std(0, ddof=1) / np.sqrt(len(values))
