"""Figure 3, left: which of AEH, M-GEH and EAH tells interacting pairs from others.

The simulation of section 5.1 has 10 tables of 20000 rows at signal to noise 0.1 (seeds 5200 on),
with one fit each. All three measures are taken from it, M-GEH with 11 groups. Pairs of all tables
are pooled, and ranked in two ways: by the effect, its posterior mean, and by effect / sd, which is
the order in which 95 % intervals that exclude 0 appear as their level rises. The benchmark keeps
the AUC of both. At the level of 95 % it keeps the false positive and false negative rates with the
share of tables in which each of the seven pairs is found. Errors are standard errors over the
tables, whose own AUC differences are paired. At this signal to noise ratio no measure is at its
limit.
"""

from itertools import product

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.metrics import roc_auc_score, roc_curve

from benchmarks.paper.simulated import (
    LEVEL,
    PAGES,
    PAIRS,
    QUICK,
    ROWS,
    each,
    fitted,
    measures,
    standard_error,
    table,
)

SIGNAL_TO_NOISE = 0.1
SEEDS = range(5200, 5210)
GRID = (0.0, 0.005, 0.01, 0.02, 0.03, *np.linspace(0.05, 1, 20).tolist())
RULES = ("effect", "interval")


def run(quick: bool = False) -> list[dict]:
    n, seeds, options = (300, SEEDS[:2], QUICK) if quick else (ROWS, SEEDS, {})
    tables = each(one_table, product([n], [SIGNAL_TO_NOISE], seeds, [options]), quick)
    names = list(tables[0]["effect"])
    rows = [judged(tables, name, rule, n) for name, rule in product(names, RULES)]
    rows += curves(tables, names)
    picture = draw(rows, names)
    if not quick:
        picture.savefig(PAGES / "figure_3_roc.png", dpi=90)
    return rows


def one_table(n: int, signal_to_noise: float, seed: int, options: dict) -> dict:
    """Every pair's effect under each measure, and its effect / sd; which pairs are true."""
    X, y, points, truth = table(n, signal_to_noise, seed)
    found = measures(fitted(X, y, seed, options), points)
    return {
        "true": truth.labels,
        "effect": {name: one.effect for name, one in found.items()},
        "interval": {name: one.effect / one.std for name, one in found.items()},
    }


def judged(tables: list[dict], name: str, rule: str, n: int) -> dict:
    """AUC of one measure under one rule, and what its 95 % intervals decide."""
    true, values = pooled(tables, name, rule)
    alone = aucs(tables, name, rule)
    row = {
        "what": "area",
        "measure": name,
        "rule": rule,
        "rows": n,
        "S/N": SIGNAL_TO_NOISE,
        "tables": len(tables),
        "AUC": float(roc_auc_score(true.ravel(), values.ravel())),
        "AUC of a table": float(alone.mean()),
    }
    if name != "M-GEH":
        difference = aucs(tables, "M-GEH", rule) - alone
        row["M-GEH minus it"] = float(difference.mean())
        row["+-"] = float(standard_error(difference))
    if rule == "interval":
        flagged = values > norm.ppf((1 + LEVEL) / 2)
        found = flagged[true].reshape(len(tables), -1).mean(0)
        row |= {"FPR": float(flagged[~true].mean()), "FNR": float(1 - found.mean())}
        row |= dict(zip(PAIRS, found.tolist(), strict=True))
    return row


def pooled(tables: list[dict], name: str, rule: str) -> tuple[NDArray, NDArray]:
    """Labels and values of all tables' pairs, both (tables, P)."""
    return np.stack([t["true"] for t in tables]), np.stack([t[rule][name] for t in tables])


def aucs(tables: list[dict], name: str, rule: str) -> NDArray:
    return np.array([roc_auc_score(t["true"], t[rule][name]) for t in tables])


def curves(tables: list[dict], names: list[str]) -> list[dict]:
    """True positive rates at a grid of false positive rates."""
    rows = [{"what": "curve", "FPR": rate} for rate in GRID]
    for name, rule in product(names, RULES):
        true, values = pooled(tables, name, rule)
        fpr, tpr, _ = roc_curve(true.ravel(), values.ravel(), drop_intermediate=False)
        for row, rate in zip(rows, GRID, strict=True):
            row[f"{name}, {rule}"] = float(tpr[fpr <= rate].max())
    return rows


def draw(rows: list[dict], names: list[str]) -> Figure:
    figure = Figure(figsize=(9, 4), layout="constrained")
    axes = figure.subplots(1, len(RULES), sharey=True)
    points = [row for row in rows if row["what"] == "curve"]
    for ax, rule in zip(axes, RULES, strict=True):
        areas = [row for row in rows if row["what"] == "area" and row["rule"] == rule]
        for name, area in zip(names, areas, strict=True):
            line = ax.plot(
                [p["FPR"] for p in points],
                [p[f"{name}, {rule}"] for p in points],
                label=f"{name}, AUC {area['AUC']:.2f}",
            )
            if rule == "interval":
                ax.plot(area["FPR"], 1 - area["FNR"], "o", color=line[0].get_color())
        ax.plot([0, 1], [0, 1], color="0.8", zorder=0)
        ax.set(title=f"ranked by {'effect / sd' if rule == 'interval' else rule}")
        ax.set(xlabel="false positive rate")
        ax.legend(loc="lower right", frameon=False)
    axes[0].set_ylabel("true positive rate")
    return figure
