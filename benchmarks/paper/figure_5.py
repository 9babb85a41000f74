"""Figure 5: ranks of an interaction added to the target of a real table, by form and strength.

Each of three tables gets a product, an exponential or a quotient of two features named by the paper
(rooms and households, temperature and wind speed, orientation and glazing area), one at a time. The
figure's exact forms are not in the paper's text. Features are scaled to lie between 0.5 and 1.5, as
in the authors' demonstration. The strength is the standard deviation of the added term over that of
the target: 0 (nothing is added, once), 0.3 and 1. "Pure" is the part of the term's standard
deviation that splines of the two features alone leave over. There are two random splits and seeds
(6100, 6101); ranks are medians among all pairs, 1 the highest. AEH (one group, the paper's choice
here) and M-GEH are ranked in standard units and in units of ranges, which the paper's networks
have. The score and NID come from the same networks. SHAP and the lasso with the paper's penalty see
the same rows. At the end: in how many of the nine panels the median rank is 1.
"""

from collections.abc import Callable
from itertools import product

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from numpy.typing import NDArray
from scipy.stats import rankdata

from benchmarks.paper.real_data import Table, names, table
from benchmarks.paper.simulated import PAGES, each
from benchmarks.rivals import PAPER_ALPHA, lasso, nid_of, shap_lightgbm
from skgeh.significance._nuisance import main_effect_basis

FORMS: dict[str, Callable[[NDArray, NDArray], NDArray]] = {
    "x y": lambda x, y: x * y,
    "exp(x y)": lambda x, y: np.exp(x * y),
    "x / y": lambda x, y: x / y,
}
STRENGTHS = (0.3, 1.0)
SEEDS = range(6100, 6102)
DRAWS = 100
TICKS = [1, 2, 3, 5, 10, 20, 50]
EFFECTS = ("AEH", "M-GEH")
METHODS = (*EFFECTS, *(f"{name}, range units" for name in EFFECTS), "score", "NID", "SHAP", "lasso")


def run(quick: bool = False) -> list[dict]:
    strengths, seeds = (STRENGTHS[-1:], SEEDS[:1]) if quick else (STRENGTHS, SEEDS)
    cells = [("x y", 0.0), *product(FORMS, strengths)]
    rows = []
    for name in names(quick):
        settings = [(name, *cell, seed) for cell, seed in product(cells, seeds)]
        found = each(injected_ranks, settings, quick)
        for k, cell in enumerate(cells):
            rows.append(medians(name, *cell, found[k * len(seeds) :][: len(seeds)]))
    picture = draw(rows, names(quick))
    if not quick:
        picture.savefig(PAGES / "figure_5.png", dpi=90)
    return rows + [first_places(rows, strength) for strength in strengths]


def injected_ranks(name: str, form: str, strength: float, seed: int) -> dict[str, float]:
    """Rank of the injected pair by every method."""
    data = table(name)
    rows, _ = data.split(seed)
    term = injected(data, form)
    y = data.y + strength * data.y.std() / term.std() * term
    scores = all_scores(data, data.X[rows], y[rows], seed)
    place = data.place(data.paper.injected)
    return {method: float(rankdata(-scores[method])[place]) for method in METHODS}


def injected(data: Table, form: str) -> NDArray:
    """The term at every row."""
    values = data.X[:, between(data)]
    x, y = 0.5 + (values - values.min(0)).T / np.ptp(values, axis=0)[:, None]
    return FORMS[form](x, y)


def between(data: Table) -> list[int]:
    """The two features, in the order that a quotient takes them."""
    return [data.features.index(feature) for feature in data.paper.injected]


def pure_share(data: Table, form: str) -> float:
    """Share of the term's standard deviation that smooth main effects of both features leave."""
    term, basis = injected(data, form), main_effect_basis(data.X[:, between(data)])
    return float((term - basis @ (basis.T @ term)).std() / term.std())


def all_scores(data: Table, X: NDArray, y: NDArray, seed: int) -> dict[str, NDArray]:
    """Scores of all pairs by every method."""
    model = data.estimator(seed, n_draws=DRAWS).fit(X, y)
    found = model.interactions_
    scores = {
        "AEH": model.interactions(n_groups=1).effect,
        "M-GEH": found.effect,
        "score": found.score,
        "NID": nid_of(model.posterior_.members()),
        "SHAP": shap_lightgbm(X, y, seed),
        "lasso": lasso(PAPER_ALPHA)(X, y, seed),
    }
    return scores | {f"{name}, range units": scores[name] * data.range_units for name in EFFECTS}


def medians(name: str, form: str, strength: float, found: list[dict]) -> dict:
    row = {"what": "ranks", "data": name, "form": form, "strength": strength}
    row |= {"pure": pure_share(table(name), form), "pairs": len(table(name).pairs)}
    return row | {method: float(np.median([one[method] for one in found])) for method in METHODS}


def first_places(rows: list[dict], strength: float) -> dict:
    """In how many panels each method ranks the injected pair first."""
    panels = [row for row in rows if row["strength"] == strength]
    firsts = {method: sum(row[method] == 1 for row in panels) for method in METHODS}
    return {"what": "first places", "strength": strength, "panels": len(panels)} | firsts


def draw(rows: list[dict], tables: list[str]) -> Figure:
    figure = Figure(figsize=(3.6 * len(tables), 8.5), layout="constrained")
    axes = figure.subplots(len(FORMS), len(tables), squeeze=False, sharex=True)
    for (form, name), ax in zip(product(FORMS, tables), axes.ravel(), strict=True):
        panel = [row for row in rows if row["data"] == name and row["form"] == form]
        panel = [row for row in panel if row["strength"]]
        for k, method in enumerate(METHODS):
            ours = method in (*EFFECTS, *(f"{one}, range units" for one in EFFECTS), "score")
            ax.plot(
                [row["strength"] for row in panel],
                [row[method] for row in panel],
                f"C{k}{'-' if ours else '--'}",
                marker="o",
                ms=3,
                label=method,
            )
        ax.set(title=f"{name}: {form}", xscale="log", yscale="log")
        ax.set_yticks(TICKS, TICKS)
        ax.set_ylim(1.1 * len(table(name).pairs), 0.9)
        ax.yaxis.set_minor_locator(NullLocator())
    for ax in axes[:, 0]:
        ax.set_ylabel("rank of the added pair")
    for ax in axes[-1]:
        ax.set_xlabel("strength")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure
