"""Figure 1: ranks of the seven true pairs of the simulation, against signal to noise.

There are 20000 rows and four tables at each ratio (seeds 5000 to 5003, the same features at every
ratio). Rank 1 is the strongest of 28 pairs, ties share their mean rank, and the best possible mean
is 4. One fit with the paper's posterior gives M-GEH (11 groups), AEH, EAH (150 points), the
detection score and NID, on the mean networks. The default estimator is ranked by its score. On the
same rows run SHAP interaction values of XGBoost (learning rate 0.01), the lasso of all products
(penalty 5e-4) and the oracle, which knows the true forms. Differences of mean ranks are paired by
table, with standard errors over the tables; below zero is better.
"""

from itertools import product

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import rankdata

from benchmarks.paper.simulated import (
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
from benchmarks.rivals import PAPER_ALPHA, RIVALS, lasso, nid_of
from skgeh import BayesianInteractionRegressor
from skgeh.datasets.simulation import _PURE_VARIANCES

RATIOS = (0.03, 0.1, 0.3, 1.0)
SEEDS = range(5000, 5004)
RIVAL = {
    "SHAP": RIVALS["SHAP, XGBoost"],
    "lasso": lasso(PAPER_ALPHA),
    "oracle": RIVALS["oracle"],
}
FITS = ("paper's posterior", "default", *RIVAL)
BESIDE = ("SHAP", "oracle")  # what all are compared with
BEST = 4.0  # mean of the ranks 1 to 7
FORMS = (
    "$x_1^2 x_2$",
    "$x_2^2 x_3$",
    "$x_4 / x_3$",
    r"$\sin 3.3 (x_4 + x_5)$",
    r"$\exp(x_5 x_6)$",
    r"$x_6 \cos 2 \pi x_7$",
    "$x_7 x_8$",
)


def run(quick: bool = False) -> list[dict]:
    n, ratios, seeds, options = ROWS, RATIOS, SEEDS, {}
    if quick:
        n, ratios, seeds, options = 300, RATIOS[-1:], SEEDS[:2], QUICK
    settings = list(product(FITS, [n], ratios, seeds, [options]))
    ranks = {ratio: {} for ratio in ratios}
    for (_, _, ratio, *_), found in zip(settings, each(one_fit, settings, quick), strict=True):
        for method, of_table in found.items():
            ranks[ratio].setdefault(method, []).append(of_table)
    rows = [row for ratio in ratios for row in compared(n, ratio, ranks[ratio])]
    picture = draw(rows)
    if not quick:
        picture.savefig(PAGES / "figure_1.png", dpi=90)
    return rows


def one_fit(fit: str, n: int, signal_to_noise: float, seed: int, options: dict) -> dict:
    """Ranks of the true pairs, by every measure of one fit."""
    X, y, points, truth = table(n, signal_to_noise, seed)
    if fit in RIVAL:
        strengths = {fit: RIVAL[fit](X, y, seed)}
    elif fit == "default":
        model = BayesianInteractionRegressor(random_state=seed, **options).fit(X, y)
        strengths = {"default, score": model.interactions_.score}
    else:
        strengths = of_networks(fitted(X, y, seed, options), points)
    return {name: rankdata(-values)[truth.labels] for name, values in strengths.items()}


def of_networks(model: BayesianInteractionRegressor, points: NDArray) -> dict[str, NDArray]:
    found = measures(model, points)
    effects = {name: found[name].effect for name in ("M-GEH", "AEH", "EAH")}
    networks = model.posterior_.members()
    return effects | {"score": found["M-GEH"].score, "NID": nid_of(networks)}


def compared(n: int, ratio: float, ranks: dict[str, list[NDArray]]) -> list[dict]:
    """One row per method: ranks of the pairs, their mean, and paired differences of means."""
    means = {method: np.mean(values, axis=1) for method, values in ranks.items()}
    rows = []
    for method, mean in means.items():
        row = {
            "S/N": ratio,
            "method": method,
            "rows": n,
            "tables": len(mean),
            "mean rank": float(mean.mean()),
            "mean rank +-": float(standard_error(mean)),
        }
        for other in BESIDE:
            if other != method:
                difference = mean - means[other]
                row[f"minus {other}"] = float(difference.mean())
                row[f"minus {other} +-"] = float(standard_error(difference))
        rows.append(row | dict(zip(PAIRS, np.mean(ranks[method], axis=0).tolist(), strict=True)))
    return rows


def draw(rows: list[dict]) -> Figure:
    """The mean over the pairs, then the pairs, those of the largest variance first."""
    figure = Figure(figsize=(11, 5.4), layout="constrained")
    panels = figure.subplots(2, 4, sharex=True, sharey=True).ravel()
    order = np.argsort(-_PURE_VARIANCES, kind="stable")
    titles = {"mean rank": "mean"} | {PAIRS[k]: f"{PAIRS[k]}: {FORMS[k]}" for k in order}
    for ax, (column, title) in zip(panels, titles.items(), strict=True):
        for method in dict.fromkeys(row["method"] for row in rows):
            points = [(row["S/N"], row[column]) for row in rows if row["method"] == method]
            style = "k--" if method == "oracle" else ".-"
            ax.plot(*zip(*points, strict=True), style, label=method)
        ax.set(title=title, xscale="log")
    panels[0].axhline(BEST, color="0.8", zorder=0)
    panels[0].invert_yaxis()
    figure.supxlabel("signal to noise")
    figure.supylabel("rank")
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside right upper", frameon=False)
    return figure
