"""Ranking pairs: the estimator against the methods in use today, on tables with known interactions.

The tables are the ten functions of Tsang et al. (2018), without noise at 10000 rows as they are
used there, and small and noisy, as most tables are. The other table is the simulation of section
5.1 at 1000 rows. All methods see the same rows (seeds from 7000 on); `benchmarks.rivals` says how
each is run. AUC is over all pairs, as the mean over functions and tables. The worst AUC is the mean
of the worst function. The difference says how far the default estimator is above the method, paired
by table (means over functions first) on the seeds of both, with the standard error over these
seeds. CPU seconds are those of a table, training included.
"""

import os
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from joblib import Memory, Parallel, delayed
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from benchmarks.measure import cpu_seconds, gigaflops, matrix_product
from benchmarks.rivals import RIVALS
from skgeh import BayesianInteractionRegressor
from skgeh.datasets import make_interactions, make_tsang

DEFAULT = "skgeh, default"
MANY_SEEDS = (DEFAULT, "SHAP, LightGBM", "SHAP, LightGBM depth 3")
FEW_SEEDS = 2  # of the other methods, on the ten functions
IN_SIMULATION = ("oracle", "SHAP, XGBoost")
FIRST_SEED = 7000
QUICK = {"max_epochs": 2, "n_draws": 25}
# a run that was stopped goes on from here; to be removed when the estimator or a rival changes
CACHE = Memory(Path(__file__).parent / ".cache", verbose=0)


@dataclass(frozen=True)
class Scenario:
    """Tables of one size and noise.

    Parameters
    ----------
    name : str
    functions : tuple of int
        Functions of Tsang et al.; 0 is the simulation.
    n : int
    signal_to_noise : float or None
    seeds : int
        Tables of each function.
    everybody : bool
        Whether the methods with few seeds take part.
    """

    name: str
    functions: tuple[int, ...]
    n: int
    signal_to_noise: float | None
    seeds: int
    everybody: bool = True

    def methods(self) -> list[str]:
        """The oracle where it knows the forms, and there XGBoost too, which is the slowest."""
        names = (DEFAULT, *RIVALS) if self.everybody else MANY_SEEDS
        return [name for name in names if name not in IN_SIMULATION or self.functions == (0,)]

    def settings(self, method: str) -> list[tuple]:
        """Arguments of every task of a method."""
        all_seeds = method in MANY_SEEDS or len(self.functions) == 1
        count = self.seeds if all_seeds else min(FEW_SEEDS, self.seeds)
        seeds = range(FIRST_SEED, FIRST_SEED + count)
        return list(product([method], self.functions, [self.n], [self.signal_to_noise], seeds))


TEN = tuple(range(1, 11))
SCENARIOS = (
    Scenario("F1-F10, 10000 rows, no noise", TEN, 10_000, None, 2),
    Scenario("F1-F10, 3000 rows, S/N 0.5", TEN, 3000, 0.5, 3, everybody=False),
    Scenario("F1-F10, 1000 rows, S/N 1", TEN, 1000, 1.0, 10),
    Scenario("F1-F10, 500 rows, S/N 2", TEN, 500, 2.0, 10, everybody=False),
    Scenario("simulation, 1000 rows, S/N 1", (0,), 1000, 1.0, 12),
)


def run(quick: bool = False) -> list[dict]:
    if quick:
        return of_scenario(Scenario("simulation, quick", (0,), 200, 5.0, 2), one_table, QUICK, 1)
    task, jobs = CACHE.cache(one_table), os.cpu_count()
    return [row for scenario in SCENARIOS for row in of_scenario(scenario, task, {}, jobs)]


def of_scenario(scenario: Scenario, task: Callable, more: dict, n_jobs: int) -> list[dict]:
    """One row per method."""
    settings = [setting for method in scenario.methods() for setting in scenario.settings(method)]
    found = Parallel(n_jobs=n_jobs)(delayed(task)(*one, more) for one in settings)
    tables = {method: [] for method in scenario.methods()}
    for (method, *_), table in zip(settings, found, strict=True):
        tables[method].append(table)
    return compared(scenario, tables)


def one_table(
    method: str, function: int, n: int, signal_to_noise: float | None, seed: int, options: dict
) -> dict:
    """AUC and CPU seconds of one method on one table."""
    given = {"signal_to_noise": signal_to_noise, "random_state": seed}
    X, y, truth = make_tsang(function, n, **given) if function else make_interactions(n, **given)
    start = time.process_time()
    if method == DEFAULT:
        model = BayesianInteractionRegressor(random_state=seed, **options)
        score = scores(model.fit(X, y))
    else:
        score = RIVALS[method](X, y, seed)
    seconds = time.process_time() - start
    rate = gigaflops(cpu_seconds({"product": matrix_product()}, repeats=1)["product"])
    return {"AUC": float(roc_auc_score(truth.labels, score)), "CPU s": seconds, "GFLOP/s": rate}


def scores(model: BayesianInteractionRegressor) -> NDArray:
    """Scores, even if the model warns of its fit: no rival does, and all tables count."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return model.interactions_.score


def compared(scenario: Scenario, tables: dict[str, list[dict]]) -> list[dict]:
    """One row per method, the best first."""
    count = len(scenario.functions)
    auc = {m: np.array([t["AUC"] for t in of_m]).reshape(count, -1) for m, of_m in tables.items()}
    rows = []
    for method, values in auc.items():
        by_function = values.mean(1)
        row = {
            "tables": scenario.name,
            "method": method,
            "seeds": values.shape[1],
            "AUC": float(values.mean()),
            "worst AUC": float(by_function.min()),
            "worst": label(scenario.functions[by_function.argmin()]),
        }
        if method != DEFAULT:
            seeds = values.shape[1]
            difference = (auc[DEFAULT][:, :seeds] - values).mean(0)
            row["default minus it"] = float(difference.mean())
            if seeds > 1:
                row["+-"] = float(difference.std(ddof=1) / np.sqrt(seeds))
        row["CPU s"] = float(np.mean([table["CPU s"] for table in tables[method]]))
        row["product GFLOP/s"] = float(np.mean([table["GFLOP/s"] for table in tables[method]]))
        if scenario.signal_to_noise is None:
            row |= dict(zip(map(label, scenario.functions), by_function.tolist(), strict=True))
        rows.append(row)
    return sorted(rows, key=lambda row: -row["AUC"])


def label(function: int) -> str:
    return f"F{function}" if function else "simulation"
