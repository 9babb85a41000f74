"""Level and power of tests of pairs, in designs where a test can go wrong.

Of null pairs: the share with p <= .05 (FPR), how often any is found after Holm at .05 (FWER), and
the false discovery rate at .1 (FDR). Of true pairs: the share with p <= .05 (power), and after Holm
(power Holm), which an oracle has too that knows all forms. Errors are those of a mean over tables.
A cell that is two of them above its level is judged again on four times as many fresh tables, and
both rows are kept.

Tables that are done are kept, until a test or the design's function changes. A run that was stopped
goes on, and ``LEVEL_ONLY="jumps|units.*score"``, a regular expression, adds only to cells with such
names ("design, rows x features: test"). All that are there are reported.
"""

import json
import os
import re
import time
import warnings
from collections.abc import Iterator
from functools import cache, partial
from hashlib import sha256
from inspect import getsource
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

import skgeh
from benchmarks import designs
from benchmarks.level_designs import DESIGNS, Design, shapes, simulated, simulated_labels
from skgeh import (
    BayesianInteractionClassifier,
    BayesianInteractionRegressor,
    crossfit_test,
    score_test,
)
from skgeh.significance.result import TestResult
from skgeh.tables.corrections import adjust

TABLES = 20  # of the score test in a cell; a quarter of them where tables are large
FEW = 20  # of the test that refits
AGAIN = 4  # times as many tables where a level seems broken
FRESH = 1_000_000  # first seed of these
CACHE = Path(__file__).parent / ".cache" / "level"


def by_score(table: dict, seed: int) -> TestResult:
    return score_test(table["X"], table["y"], **table["kwargs"])


def by_refits(table: dict, seed: int) -> TestResult:
    labels = table["kwargs"].get("task") == "classification"
    model = BayesianInteractionClassifier() if labels else BayesianInteractionRegressor()
    given = {"groups": table["kwargs"]["groups"]} if "groups" in table["kwargs"] else {}
    return crossfit_test(model, table["X"], table["y"], random_state=seed, **given)


TESTS = {"score_test": by_score, "crossfit_test": by_refits}
REFITTED = ("groups", "task")  # what `by_refits` passes on


def cells() -> Iterator[tuple[Design, str, int]]:
    """Every design with every test that can read it, and the number of tables."""
    for design in DESIGNS:
        yield design, "score_test", tables_of(design)
    small = [design for design in DESIGNS if design.n <= 2000 and design.d <= 12]
    for design in small:
        if set(design.draw(0)["kwargs"]) <= set(REFITTED):
            yield design, "crossfit_test", FEW


def tables_of(design: Design) -> int:
    return TABLES if design.d <= 12 and design.n <= 5000 else TABLES // 4


def run(quick: bool = False) -> list[dict]:
    if quick:
        design = Design("shapes", 150, 8, partial(shapes, rho=0.0, true=True))
        return [row_of(design, test, [one_table(design, test, 0)]) for test in TESTS]
    only = re.compile(os.environ.get("LEVEL_ONLY", ""))
    rows, all_tables = [], {test: [] for test in TESTS}
    for design, test, count in cells():
        chosen = only.search(f"{design}: {test}") is not None
        tables = of_cell(design, test, range(count), chosen)
        all_tables[test] += tables
        rows += shown("judgement", design, test, tables)
        if tables and above(summary(tables)):
            fresh = range(FRESH, FRESH + AGAIN * count)
            rows += shown("again", design, test, of_cell(design, test, fresh, chosen))
    found = {test: tables for test, tables in all_tables.items() if tables}
    return [*rows, *({"what": "all", "test": test} | summary(found[test]) for test in found)]


def shown(what: str, design: Design, test: str, tables: list[dict]) -> list[dict]:
    """The row of a cell that has tables, printed at once: a run takes hours."""
    rows = [{"what": what} | row_of(design, test, tables)] if tables else []
    for row in rows:
        print(*(f"{v:.3g}" if isinstance(v, float) else v for v in row.values()), flush=True)
    return rows


def row_of(design: Design, test: str, tables: list[dict]) -> dict:
    cell = {"design": design.name, "n": design.n, "d": design.d, "test": test}
    return cell | summary(tables)


