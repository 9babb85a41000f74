"""Figure 2 and appendix 4: do posterior intervals cover the true interaction effects?

The simulation of section 5.1 has 20000 and 2000 rows, signal to noise 1 and 0.3, ten tables each
(seeds 5100 to 5109). The posteriors are the paper's, the same drawn from perturbed networks, and
the default estimator's. The true 11-GEH is that of the exact Hessians at the same 1000 new rows in
the same groups, in the same units. Coverage of 95 % intervals is that of M-GEH for the true pairs
and for the others, whose truth is 0, and that of the signed group means of the true pairs, groups
weighted by their points. Bias is the median over true pairs and tables of estimate / truth; for the
group means it is the slope of the estimates on the truth, through 0. Errors are standard errors
over the tables. The pairs of one table are kept for the picture.
"""

from itertools import product

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import norm

from benchmarks.paper.simulated import (
    LEVEL,
    N_GROUPS,
    PAGES,
    PUBLISHED,
    QUICK,
    ROWS,
    each,
    standard_error,
    table,
)
from skgeh import BayesianInteractionRegressor
from skgeh.geh.effect import group_expected_hessian
from skgeh.geh.partition import Partition

SIZES = (ROWS, 2000)
RATIOS = (1.0, 0.3)
POSTERIORS = {
    "as published": PUBLISHED,
    "perturbed networks": {"posterior": "concrete_dropout"},
    "default": {},
}
SEEDS = range(5100, 5110)
DRAWN = ("default", ROWS, 1.0)  # what the picture shows, of the first table
Z = norm.ppf((1 + LEVEL) / 2)


def run(quick: bool = False) -> list[dict]:
    cells, seeds, options = list(product(POSTERIORS, SIZES, RATIOS)), SEEDS, {}
    if quick:
        cells, seeds, options = list(product(POSTERIORS, [300], [1.0])), SEEDS[:2], QUICK
    settings = [(*cell, seed, options) for cell, seed in product(cells, seeds)]
    found = each(one_table, settings, quick)
    tables = {cell: found[k * len(seeds) :][: len(seeds)] for k, cell in enumerate(cells)}
    rows = [judged(*cell, tables[cell]) for cell in cells]
    rows += pairs_of(tables[cells[0] if quick else DRAWN][0])
    picture = draw(rows)
    if not quick:
        picture.savefig(PAGES / "figure_2.png", dpi=90)
    return rows


def one_table(posterior: str, n: int, signal_to_noise: float, seed: int, options: dict) -> dict:
    """Posterior moments of M-GEH and of the signed group means, and their true values."""
    X, y, points, truth = table(n, signal_to_noise, seed)
    options = POSTERIORS[posterior] | options
    model = BayesianInteractionRegressor(random_state=seed, **options).fit(X, y)
    found = model.interactions(points, n_groups=N_GROUPS)
    groups = Partition.kmeans((points - X.mean(0)) / X.std(0), N_GROUPS, model._seed)
    assert np.array_equal(groups.weights, found.group_weights)
    means = groups.mean(truth.hessian(points)) / found.unit_scale("original")
    return {
        "pairs": found.pairs,
        "true": truth.labels,
        "weights": groups.weights,
        "effect": found.effect,
        "effect sd": found.std,
        "true effect": group_expected_hessian(means, groups.weights),
        "mean": found.group_effects,
        "mean sd": found.group_std,
        "true mean": means,
    }


def covers(found: dict, what: str) -> NDArray[np.bool_]:
    return np.abs(found[what] - found[f"true {what}"]) <= Z * found[f"{what} sd"]


def judged(posterior: str, n: int, signal_to_noise: float, tables: list[dict]) -> dict:
    """Coverage and bias in one cell, with standard errors over its tables."""
    row = {
        "what": "coverage",
        "posterior": posterior,
        "rows": n,
        "S/N": signal_to_noise,
        "tables": len(tables),
    }
    coverage = {
        "true pairs": [covers(t, "effect")[t["true"]].mean() for t in tables],
        "other pairs": [covers(t, "effect")[~t["true"]].mean() for t in tables],
        "group means": [t["weights"] @ covers(t, "mean")[:, t["true"]].mean(1) for t in tables],
    }
    for name, values in coverage.items():
        row[name] = float(np.mean(values))
        row[f"{name} +-"] = float(standard_error(np.array(values)))
    ratios = [t["effect"][t["true"]] / t["true effect"][t["true"]] for t in tables]
    row["median estimate / truth"] = float(np.median(ratios))
    row["slope, group means"] = float(slope(tables))
    return row


def slope(tables: list[dict]) -> float:
    """Least squares of the true pairs' group means on their true values, weighted by points."""

    def moment(found: dict, what: str) -> float:
        products = found[what] * found["true mean"]
        return found["weights"] @ products[:, found["true"]].sum(1)

    return sum(moment(t, "mean") for t in tables) / sum(moment(t, "true mean") for t in tables)


def pairs_of(found: dict) -> list[dict]:
    """Every pair of one table, true ones first, by their true effects."""
    order = np.lexsort((-found["effect"], -found["true effect"]))
    return [
        {
            "what": "pair",
            "pair": "x{} x{}".format(*(found["pairs"][k] + 1)),
            "effect": float(found["effect"][k]),
            "low": float(found["effect"][k] - Z * found["effect sd"][k]),
            "high": float(found["effect"][k] + Z * found["effect sd"][k]),
            "truth": float(found["true effect"][k]),
        }
        for k in order
    ]


def draw(rows: list[dict]) -> Figure:
    pairs = [row for row in rows if row["what"] == "pair"]
    name, effect, low, high, truth = (
        [row[column] for row in pairs] for column in ("pair", "effect", "low", "high", "truth")
    )
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    ax = figure.subplots()
    ax.vlines(name, low, high, color="C0", linewidth=5, alpha=0.5, label="95 % interval")
    ax.plot(name, effect, "k.", label="posterior mean")
    ax.plot(name, truth, "rx", label="truth")
    ax.axhline(0, color="0.8", zorder=0)
    ax.tick_params(axis="x", rotation=90)
    ax.set_ylabel(f"{N_GROUPS}-GEH, standard units")
    ax.legend(frameon=False)
    return figure
