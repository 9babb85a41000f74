"""The rows that the score test says it needs, against those that it needs.

Tables of 500 rows predict how many give a power of .8 after Bonferroni at .05. The truth is
interpolated between the powers at 500 to 4000 rows: their normal quantiles are about linear in the
root of the rows.
"""

import os

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from scipy.stats import norm

from benchmarks.level_designs import Truth, bent, normal, number, unit
from skgeh import score_test
from skgeh.significance.result import TestResult

TABLES, FIRST_SEED = 60, 6_000_000
ROWS = (500, 1000, 2000, 4000)
POWER, LEVEL = 0.8, 0.05
FORMS = ("product", "wave", "saturating")


def run(quick: bool = False) -> list[dict]:
    sizes, tables, jobs = ((150, 300), 2, 1) if quick else (ROWS, TABLES, os.cpu_count())
    seeds = range(FIRST_SEED, FIRST_SEED + tables)
    found = {n: Parallel(n_jobs=jobs)(delayed(one_table)(n, seed) for seed in seeds) for n in sizes}
    power = {n: np.mean([table["found"] for table in found[n]], axis=0) for n in sizes}
    predicted = np.array([table["rows needed"] for table in found[sizes[0]]])
    rows = []
    for k, form in enumerate(FORMS):
        needed = interpolated(sizes, np.array([power[n][k] for n in sizes]), tables)
        quarters = np.quantile(predicted[:, k], [0.25, 0.5, 0.75], method="higher")  # may be inf
        first, median, third = quarters
        rows.append(
            {
                "form": form,
                "tables": tables,
                **{f"power, {n}": float(power[n][k]) for n in sizes},
                "rows needed": needed,
                "predicted": float(median),
                "first quarter": float(first),
                "third quarter": float(third),
                "predicted / needed": float(median) / needed,
            }
        )
    return rows


def draw(n: int, seed: int) -> dict:
    rng = np.random.default_rng([seed, n])
    Z = normal(rng, n, 6, 0.3)
    x = np.tanh(Z.T)
    forms = {
        (0, 1): 0.35 * unit(Z[:, 0] * Z[:, 1]),
        (2, 3): 0.35 * unit(np.sin(2 * (x[2] + x[3]))),
        (4, 5): 0.35 * unit(np.exp(x[4] * x[5])),
    }
    return number(Truth(Z, bent(Z), forms), rng.normal(size=n))


def one_table(n: int, seed: int) -> dict:
    table = draw(n, seed)
    result, true = score_test(table["X"], table["y"]), table["true"]
    return {
        "found": result.p_value[true] <= LEVEL / len(true),
        "rows needed": predicted_rows(result)[true],
    }


def predicted_rows(result: TestResult) -> NDArray[np.float64]:
    """What the test says, shape (P,); its level is that of the family."""
    return result.rows_needed(power=POWER, level=LEVEL)


def interpolated(sizes: tuple[int, ...], power: NDArray, tables: int) -> float:
    """Rows with the wanted power."""
    least = 1 / (2 * tables)
    slope, start = np.polyfit(np.sqrt(sizes), norm.ppf(np.clip(power, least, 1 - least)), 1)
    return float(((norm.ppf(POWER) - start) / slope) ** 2) if slope > 1e-6 else np.inf
