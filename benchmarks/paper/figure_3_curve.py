"""Figure 3, right: the rank weighted distance against the number of groups M.

The simulation of section 5.1 has 20000 rows, signal to noise 1 and three tables (seeds 5300 to
5302), with one fit each. The distance (Eq. 7) is that between M - 1 and M nested groups. "Left" is
the share of the curve from M on, which the rule that chooses M compares with 0.02.
"""

from itertools import product

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from benchmarks.paper.simulated import PAGES, QUICK, ROWS, each, fitted, table
from skgeh.geh.n_groups import find_n_groups

SIGNAL_TO_NOISE = 1.0
SEEDS = range(5300, 5303)


def run(quick: bool = False) -> list[dict]:
    n, seeds, options = (300, SEEDS[:1], QUICK) if quick else (ROWS, SEEDS, {})
    settings = product([n], [SIGNAL_TO_NOISE], seeds, [options])
    tables = dict(zip(seeds, each(one_table, settings, quick), strict=True))
    rows = [chosen(seed, n, *found) for seed, found in tables.items()]
    rows += [row for seed, found in tables.items() for row in curve(seed, *found)]
    picture = draw(rows)
    if not quick:
        picture.savefig(PAGES / "figure_3_curve.png", dpi=90)
    return rows


def one_table(n: int, signal_to_noise: float, seed: int, options: dict) -> tuple[int, NDArray]:
    """M, and the distances (1, M - 1)."""
    X, y, points, _ = table(n, signal_to_noise, seed)
    model = fitted(X, y, seed, options)
    x = torch.as_tensor(model._standardised(points), dtype=torch.float32)
    return find_n_groups(model.posterior_, x)


def chosen(seed: int, n: int, number: int, distances: NDArray) -> dict:
    return {
        "what": "choice",
        "seed": seed,
        "rows": n,
        "S/N": SIGNAL_TO_NOISE,
        "M": number,
    }


def curve(seed: int, number: int, distances: NDArray) -> list[dict]:
    (steps,) = distances
    left = np.cumsum(steps[::-1])[::-1] / steps.sum()
    return [
        {
            "what": "curve",
            "seed": seed,
            "M": k + 2,
            "distance": float(steps[k]),
            "left": float(left[k]),
        }
        for k in range(len(steps))
    ]


def draw(rows: list[dict]) -> Figure:
    choices = [row for row in rows if row["what"] == "choice"]
    figure = Figure(figsize=(3.5 * len(choices), 3.2), layout="constrained")
    panels = figure.subplots(1, len(choices), sharey=True, squeeze=False)[0]
    for ax, choice in zip(panels, choices, strict=True):
        points = [r for r in rows if r["what"] == "curve" and r["seed"] == choice["seed"]]
        ax.plot([point["M"] for point in points], [point["distance"] for point in points], ".-")
        ax.axvline(choice["M"], color="0.6", linestyle=":")
        ax.set(title=f"table {choice['seed']}, M = {choice['M']}", xlabel="number of groups M")
    panels[0].set_ylabel(r"$\Delta_M^2$")
    return figure
