"""What every picture shares: its settings, its colours, its words and its rows."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skgeh.geh.interactions import Interactions

if TYPE_CHECKING:  # matplotlib is optional
    from matplotlib.axes import Axes

WIDTH = 6.4  # inches: 80 columns of a page
FONT = 11.0  # points; on a screen of 390 pixels, a picture of that width has letters of 7 points
LETTER = 0.092  # inches, of a letter of that size on average
LINE = 0.2  # inches
LABELS = {"effect": "M-GEH, standard units", "score": "detection score, no unit"}
POSITIVE, NEGATIVE, MIXED, UNSIGNED, TRUTH = "#b2182b", "#2166ac", "#e08214", "0.35", "#e31a1c"
SIGN_COLOURS = {"+": POSITIVE, "-": NEGATIVE, "mixed": MIXED, "": UNSIGNED}
SIGN_WORDS = {"+": "synergistic (+)", "-": "antagonistic (\u2212)", "mixed": "mixed signs",
              "": "no sign"}  # fmt: skip
LONGEST_NAME = 22  # characters
_ONE_LINE = 24  # characters of the name of a pair


@dataclass(frozen=True, eq=False)
class Picture:
    """What is drawn; see `InteractionDisplay`.

    Parameters
    ----------
    found : Interactions
    values : {"effect", "score"}
    k : int
    level : float
    truth : ndarray of shape (P,), optional
    max_features : int
    pair : tuple of two features, optional
    """

    found: Interactions
    values: str = "effect"
    k: int = 15
    level: float = 0.95
    truth: NDArray[np.float64] | None = None
    max_features: int = 40
    pair: Any = None

    @property
    def top(self) -> NDArray[np.intp]:
        """Places of the first k pairs."""
        return self.found.order[: self.k]

    @property
    def features(self) -> NDArray[np.intp]:
        """Features in table order: all, or those of the first pairs up to the limit."""
        n_features = len(self.found.feature_names)
        if n_features <= self.max_features:
            return np.arange(n_features)
        ranked = self.found.pairs[self.found.order].ravel()
        first = np.unique(ranked, return_index=True)[1]
        return np.sort(ranked[np.sort(first)[: self.max_features]])

    @property
    def shown(self) -> NDArray[np.float64]:
        """The number of every pair, as the table has it, shape (P,)."""
        decided = self.found.decisions
        if self.values == "score":
            return self.found.score
        return self.found.effect if decided is None else decided.effect

    @cached_property
    def names(self) -> list[str]:
        """Names of all features; long ones are shortened, and numbered if they become the same."""
        found = [short(name) for name in self.found.feature_names]
        often = Counter(found)
        return [
            name if often[name] == 1 else f"{short(name, LONGEST_NAME - 5)} #{j}"
            for j, name in enumerate(found)
        ]

    @property
    def pair_names(self) -> list[str]:
        """Names of the first k pairs, on two lines if they are long."""
        found = []
        for i, j in self.found.pairs[self.top].tolist():
            a, b = self.names[i], self.names[j]
            between = "\n" if len(a) + len(b) + 3 > _ONE_LINE else " "
            found.append(f"{a} \u00d7{between}{b}")
        return found

    def height_of_rows(self, least: float) -> float:
        """Height of a picture with a row for each of the first k pairs."""
        lines = sum(max(least, LINE * (1 + name.count("\n")) + 0.06) for name in self.pair_names)
        return max(2.6, 1.6 + lines)

    def label_rows(self, ax: "Axes") -> None:
        """Label the rows with the names of the pairs, the first at the top."""
        names, found = self.pair_names, self.found
        ax.set_yticks(range(len(names)), names, parse_math=False)
        ax.set_ylim(len(names) - 0.5, -0.5)
        by = "by score" if found.decisions is None else "significant first, then by score"
        untested = 0 if found.tested is None else int((~found.tested).sum())
        left = f" ({untested} were not tested)" if untested else ""
        title = f"{len(names)} of {len(found.pairs)} pairs{left},\n{by}"
        ax.set_title(title, fontsize="medium", loc="left")
        for row in range(1, len(names), 2):
            ax.axhspan(row - 0.5, row + 0.5, color="0.96", lw=0, zorder=0)
        ax.axvline(0, color="0.4", lw=0.8, zorder=1)
        ax.tick_params(axis="y", length=0)
        ax.locator_params(axis="x", nbins=6)
        ax.spines[["left", "top", "right"]].set_visible(False)


def room_of(ax: "Axes") -> float:
    """Width in inches that axes have: that of a figure which they fill alone."""
    figure: Any = ax.figure
    inches = figure.bbox.width / figure.dpi
    if len(figure.axes) == 1:
        return inches - 0.25
    return 0.95 * ax.get_position().width * inches


def legend_below(ax: "Axes", points: float, **options: Any) -> None:
    """Put the legend so many points below the axes."""
    from matplotlib.transforms import offset_copy

    figure: Any = ax.figure
    below = offset_copy(ax.transAxes, figure, 0, -points, units="points")
    ax.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, 0),
        bbox_transform=below,
        ncols=2,
        frameon=False,
        borderaxespad=0,
        **options,
    )


def short(name: str, most: int = LONGEST_NAME) -> str:
    """Shorten a long name by leaving out its middle.

    Examples
    --------
    >>> short("population_per_household_in_the_block")
    'population\u2026_the_block'
    """
    half = most // 2
    return name if len(name) <= most else name[: half - 1] + "\u2026" + name[-half + 1 :]


def text_width(text: str) -> float:
    """Width of a text in inches, at the size of labels."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    if not text.strip():
        return 0.0
    plain = text.replace("$", "S")  # which would begin a formula
    return float(TextPath((0, 0), plain, prop=FontProperties(size=FONT)).get_extents().width) / 72
