"""How one pair acts: its interaction over the values of both features."""

from dataclasses import dataclass
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from skgeh.display._picture import LINE, Picture, legend_below, short
from skgeh.display._sides import Side
from skgeh.geh.components import Components

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NEAR = 0.06  # part of an axis within which a row supports a value
_SAMPLE = 400  # rows that are drawn
_MOST_LINES = 6  # levels that are drawn as lines; more are rows of cells
_MOST_TEXTS = 6, 12  # columns and rows of cells with numbers in them
# Okabe and Ito's colours, which the colour-blind can tell apart
_LINES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_STYLES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)))
_LETTERS = 36  # of all names of levels side by side
_LONGEST = 40  # characters of a name along a side
_NO_ROWS = "0.86"


@dataclass(frozen=True, eq=False)
class Surface:
    """The interaction of a pair on a grid.

    Parameters
    ----------
    x, y : Side
    values : ndarray of shape (ky, kx)
    low, high : ndarray of shape (ky, kx), optional
        Ends of a pointwise band.
    supported : ndarray of bool of shape (ky, kx)
        Where there are rows nearby.
    rows : ndarray of shape (n, 2)
        Places of the rows on both axes.
    n_missing : int
        Rows with a missing value, which have no place.
    unit_name : str
    """

    x: Side
    y: Side
    values: NDArray[np.float64]
    low: NDArray[np.float64] | None
    high: NDArray[np.float64] | None
    supported: NDArray[np.bool_]
    rows: NDArray[np.float64]
    n_missing: int
    unit_name: str

    @classmethod
    def of(cls, picture: Picture) -> "Surface":
        """The surface of the pair that is asked for, by default of the first one."""
        found = picture.found
        named = found.pairs[found.order[0]] if picture.pair is None else picture.pair
        if np.size(named) != 2:
            raise ValueError(f"pair must be two names or indices of features; got {named!r}.")
        components, pair = found.component(*(_plain(one) for one in named))
        return cls._of(components, pair, picture.level)

    @classmethod
    def _of(cls, components: Components, pair: tuple[int, int], level: float) -> "Surface":
        """See `of`."""
        seen = np.column_stack(components.rows(pair))
        whole = np.isfinite(seen).all(1)
        features = [components.features[f] for f in pair]
        sides = [Side.of(one, seen[whole, k]) for k, one in enumerate(features)]
        turned = sides[1].rank < sides[0].rank
        x, y = sides[::-1] if turned else sides
        right, up = np.meshgrid(x.values, y.values)
        ends = (up.ravel(), right.ravel()) if turned else (right.ravel(), up.ravel())
        parts = components.surface(pair, *ends, level)
        values, low, high = (None if one is None else one.reshape(right.shape) for one in parts)
        assert values is not None
        seen = seen[whole][:, ::-1] if turned else seen[whole]
        rows = np.column_stack([x.placed(seen[:, 0]), y.placed(seen[:, 1])])
        places = np.meshgrid(x.unit(x.places), y.unit(y.places))
        tree = cKDTree(np.column_stack([x.unit(rows[:, 0]), y.unit(rows[:, 1])]))
        near, _ = tree.query(np.column_stack([one.ravel() for one in places]))
        supported = (near <= _NEAR).reshape(right.shape)
        missing = int((~whole).sum())
        return cls(x, y, values, low, high, supported, rows, missing, components.unit_name)

    @property
    def is_lines(self) -> bool:
        """Whether few levels each have a line."""
        return self.x.is_long and not self.y.is_number and len(self.y.values) <= _MOST_LINES

    @property
    def is_table(self) -> bool:
        """Whether few levels meet few levels, so that cells have numbers."""
        few = len(self.x.values) <= _MOST_TEXTS[0] and len(self.y.values) <= _MOST_TEXTS[1]
        return not self.x.is_number and not self.y.is_number and few

    @property
    def away(self) -> NDArray[np.bool_]:
        """Where the pointwise band excludes 0 and there are rows."""
        if self.low is None or self.high is None:
            return np.zeros(self.values.shape, dtype=bool)
        return ((self.low > 0) | (self.high < 0)) & self.supported

    @property
    def sample(self) -> NDArray[np.float64]:
        """Some of the rows that are inside the axes."""
        inside = np.ones(len(self.rows), dtype=bool)
        for side, at in ((self.x, self.rows[:, 0]), (self.y, self.rows[:, 1])):
            inside &= (at >= side.edges[0]) & (at <= side.edges[-1])
        rows = self.rows[inside]
        some = np.random.default_rng(0).permutation(len(rows))[:_SAMPLE]
        return rows[np.sort(some)]

    @property
    def counts(self) -> NDArray[np.intp]:
        """Rows at every place of two sides of levels."""
        found = np.zeros(self.values.shape, dtype=np.intp)
        np.add.at(found, (self.rows[:, 1].astype(int), self.rows[:, 0].astype(int)), 1)
        return found


