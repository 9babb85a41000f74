"""Level and power of the cross-fitted test with true interactions, and the variance inflation.

Calibration: the variance of the summed fold scores of null pairs, over designs, on one set of
seeds. Judgement, with the constant that ships, on other seeds: false positives of single pairs at
5 %, of the family after Holm at 5 %, and the false discovery rate at 10 %. They have one-sided
Clopper-Pearson lower bounds at 5 % divided by the number of cells. Power is compared with that of
an oracle that knows the forms of the interactions.
"""

import os
from functools import partial
from pathlib import Path

import numpy as np
from joblib import Memory, Parallel, delayed
from scipy.stats import beta, norm, skew

from benchmarks.designs import PAIRS, Design, oracle_shapes
from benchmarks.measure import cpu_seconds, gigaflops, matrix_product
from skgeh import BayesianInteractionRegressor
from skgeh.significance._combination import VARIANCE_INFLATION, combined
from skgeh.significance._regressions import Regressions
from skgeh.significance._smooth_shapes import smooth_shapes
from skgeh.significance.crossfit import crossfit_test
from skgeh.tables.corrections import adjust
from skgeh.tables.table import Table

CELLS = (
    Design("signal", 2000),
    Design("additive", 2000),
    Design("partial", 2000),
    Design("signal", 2000, permuted=True),
    Design("signal", 2000, noise="t3"),
    Design("additive", 2000, noise="t3"),
    Design("signal", 2000, features="AR .8"),
    Design("additive", 2000, features="AR .8"),
    Design("signal", 2000, features="equal .7"),
    Design("signal", 600),
    Design("additive", 600),
    Design("signal", 10_000),
    Design("additive", 10_000),
)
# tables by cell; the permuted target has the largest scores beside the signal
CALIBRATION = {
    CELLS[0]: 400,
    CELLS[1]: 100,
    CELLS[2]: 100,
    CELLS[3]: 200,
    CELLS[6]: 100,
    CELLS[9]: 100,
}
JUDGED = 100  # tables a cell
CALIBRATION_SEED, JUDGEMENT_SEED = 1_000_000, 2_000_000
PHI = VARIANCE_INFLATION["concrete_dropout"][3]
# a run that was stopped goes on from here; to be removed when the test changes
CACHE = Memory(Path(__file__).parent / ".cache", verbose=0)


def run(quick: bool = False) -> list[dict]:
    if quick:
        return [judged(Design("signal", 300), of_tables(Design("signal", 300), 2, 0, 1))]
    jobs = os.cpu_count()
    calibrated = [
        calibrated_cell(design, of_tables(design, count, CALIBRATION_SEED, jobs))
        for design, count in CALIBRATION.items()
    ]
    tables = {design: of_tables(design, JUDGED, JUDGEMENT_SEED, jobs) for design in CELLS}
    cells = [judged(design, found) for design, found in tables.items()]
    return [*calibrated, *cells, pooled(tables), cost()]


def of_tables(design: Design, count: int, first_seed: int, n_jobs: int) -> list[dict]:
    task = delayed(CACHE.cache(one_table) if count > 2 else one_table)
    place = 10_000 * ([*CELLS, design].index(design))
    seeds = range(first_seed + place, first_seed + place + count)
    return Parallel(n_jobs=n_jobs)(task(design, seed) for seed in seeds)


def one_table(design: Design, seed: int) -> dict:
    """Scores of one table: everything that a decision uses."""
    X, y, true = design.draw(seed)
    result = crossfit_test(BayesianInteractionRegressor(), X, y, random_state=seed)
    regressions = Regressions(Table.of(X, y), PAIRS)
    shapes = oracle_shapes(design, X)[..., None]
    oracle = regressions.scores(shapes, np.zeros(len(X), dtype=int))[0, :, 0, 0]
    return {
        "true": true,
        "learned": result.fold_scores,
        "smooth": result.shape_scores,
        "weights": smooth_shapes(X, PAIRS, result.shape_scores.shape[2]).weights,
        "oracle": 2 * norm.sf(np.abs(oracle)) if design.permuted else norm.sf(oracle),
    }


