"""Norms of the rows that turn converged interactions into learned ones: ratios by noise level.

The paper's proposition says that r(k), the norm of a row of order k over that of order k + 1, rises
with the noise level. It is an observation on a grid. Here the grid is finer and goes further down.
A fall is the largest relative step down of any r(k) from one level to the next above it.
"""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from skgeh.symbolic import row_norm_ratio

PAGES = Path(__file__).parents[1] / "docs/symbolic"
PLAYERS = (6, 8, 10, 12)
LEVELS = np.logspace(-8, 1, 46)
CORNER = 1e-5


def run(quick: bool = False) -> list[dict]:
    players = PLAYERS[:1] if quick else PLAYERS
    levels = LEVELS[::5] if quick else LEVELS
    curves = {n: np.array([row_norm_ratio(n, float(s)) for s in levels])[:, 1:] for n in players}
    if not quick:
        PAGES.mkdir(exist_ok=True)
        picture(levels, curves).savefig(PAGES / "ratio.png", dpi=80)
    return [described(n, levels, ratios) for n, ratios in curves.items()]


def described(n: int, levels: np.ndarray, ratios: np.ndarray) -> dict:
    step = ratios[1:] / ratios[:-1] - 1
    below = levels[1:] <= CORNER
    deepest = np.maximum.accumulate(ratios, axis=0) / ratios - 1
    return {
        "n": n,
        "levels": len(levels),
        "rising from 1e-5 on": bool((step[~below] > 0).all()),
        "rising below": bool((step[below] > 0).all()),
        "deepest fall below, %": float(100 * deepest[: below.sum() + 1].max()),
        "lowest ratio": float(ratios.min()),
        "highest ratio": float(ratios.max()),
    }


def picture(levels: np.ndarray, curves: dict) -> Figure:
    figure = Figure(figsize=(3 * len(curves), 3), layout="constrained")
    for ax, (n, ratios) in zip(figure.subplots(1, len(curves)), curves.items(), strict=True):
        for k in range(ratios.shape[1]):
            shade = 0.8 * k / ratios.shape[1]
            ax.plot(levels, ratios[:, k], color=str(shade), lw=1)
        ax.set(xscale="log", xlabel="noise level", title=f"n = {n}")
        ax.set_ylabel("r(k), k = 1 (dark) to n - 1" if n == min(curves) else "")
    return figure