def surface_height(picture: Picture) -> float:
    """Height of a figure of the usual width, in inches."""
    surface = Surface.of(picture)
    if surface.y.is_number or surface.is_lines:
        return 4.8
    row = 2 * LINE + 0.15 if surface.is_table else 0.28
    return 2.0 + row * len(surface.y.values)


def draw_surface(picture: Picture, ax: "Axes") -> None:
    """Draw lines for few levels, else colours; see `Surface`."""
    surface, level = Surface.of(picture), f"{100 * picture.level:g} %"
    ax.set_xlabel(short(surface.x.name, _LONGEST), parse_math=False)
    notes = _draw_lines(surface, ax, level) if surface.is_lines else _draw(surface, ax, level)
    if surface.low is None:
        notes.append("others at their medians; no interval")
    if surface.n_missing:
        notes.append(f"{surface.n_missing} rows with a missing value are not shown")
    narrow = surface.y.labels is not None and not surface.is_lines
    lines = [fill(one, 36 if narrow else 52) for one in notes if one]
    ax.set_title("\n".join(lines), fontsize="medium", loc="left")
    if not surface.y.is_number and not surface.is_lines:
        ax.set_yticks(surface.y.places, list(surface.y.labels or ()), parse_math=False)
        ax.tick_params(axis="y", length=0)
    if surface.x.labels is not None:
        _label_levels(surface.x, ax)


def _label_levels(side: Side, ax: "Axes") -> None:
    """Name levels to the right: only some of many that have an order, turned ones of others."""
    labels = list(side.labels or ())
    crowd = sum(len(label) + 1 for label in labels) / _LETTERS
    step = int(np.ceil(crowd)) if side.is_long else 1
    ax.set_xticks(side.places[::step], labels[::step], parse_math=False)
    if crowd > 1 and step == 1:
        ax.tick_params(axis="x", rotation=35)
        for label in ax.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor")


def _draw(surface: Surface, ax: "Axes", level: str) -> list[str]:
    """Draw colours; a line encloses where the band excludes 0. Return what is to be said."""
    x, y = surface.x, surface.y
    shown = np.where(surface.supported, surface.values, np.nan)
    most = float(np.nanmax(np.abs(shown), initial=0)) or 1.0
    mesh = ax.pcolormesh(
        x.edges, y.edges, shown, cmap="RdBu_r", vmin=-most, vmax=most, shading="flat"
    )
    mesh.set_rasterized(True)
    bar = ax.figure.colorbar(mesh, ax=ax, pad=0.02, aspect=30)
    bar.set_label(f"contribution, {surface.unit_name}")
    ax.set_facecolor(_NO_ROWS)
    ax.set_ylabel(short(y.name, _LONGEST), parse_math=False)
    if not y.is_number:
        ax.invert_yaxis()  # the first level at the top
    excluded = f"the pointwise {level} interval excludes 0"
    if surface.is_table:
        _write(surface, shown, mesh)
        star = [] if surface.low is None else [f"*: {excluded}"]
        return [*star, "n: rows; grey: no rows"]
    notes = []
    if surface.low is not None:
        _enclose(surface, ax)
        notes.append(f"outlined: {excluded}")
    rows = surface.sample
    noise = np.random.default_rng(1).uniform(-0.3, 0.3, rows.shape)
    at = rows + noise * [not x.is_number, not y.is_number]
    ax.plot(at[:, 0], at[:, 1], "o", ms=2, color="black", alpha=0.35, mew=0, zorder=3)
    notes.append("dots: rows" + ("" if surface.supported.all() else "; grey: no rows nearby"))
    return notes