def p_values(table: dict, phi: float) -> np.ndarray:
    return combined(table["learned"], phi, table["smooth"], 1.0, table["weights"], False)


def calibrated_cell(design: Design, tables: list[dict]) -> dict:
    """Variance, skewness and tail of null scores of learned shapes, which set phi."""
    splits = [t["learned"].sum(1) / np.sqrt(t["learned"].shape[1]) for t in tables]
    one = [z[:, ~t["true"]] for z, t in zip(splits, tables, strict=True)]
    three = np.array([(z.mean(0) ** 2).mean() for z in one])
    z = np.concatenate([z.mean(0) for z in one])
    folds = np.concatenate([t["learned"][..., ~t["true"]].ravel() for t in tables])
    row = {
        "what": "calibration",
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


def judged(design: Design, tables: list[dict]) -> dict:
    """Errors and power in one cell."""
    decisions = [decide(table, p_values(table, PHI)) for table in tables]
    row = {"what": "judgement", "design": design.name, "n": design.n, "tables": len(tables)}
    row |= errors(decisions, 0.05 / len(CELLS))
    if any(table["true"].any() for table in tables):
        oracle = [decide(table, table["oracle"]) for table in tables]
        for name in ("power", "power Holm"):
            row[name] = mean(decisions, name)
            row[f"{name} / oracle"] = mean(decisions, name) / max(mean(oracle, name), 1e-9)
    return row


def pooled(tables: dict[Design, list[dict]]) -> dict:
    decisions = [decide(t, p_values(t, PHI)) for found in tables.values() for t in found]
    row = {"what": "judgement", "design": "all cells", "tables": len(decisions)}
    return row | errors(decisions, 0.05)


def cost(n: int = 2000, repeats: int = 5) -> dict:
    """CPU seconds of one whole test on one thread: 15 networks, and 8 of halves of the rows."""
    X, y, _ = Design("signal", n).draw(0)
    whole = partial(crossfit_test, BayesianInteractionRegressor(), X, y, random_state=0)
    seconds = cpu_seconds({"test": whole, "product": matrix_product()}, repeats)
    return {
        "what": "cost",
        "design": "signal",
        "n": n,
        "CPU s": seconds["test"],
        "product GFLOP/s": gigaflops(seconds["product"]),
    }


def decide(table: dict, p: np.ndarray) -> dict:
    true, null = table["true"], ~table["true"]
    single, family = p <= 0.05, adjust(p, "fwer") <= 0.05
    found = adjust(p, "fdr") <= 0.1
    decision = {
        "FPR": float(single[null].mean()),
        "FWER": float(family[null].any()),
        "FDR": float((found & null).sum() / max(1, found.sum())),
    }
    if true.any():
        decision |= {"power": float(single[true].mean()), "power Holm": float(family[true].mean())}
    return decision


def errors(decisions: list[dict], level: float) -> dict:
    """Error rates, and the one-sided lower bounds that must stay below the nominal rates.

    A table is one draw of FWER. Its pairs' errors, and the shares of false discoveries, are not
    independent. Their bound is for the number of independent draws that has the same standard error
    as the tables' mean.
    """
    row = {}
    for name in ("FPR", "FWER", "FDR"):
        values = np.array([one[name] for one in decisions])
        rate, error = values.mean(), values.std() / np.sqrt(len(values))
        draws = rate * (1 - rate) / error**2 if error > 0 else len(values)
        bound = beta.ppf(level, rate * draws, draws - rate * draws + 1) if rate else 0.0
        row |= {name: float(rate), f"{name} +-": float(error), f"{name} at least": float(bound)}
    return row


def mean(decisions: list[dict], name: str) -> float:
    return float(np.mean([decision[name] for decision in decisions]))
