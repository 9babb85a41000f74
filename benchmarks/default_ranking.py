"""Ranking pairs by the default posterior, paired with an earlier default and with SHAP.

The tables are the ten functions of Tsang et al. (2018), small and noisy and large and clean, and
the simulation of section 5.1 at 1000 rows and several ratios of signal to noise, where an oracle
knows the forms. Each table has a seed (from 8000 on), which is the estimator's `random_state` too.
AUC is over all pairs, by the score. "auto minus it" is paired by table; its standard error is over
all tables, functions times seeds. The earlier default's AUC of every table is kept in
``results/reference_default.json``; `keep_reference` wrote it. CPU seconds are those of a table.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np
from joblib import Memory, Parallel, delayed
from numpy.typing import NDArray

import skgeh
from benchmarks.measure import RESULTS, environment
from benchmarks.peers import DEFAULT, QUICK, TEN, Scenario, label, one_table

POSTERIORS = ("auto", "gaussian_process")
METHODS = (*POSTERIORS, "SHAP, LightGBM")
FIRST_SEED = 8000
REFERENCE = RESULTS / "reference_default.json"
EARLIER = "earlier default"
SCENARIOS = (
    Scenario("F1-F10, 1000 rows, S/N 1", TEN, 1000, 1.0, 10),
    Scenario("F1-F10, 10000 rows, no noise", TEN, 10_000, None, 3),
    *(
        Scenario(f"simulation, 1000 rows, S/N {ratio:g}", (0,), 1000, ratio, 10)
        for ratio in (0.5, 1.0, 2.0, 5.0, 10.0)
    ),
)
# a run that was stopped goes on from here; the code of the package is part of the key, and an edit
# of this file during a run empties the cache
CACHE = Memory(Path(__file__).parent / ".cache", verbose=0)


def run(quick: bool = False) -> list[dict]:
    if quick:
        tiny = Scenario("simulation, quick", (0,), 200, 5.0, 2)
        return of_scenario(tiny, 1, QUICK)
    return [row for scenario in SCENARIOS for row in of_scenario(scenario, os.cpu_count())]


def one(
    code: str, method: str, function: int, n: int, ratio: float | None, seed: int, options: dict
) -> dict:
    """AUC and CPU seconds of one posterior or rival on one table."""
    if method in ("auto", "gaussian_process", "concrete_dropout"):
        return one_table(DEFAULT, function, n, ratio, seed, {"posterior": method, **options})
    return one_table(method, function, n, ratio, seed, options)


def code_of_package() -> str:
    """A name of the package's present code."""
    root = Path(skgeh.__file__).parent
    text = b"".join(path.read_bytes() for path in sorted(root.rglob("*.py")))
    return hashlib.sha256(text).hexdigest()[:16]


def tables_of(scenario: Scenario) -> list[tuple[int, int]]:
    """Functions and seeds."""
    return list(product(scenario.functions, range(FIRST_SEED, FIRST_SEED + scenario.seeds)))


def measured(
    scenario: Scenario, methods: Sequence[str], jobs: int, options: dict | None = None
) -> dict[str, list[dict]]:
    """Of every method, one answer per table; with options, nothing is kept in the cache."""
    task, code = CACHE.cache(one) if options is None else one, code_of_package()
    n, ratio = scenario.n, scenario.signal_to_noise
    settings = [
        (code, method, function, n, ratio, seed, options or {})
        for (function, seed), method in product(tables_of(scenario), methods)
    ]
    found = Parallel(jobs)(delayed(task)(*setting) for setting in settings)
    return {method: found[k :: len(methods)] for k, method in enumerate(methods)}


def of_scenario(scenario: Scenario, jobs: int, options: dict | None = None) -> list[dict]:
    """One row per method, the best first, and one for the earlier default."""
    oracle = ("oracle",) if scenario.functions == (0,) else ()
    found = measured(scenario, (*METHODS, *oracle), jobs, options)
    earlier = json.loads(REFERENCE.read_text())["tables"].get(scenario.name)
    if earlier:
        of_table = {(one["function"], one["seed"]): one for one in earlier}
        tables = tables_of(scenario)
        found[EARLIER] = [of_table[label(function), seed] for function, seed in tables]
    auc = {method: np.array([one["AUC"] for one in of_it]) for method, of_it in found.items()}
    rows = [
        row_of(scenario, method, auc["auto"], auc[method], [one["CPU s"] for one in of_it])
        for method, of_it in found.items()
    ]
    return sorted(rows, key=lambda row: -row["AUC"])


def row_of(scenario: Scenario, method: str, auto: NDArray, auc: NDArray, seconds: list) -> dict:
    """Means over functions and seeds, and the paired difference."""
    by_function = auc.reshape(len(scenario.functions), -1).mean(1)
    row = {
        "tables": scenario.name,
        "method": method,
        "count": len(auc),
        "AUC": float(auc.mean()),
        "worst AUC": float(by_function.min()),
        "worst": label(scenario.functions[by_function.argmin()]),
    }
    if method != "auto":
        difference = auto - auc
        row["auto minus it"] = float(difference.mean())
        row["+-"] = float(difference.std(ddof=1) / np.sqrt(len(difference)))
    row["CPU s"] = float(np.mean(seconds))
    of_each = zip(map(label, scenario.functions), by_function.tolist(), strict=True)
    return row | (dict(of_each) if len(by_function) > 1 else {})


def keep_reference(scenarios: Sequence[Scenario] = SCENARIOS[:2], jobs: int = 1) -> None:
    """Write the AUC of the present default, to be compared with later ones."""
    tables = {}
    for scenario in scenarios:
        found = measured(scenario, ("auto",), jobs)["auto"]
        tables[scenario.name] = [
            {"function": label(function), "seed": seed, "AUC": one["AUC"], "CPU s": one["CPU s"]}
            for (function, seed), one in zip(tables_of(scenario), found, strict=True)
        ]
    text = {
        "what this is": "AUC of the default posterior at an earlier state of the package. "
        "A table is make_tsang(function, rows, signal_to_noise=..., random_state=seed), or "
        "make_interactions, and the model has random_state=seed and no other option.",
        "version": skgeh.__version__,
        "code": code_of_package(),
        "environment": environment(),
        "tables": tables,
    }
    REFERENCE.write_text(json.dumps(text, indent=1) + "\n")