def _enclose(surface: Surface, ax: "Axes") -> None:
    """Draw lines around the cells at which the band excludes 0, for each level alone."""
    from matplotlib.collections import LineCollection

    right, up = surface.x.edges, surface.y.edges
    away = np.pad(surface.away, ((0, 0), (1, 1)))
    above = np.pad(surface.away, ((1, 1), (0, 0)))
    gap = 0.0 if surface.y.is_number else 0.04
    lines = [
        ((right[e], up[r] + gap), (right[e], up[r + 1] - gap))
        for r, e in np.argwhere(away[:, 1:] != away[:, :-1])
    ]
    if surface.y.is_number:
        lines += [
            ((right[c], up[e]), (right[c + 1], up[e]))
            for e, c in np.argwhere(above[1:] != above[:-1])
        ]
    else:
        ends = [
            (r, c, at)
            for r, c in np.argwhere(surface.away)
            for at in (up[r] + gap, up[r + 1] - gap)
        ]
        lines += [((right[c], at), (right[c + 1], at)) for r, c, at in ends]
    limits = ax.get_xlim(), ax.get_ylim()
    ax.add_collection(LineCollection(lines, colors="black", linewidths=1.3, zorder=4))
    ax.set(xlim=limits[0], ylim=limits[1])


def _write(surface: Surface, shown: NDArray, mesh: Any) -> None:
    """Write the value and the number of rows into every cell."""
    counts = surface.counts
    largest = np.nanmax(np.abs(shown), initial=0)
    decimals = int(np.clip(1 - np.floor(np.log10(largest or 1)), 0, 4))
    for i, j in np.ndindex(shown.shape):
        if not np.isfinite(shown[i, j]):
            continue
        light = sum(mesh.cmap(mesh.norm(shown[i, j]))[:3]) > 1.5
        star = "*" if surface.away[i, j] else ""
        text = f"{shown[i, j]:+.{decimals}f}{star}\nn = {counts[i, j]}"
        colour = "black" if light else "white"
        mesh.axes.text(j, i, text.replace("-", "\u2212"), ha="center", va="center", color=colour)


def _draw_lines(surface: Surface, ax: "Axes", level: str) -> list[str]:
    """Draw a line with a band for each level, and ticks where its rows are."""
    x, rows = surface.x.places, surface.sample
    assert surface.y.labels is not None
    ax.axhline(0, color="0.4", lw=0.8, zorder=1)
    ax.set_xlim(x[0], x[-1])
    for k, label in enumerate(surface.y.labels):
        there = surface.supported[k]
        colour, count = _LINES[k], int((surface.rows[:, 1] == k).sum())
        values = np.where(there, surface.values[k], np.nan)
        style: dict[str, Any] = {"color": colour, "ls": _STYLES[k], "lw": 2}
        style["marker"] = "" if surface.x.is_number else "o"
        ax.plot(x, values, ms=4, label=f"{label}, {count} rows", **style)
        if surface.low is not None and surface.high is not None:
            band: dict[str, Any] = {"color": colour, "alpha": 0.18, "lw": 0}
            ax.fill_between(x, surface.low[k], surface.high[k], where=there.tolist(), **band)
        if not surface.x.is_number:
            continue
        own = rows[rows[:, 1] == k, 0]
        height = 0.02 + 0.025 * k
        ticks: dict[str, Any] = {"transform": ax.get_xaxis_transform(), "color": colour}
        ax.plot(own, np.full(len(own), height), "|", ms=5, mew=0.7, alpha=0.6, **ticks)
    if surface.x.is_number:  # room for the ticks
        low, high = ax.get_ylim()
        ax.set_ylim(low - (0.05 + 0.025 * len(surface.y.values)) * (high - low), high)
    ax.set_ylabel(f"contribution, {surface.unit_name}")
    ax.spines[["top", "right"]].set_visible(False)
    legend_below(ax, 44, title=short(surface.y.name, _LONGEST))
    band_note = [] if surface.low is None else [f"band: pointwise {level} interval"]
    return ["; ".join([*band_note, *(["ticks: rows"] if surface.x.is_number else [])])]


def _plain(name: Any) -> Any:
    """A feature's name or index, as Python's own int where it is a whole number."""
    return int(name) if isinstance(name, np.integer) else name
