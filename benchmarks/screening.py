"""Screening with many features: family-wise errors and power of the cross-fitted test.

The simulation's seven pairs stand among 24 uniform features, n = 3000, with as much noise as
signal. Three ways are compared: one regression with all 276 pairs, the default for that many rows;
only the 48 strongest pairs of each training set; and the sequential split with as many.
"""

import os

import numpy as np
from joblib import Parallel, delayed

from benchmarks.designs import Design
from skgeh import BayesianInteractionRegressor, crossfit_test

TABLES, FIRST_SEED, D, N = 30, 4_000_000, 24, 3000
WAYS = {
    "all pairs": {},
    "48 a training set": {"max_pairs": 48},
    "sequential, 48 a training set": {"cv": "sequential", "max_pairs": 48},
}


def run(quick: bool = False) -> list[dict]:
    n, seeds, ways = N, range(FIRST_SEED, FIRST_SEED + TABLES), WAYS
    if quick:
        n, seeds, ways = 200, [0, 1], {"10 a training set": {"n_repeats": 1, "max_pairs": 10}}
    task = delayed(one_table)
    jobs = 1 if quick else os.cpu_count()
    rows = []
    for way, options in ways.items():
        found = Parallel(n_jobs=jobs)(task(n, seed, options, quick) for seed in seeds)
        errors, power, tested, single = np.array(found).T
        rows.append(
            {
                "way": way,
                "n": n,
                "features": D,
                "tables": len(seeds),
                "tested pairs": float(tested.mean()),
                "FWER": float((errors > 0).mean()),
                "power Holm": float(power.mean()),
                "power, single pairs": float(single.mean()),
            }
        )
    return rows


def one_table(n: int, seed: int, options: dict, quick: bool) -> tuple[float, float, float, float]:
    X, y, _ = Design("signal", n).draw(seed)
    noise = np.random.default_rng([seed, 1]).random((n, D - X.shape[1]))
    model = BayesianInteractionRegressor(max_epochs=2 if quick else 55)
    result = crossfit_test(model, np.hstack([X, noise]), y, random_state=seed, **options)
    i, j = result.pairs.T
    real = (j - i == 1) & (j < X.shape[1])
    found = result.adjusted("fwer") <= 0.05
    single = (result.p_value <= 0.05)[real].mean()
    return (found & ~real).sum(), found[real].mean(), result.tested.sum(), single
