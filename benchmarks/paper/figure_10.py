"""Figure 10 (appendix 7): the largest M-GEH of permuted targets, and that of the target itself.

The null of table 1 has 200 refits of one network on permuted targets of each of three real tables,
with the paper's M, in standard units. The histogram also shows the effects of a refit on the target
itself: its three strongest pairs and the paper's top three.
"""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from benchmarks.paper.real_data import names, table
from benchmarks.paper.simulated import PAGES
from benchmarks.paper.table_1 import null_maxima, p_permute

BINS = 25


def run(quick: bool = False) -> list[dict]:
    rows = [row for name in names(quick) for row in one_table(name, quick)]
    picture = draw(rows, names(quick))
    if not quick:
        picture.savefig(PAGES / "figure_10.png", dpi=90)
    return rows


def one_table(name: str, quick: bool) -> list[dict]:
    data, (observed, maxima) = table(name), null_maxima(name, quick)
    row = {"what": "null", "data": name, "permutations": len(maxima)}
    row |= {"median": float(np.median(maxima)), "95 %": float(np.quantile(maxima, 0.95))}
    rows = [row | {"largest": float(maxima.max())}]
    counts, edges = np.histogram(maxima, np.geomspace(maxima.min(), maxima.max(), BINS + 1))
    for low, high, count in zip(edges, edges[1:], counts, strict=False):
        bin_ = {"from": float(low), "to": float(high), "count": int(count)}
        rows.append({"what": "bin", "data": name} | bin_)
    strongest = np.argsort(-observed)[:3].tolist()
    for place in dict.fromkeys([*strongest, *map(data.place, data.paper.top)]):
        whose = "strongest" if place in strongest else "the paper's"
        row = {"what": whose, "data": name, "pair": data.name(place)}
        row["M-GEH"] = float(observed[place])
        rows.append(row | {"P_permute": float(p_permute(observed[place], maxima))})
    return rows


def draw(rows: list[dict], tables: list[str]) -> Figure:
    figure = Figure(figsize=(4 * len(tables), 4.6), layout="constrained")
    for ax, name in zip(figure.subplots(1, len(tables), squeeze=False)[0], tables, strict=True):
        mine = [row for row in rows if row["data"] == name]
        bins = [row for row in mine if row["what"] == "bin"]
        edges = [*(row["from"] for row in bins), bins[-1]["to"]]
        ax.stairs([row["count"] for row in bins], edges, fill=True, color="0.6", label="permuted")
        lines = [row for row in mine if row["what"] in ("strongest", "the paper's")]
        for k, row in enumerate(lines):
            style = "-" if row["what"] == "strongest" else "--"
            ax.axvline(row["M-GEH"], ls=style, color=f"C{k}", label=row["pair"])
        ax.set(title=name, xlabel="M-GEH, standard units", xscale="log")
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.legend(fontsize="small", frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.18))
    figure.axes[0].set_ylabel("permutations")
    return figure
