"""Effects of the first pairs with their intervals."""

from typing import TYPE_CHECKING, Any

import numpy as np

from skgeh.display._picture import LABELS, NEGATIVE, TRUTH, Picture, legend_below

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIGNS = {"+": "+", "-": "\u2212", "mixed": "\u00b1"}


def forest_height(picture: Picture) -> float:
    """Height of a figure of the usual width, in inches."""
    return picture.height_of_rows(0.3) + 0.5


def draw_forest(picture: Picture, ax: "Axes") -> None:
    """Draw effects of pairs; those of significant ones are filled and have their sign beside."""
    found, top, level = picture.found, picture.top, f"{100 * picture.level:g} %"
    decided = found.decisions
    low, high = found.interval(picture.level)[top].T
    effect = found.effect[top]
    if decided is not None:  # inside the interval at any level
        effect = np.clip(decided.effect[top], low, high)
    rows, shown = np.arange(len(top)), np.isfinite(low)
    if decided is None:
        parts = [(shown, NEGATIVE, f"mean and {level} posterior interval")]
    else:
        real = found.significant[top]
        parts = [
            (shown & real, NEGATIVE, f"significant, {level} interval"),
            (shown & ~real, "white", "not significant"),
        ]
    for some, fill, name in parts:
        bars = np.stack([effect - low, high - effect])[:, some]
        style: dict[str, Any] = {"fmt": "o", "ms": 5.5, "lw": 1.4, "color": NEGATIVE}
        if some.any():
            ax.errorbar(effect[some], rows[some], xerr=bars, mfc=fill, label=name, **style)
    for row in rows[~shown]:
        ax.annotate("not tested", (0, row), (4, 0), textcoords="offset points", va="center")
    if picture.truth is not None:
        ax.errorbar(picture.truth[top], rows, fmt="x", color=TRUTH, label="truth", zorder=4)
    signs = None if decided is None or len(decided.effects) > 1 else found.sign
    for row, sign in enumerate([] if signs is None else signs[top]):
        beside: dict[str, Any] = {"textcoords": "offset points", "va": "center", "weight": "bold"}
        beside["xycoords"] = "axes fraction", "data"
        if sign:
            ax.annotate(_SIGNS[sign], (1, row), (4, 0), **beside)
    ax.set_xlabel(LABELS["effect"] + (", and its sign at the right" if signs is not None else ""))
    picture.label_rows(ax)
    legend_below(ax, 46)
