"""How the benchmarks measure: CPU seconds on one thread, rivals in turn, and the machine."""

import json
import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

RESULTS = Path(__file__).parent / "results"
LIBRARIES = ("torch", "numpy", "scipy", "scikit-learn", "skorch")
BURST = 0.05  # seconds
SIZE = 1024  # of the matrices whose product is the yardstick


def cpu_seconds(functions: dict[str, Callable], repeats: int = 7) -> dict[str, float]:
    """Median CPU seconds of each function; they run in turn, under the same conditions.

    Short functions run several times in a row, as they do in use: at least 50 ms at a time.
    """
    calls = {name: max(1, round(BURST / _timed(f, 1))) for name, f in functions.items()}
    times = {name: [] for name in functions}
    for _ in range(repeats):
        for name, function in functions.items():
            times[name].append(_timed(function, calls[name]))
    return {name: float(np.median(values)) for name, values in times.items()}


def seconds(function: Callable) -> float:
    """CPU seconds of one call."""
    return _timed(function, 1)


def _timed(function: Callable, calls: int) -> float:
    start = time.process_time()
    for _ in range(calls):
        function()
    return max(time.process_time() - start, 1e-9) / calls


def matrix_product() -> Callable:
    """The yardstick: one product of two square float32 matrices, 2 SIZE^3 operations."""
    a, b = torch.rand(SIZE, SIZE), torch.rand(SIZE, SIZE)
    out = torch.empty(SIZE, SIZE)
    return lambda: torch.mm(a, b, out=out)


def gigaflops(seconds: float) -> float:
    """Rate of `matrix_product` from its seconds."""
    return 2 * SIZE**3 / seconds / 1e9


def environment() -> dict:
    """Versions and the class of the machine."""
    return {
        **{name: version(name) for name in LIBRARIES},
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {torch.backends.cpu.get_cpu_capability()}, 1 thread",
    }


def report(name: str, title: str, rows: list[dict], command: str, keep: bool) -> None:
    """Print a table and, if `keep`, store it with the others as JSON."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    cells = [columns, *([_text(row.get(column)) for column in columns] for row in rows)]
    widths = [max(len(line[k]) for line in cells) for k in range(len(columns))]
    print(f"\n{title}")
    for line in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)))
    text = {"title": title, "command": command, "environment": environment(), "rows": rows}
    if keep:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{name}.json").write_text(json.dumps(text, indent=1) + "\n")


def _text(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)