def summary(tables: list[dict]) -> dict:
    """Means over tables, their standard errors, and CPU seconds."""
    row: dict = {"tables": len(tables), "failed": sum("error" in table for table in tables)}
    tables = [table for table in tables if "error" not in table]
    if not tables:
        return row
    for name in tables[0]["rates"]:
        rates = [table["rates"][name] for table in tables]
        values = np.array([rate for rate in rates if rate is not None])
        if len(values):
            row |= {
                name: float(values.mean()),
                f"{name} +-": float(values.std() / len(values) ** 0.5),
            }
    seconds = [table["CPU s"] for table in tables]
    return row | {"CPU s": float(np.median(seconds)), "most CPU s": float(np.max(seconds))}


def above(row: dict) -> bool:
    """Whether a level is two standard errors above what it may be."""
    return any(
        row.get(name, 0.0) > level + 2 * row.get(f"{name} +-", 0.0)
        for name, level in {"FPR": 0.055, "FWER": 0.05}.items()
    )


def of_cell(design: Design, test: str, seeds: range, chosen: bool) -> list[dict]:
    """Tables of a cell: those of its file and, if it is chosen, the rest."""
    file = CACHE / f"{design}, {test}, {fingerprint(design)}.jsonl"
    lines = file.read_text().splitlines() if file.exists() else []
    lines = [line for line in lines if line.endswith("}")]  # the last may be cut off
    done = {table["seed"]: table for table in map(json.loads, lines) if table["seed"] in seeds}
    missing = [seed for seed in seeds if seed not in done] if chosen else []
    if missing:
        CACHE.mkdir(parents=True, exist_ok=True)
        parallel = Parallel(n_jobs=os.cpu_count(), return_as="generator")
        with open(file, "a") as kept:
            for table in parallel(delayed(attempt)(design, test, seed) for seed in missing):
                kept.write(f"\n{json.dumps(table)}")
                kept.flush()
                done[table["seed"]] = table
    return list(done.values())


@cache
def source_of_tests() -> str:
    rooms = [Path(skgeh.__file__).parent / room for room in ("process", "significance")]
    return "".join(path.read_text() for room in rooms for path in sorted(room.rglob("*.py")))


def fingerprint(design: Design) -> str:
    """It changes with the source of the tests and of the design's function."""
    function = getattr(design.function, "func", design.function)
    given = getattr(design.function, "keywords", {})
    shared = getsource(designs) if function in (simulated, simulated_labels) else ""
    text = source_of_tests() + getsource(function) + shared + str(given)
    return sha256(text.encode()).hexdigest()[:12]


def attempt(design: Design, test: str, seed: int) -> dict:
    """A table, or the error that it ends in: one of thousands stops no run."""
    try:
        return one_table(design, test, seed)
    except Exception as error:
        return {"seed": seed, "error": repr(error)}


def one_table(design: Design, test: str, seed: int) -> dict:
    """What a test decides in a table, its p-values, and its CPU seconds."""
    table = design.draw(seed)
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        result = TESTS[test](table, seed)
    seconds = time.process_time() - start
    p = [float(f"{p:.3g}") for p in result.p_value.ravel()]
    return {"seed": seed, "CPU s": seconds, "rates": rates_of(table, result), "p": p}


def rates_of(table: dict, result: TestResult) -> dict[str, float | None]:
    """Rates over the pairs of one table; None where there are none.

    A pair that was not tested is not found, and does not count as null.
    """
    true, judged = table["true"], table["judged"]
    null = ~true & judged
    p = result.p_value.reshape(len(true), -1)[null]
    family, found = result.adjusted_pairs("fwer") <= 0.05, result.adjusted_pairs("fdr") <= 0.1
    return {
        "FPR": mean(p[~np.isnan(p)] <= 0.05),
        "FWER": float(family[null].any()),
        "FDR": float((found & null).sum() / max(1, (found & judged).sum())),
        "power": mean(result.pair_p_value[true] <= 0.05),
        "power Holm": mean(family[true]),
        "oracle Holm": mean(adjust(table["oracle"], "fwer")[true] <= 0.05),
    }


def mean(found: NDArray) -> float | None:
    return float(found.mean()) if found.size else None
