"""The house in figures: files on the way of a table, statements, imports, and what waits.

For the way of four calls: the files entered and the distinct edges between them, on a tiny table.
Seconds are CPU seconds of the whole process for an import, and of the first access of
`fit_quality_` at 2000 rows and 10 features for the comparison with main effects.
"""

import ast
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

import skgeh
from skgeh import (
    BayesianInteractionClassifier,
    BayesianInteractionRegressor,
    GEHSelector,
    crossfit_test,
)

ROOT = Path(skgeh.__file__).parent
FEW = {"max_epochs": 2, "n_draws": 10, "n_networks": 1, "random_state": 0}


def run(quick: bool = False) -> list[dict]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return [*ways(), *statements(), *imports(), *qualities(200 if quick else 2000)]


def ways() -> list[dict]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 4))
    y = X[:, 0] * X[:, 2] + 0.3 * rng.normal(size=120)
    model = BayesianInteractionRegressor(posterior="concrete_dropout", **FEW)
    calls = {
        "fit": lambda: model.fit(X, y),
        "interactions_": lambda: model.interactions_,
        "crossfit_test": lambda: crossfit_test(model, X, y, n_repeats=1, random_state=0),
        "GEHSelector.fit": lambda: GEHSelector(model, random_state=0).fit(X, y),
    }
    for call in calls.values():
        call()  # imports and caches
    return [row for name, call in calls.items() for row in way(name, call)]


def way(name: str, call: Callable) -> list[dict]:
    """Files of the package that a call enters, and pairs of caller's and callee's file."""
    files, edges = set(), set()

    def own(frame) -> str | None:
        path = frame.f_code.co_filename
        return path if path.startswith(str(ROOT)) else None

    def profile(frame, event, _):
        if event != "call" or (here := own(frame)) is None:
            return
        files.add(here)
        caller = frame.f_back
        while caller is not None and own(caller) is None:
            caller = caller.f_back
        if caller is not None and own(caller) != here:
            edges.add((own(caller), here))

    sys.setprofile(profile)
    try:
        call()
    finally:
        sys.setprofile(None)
    return [
        {"what": f"{name}: files", "number": len(files)},
        {"what": f"{name}: edges", "number": len(edges)},
    ]


def statements() -> list[dict]:
    """All statements of the package, and those without docstrings and imports."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in ROOT.rglob("*.py")]
    found = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.stmt)]
    docs = [n for n in found if isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant)]
    taken = [n for n in found if isinstance(n, ast.Import | ast.ImportFrom)]
    code = len(found) - len(docs) - len(taken)
    entries = {path.name for path in ROOT.iterdir()} - {"__pycache__", "py.typed"}
    return [
        {"what": "entries of the package", "number": len(entries)},
        {"what": "statements", "number": len(found)},
        {"what": "statements without docstrings and imports", "number": code},
    ]


def imports() -> list[dict]:
    """CPU seconds of imports in a fresh process, the least of three."""
    lines = ("import skgeh", "import skorch", "from skgeh import BayesianInteractionRegressor")
    seconds = {line: min(cpu_of(line) for _ in range(3)) for line in lines}
    rows = [{"what": f"{line}, CPU s", "number": value} for line, value in seconds.items()]
    share = seconds["import skgeh"] / seconds["import skorch"]
    return [*rows, {"what": "import skgeh / import skorch", "number": share}]


def cpu_of(line: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", line], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def qualities(n: int) -> list[dict]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 10))
    y = X[:, 0] * X[:, 1] + X[:, 2] ** 2 + rng.normal(size=n)
    models = {
        "networks": (BayesianInteractionRegressor(posterior="concrete_dropout", **FEW), y),
        "process": (BayesianInteractionRegressor(posterior="gaussian_process"), y),
        "2 classes": (BayesianInteractionClassifier(posterior="concrete_dropout", **FEW), y > 0),
        "3 classes": (
            BayesianInteractionClassifier(posterior="concrete_dropout", **FEW),
            np.digitize(y, [-0.5, 1]),
        ),
    }
    rows = []
    for name, (model, target) in models.items():
        model.fit(X, target)
        start = time.process_time()
        _ = model.fit_quality_
        seconds = time.process_time() - start
        rows.append({"what": f"fit_quality_ of {name}, CPU s", "number": seconds})
    return rows
