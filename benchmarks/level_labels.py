"""Level and power of the cross-fitted test for labels, with true interactions.

The designs are those of `benchmarks.level`, with 1000 and 3000 rows of 8 features. With f
standardised, two classes have the log-odds 3 f, or three the logits (3 f, 0, -3 f). Pairs are
tested for each class. The benchmark gives false positives of single pairs (and classes) at 5 %. For
pairs, which count if they interact for any class, it gives the family after Holm at 5 %, the false
discovery rate at 10 % and the power. The mean and the variance of null scores of learned shapes
judge phi.
"""

import os
from itertools import product
from pathlib import Path

import numpy as np
from joblib import Memory, Parallel, delayed
from scipy.special import softmax

from benchmarks.designs import FUNCTIONS, LOW, PAIRS
from skgeh import BayesianInteractionClassifier, crossfit_test

TABLES, SLOPE, SEED = 15, 3.0, 3_000_000
ROWS = (1000, 3000)
CELLS = (("signal", 2), ("additive", 2), ("signal", 3), ("additive", 3))
# a run that was stopped goes on from here; to be removed when the test changes
CACHE = Memory(Path(__file__).parent / ".cache", verbose=0)


def run(quick: bool = False) -> list[dict]:
    cells, tables, sizes = (CELLS[:1], 2, (300,)) if quick else (CELLS, TABLES, ROWS)
    task = one_table if quick else CACHE.cache(one_table)
    rows = []
    for n, (function, n_classes) in product(sizes, cells):
        jobs = (delayed(task)(function, n_classes, n, SEED + seed) for seed in range(tables))
        found = Parallel(1 if quick else os.cpu_count())(jobs)
        rows.append({"function": function, "classes": n_classes, "rows": n} | cell(found))
    return rows


def labels_of(function: str, n_classes: int, n: int, seed: int) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    U = rng.random((n, 8))
    f = FUNCTIONS[function][0](U)
    values = np.linspace(0 if n_classes == 2 else -1, 1, n_classes)
    logits = SLOPE * np.outer((f - f.mean()) / f.std(), values)
    p = softmax(logits, axis=1)
    return LOW + U, (p.cumsum(1) > rng.random((n, 1))).argmax(1), FUNCTIONS[function][1]


def one_table(function: str, n_classes: int, n: int, seed: int) -> dict:
    X, y, true = labels_of(function, n_classes, n, seed)
    result = crossfit_test(BayesianInteractionClassifier(), X, y, random_state=seed)
    shape = (len(PAIRS), -1)
    scores = result.fold_scores.reshape(*result.fold_scores.shape[:2], *result.p_value.shape)
    z = scores.sum(1).mean(0) / np.sqrt(scores.shape[1])
    return {
        "true": true,
        "p": result.p_value.reshape(shape),
        "p_pair": result.pair_p_value,
        "p_fwer": result.adjusted_pairs("fwer"),
        "p_fdr": result.adjusted_pairs("fdr"),
        "z": z.reshape(shape),
        "folds": scores.reshape(*scores.shape[:2], *shape),
    }


def cell(tables: list[dict]) -> dict:
    decisions = [decide(table) for table in tables]
    null = [~table["true"] for table in tables]
    z = [table["z"][mine] for table, mine in zip(tables, null, strict=True)]
    folds = [table["folds"][:, :, mine] for table, mine in zip(tables, null, strict=True)]
    row: dict = {"tables": len(tables)}
    for name in decisions[0]:
        values = np.array([one[name] for one in decisions])
        row |= {name: float(values.mean()), f"{name} +-": float(values.std() / len(values) ** 0.5)}
    return row | {
        "sd of a fold": float(np.concatenate([one.ravel() for one in folds]).std()),
        "mean": float(np.concatenate(z).mean()),
        "variance": float(np.mean([(one**2).mean() for one in z])),
    }


def decide(table: dict) -> dict:
    true, family, discoveries = table["true"], table["p_fwer"] <= 0.05, table["p_fdr"] <= 0.1
    decision = {
        "FPR": float((table["p"][~true] <= 0.05).mean()),
        "FWER": float(family[~true].any()),
        "FDR": float((discoveries & ~true).sum() / max(1, discoveries.sum())),
    }
    if true.any():
        decision["power"] = float((table["p_pair"][true] <= 0.05).mean())
        decision["power Holm"] = float(family[true].mean())
    return decision
