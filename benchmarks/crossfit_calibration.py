"""The variance inflation of the cross-fitted test: the variance of its null scores.

It is the variance of the summed fold scores of null pairs, over designs, on seeds that
`benchmarks.level` does not use.
"""

import os
from pathlib import Path

import numpy as np
from joblib import Memory, Parallel, delayed
from scipy.stats import norm, skew

from benchmarks.designs import PAIRS, Design
from skgeh import BayesianInteractionRegressor
from skgeh.significance._combination import VARIANCE_INFLATION
from skgeh.significance.crossfit import crossfit_test

# tables and first seed by cell; the permuted target has the largest scores beside the signal
CELLS = {
    Design("signal", 2000): (24, 1_000_000),
    Design("additive", 2000): (24, 1_010_000),
    Design("partial", 2000): (24, 1_020_000),
    Design("signal", 2000, permuted=True): (24, 1_030_000),
    Design("signal", 2000, features="AR .8"): (24, 1_060_000),
    Design("signal", 600): (24, 1_090_000),
}
PHI = VARIANCE_INFLATION["concrete_dropout"][3]
# a run that was stopped goes on from here; to be removed when the test changes
CACHE = Memory(Path(__file__).parent / ".cache", verbose=0)


def run(quick: bool = False) -> list[dict]:
    cells, task, jobs = CELLS, CACHE.cache(one_table), os.cpu_count()
    if quick:
        cells, task, jobs = {Design("signal", 300): (2, 0)}, one_table, 1
    rows = []
    for design, (count, first) in cells.items():
        tasks = (delayed(task)(design, seed) for seed in range(first, first + count))
        rows.append(calibrated_cell(design, Parallel(n_jobs=jobs)(tasks)))
    return rows


def one_table(design: Design, seed: int) -> dict:
    """Scores of learned shapes of one table."""
    X, y, true = design.draw(seed)
    result = crossfit_test(BayesianInteractionRegressor(), X, y, random_state=seed)
    return {"true": true, "learned": result.fold_scores}


def calibrated_cell(design: Design, tables: list[dict]) -> dict:
    """Variance, skewness and tail of null scores of learned shapes, which set phi."""
    splits = [t["learned"].sum(1) / np.sqrt(t["learned"].shape[1]) for t in tables]
    one = [z[:, ~t["true"]] for z, t in zip(splits, tables, strict=True)]
    three = np.array([(z.mean(0) ** 2).mean() for z in one])
    z = np.concatenate([z.mean(0) for z in one])
    folds = np.concatenate([t["learned"][..., ~t["true"]].ravel() for t in tables])
    row = {
        "design": design.name,
        "n": design.n,
        "tables": len(tables),
        "sd of a fold": float(folds.std()),
        "mean": float(z.mean()),
        "variance, one split": float(np.mean([(z**2).mean() for z in one])),
        "variance": float(three.mean()),
        "variance +-": float(three.std() / np.sqrt(len(tables))),
        "skewness": float(skew(z)),
    }
    for level in (0.05, 0.05 / len(PAIRS)):
        beyond = (z > norm.isf(level) * np.sqrt(PHI)).mean()
        row[f"tail / {level:.3g}"] = float(beyond / level)
    return row
