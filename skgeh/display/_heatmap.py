"""Every pair of features as a cell, coloured by how significant it is."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skgeh.display._picture import FONT, LABELS, TRUTH, Picture, room_of, text_width
from skgeh.geh.pairs import to_matrix

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Classes of p_fdr; colours from light to dark, which the colour-blind can tell apart
_LIMITS = (0.05, 0.01, 0.001, 1e-6)
_COLOURS = ("#f3f3ee", "#c7e9b4", "#41b6c4", "#2c7fb8", "#253494")
_CLASSES = (
    "not significant", "p_fdr \u2264 0.05", "p_fdr \u2264 0.01", "p_fdr \u2264 0.001",
    "p_fdr \u2264 1e-6",
)  # fmt: skip
_CELLS_WITH_NUMBERS = 12  # features; with more, the numbers no longer fit
_WIDEST = 0.95  # inches of a cell


def heatmap_height(picture: Picture) -> float:
    """Height of a figure of the usual width, in inches."""
    d = len(picture.features)
    return 1.6 + d * (0.36 if d <= _CELLS_WITH_NUMBERS else 0.17)


def draw_heatmap(picture: Picture, ax: "Axes") -> None:
    """Draw the lower triangle; the name of a feature is where its row and its column meet."""
    chosen, found = picture.features, picture.found
    d, decided = len(chosen), found.decisions
    numbers = _lower(picture.shown, picture)
    if decided is None:
        image = ax.imshow(numbers, cmap="YlGnBu", vmin=min(0.0, np.nanmin(numbers)), aspect="auto")
    else:
        image = _draw_classes(picture, ax)
    _label_features(picture, ax)
    if decided is None:
        bar: dict[str, Any] = {"location": "top", "pad": 0.02, "aspect": 40}
        ax.figure.colorbar(image, ax=ax, label=LABELS[picture.values], **bar)
    if d <= _CELLS_WITH_NUMBERS:
        _write_numbers(image, numbers)
    notes = []
    if decided is not None and d <= _CELLS_WITH_NUMBERS:
        notes.append(f"numbers: {picture.values}, {LABELS[picture.values]}")
    if picture.truth is not None:
        real = np.argwhere(np.nan_to_num(_lower(picture.truth, picture)) != 0)
        style: dict[str, Any] = {"marker": "o", "ls": "", "mfc": "none", "mec": TRUTH, "ms": 5}
        ax.plot(real[:, 1] + 0.36, real[:, 0] - 0.3, **style)
        notes.append("red circles: true pairs")
    if d < len(found.feature_names):
        notes.append(f"{d} of {len(found.feature_names)} features, those of the first pairs")
    ax.set_xlabel("\n".join(notes))


def _lower(values: NDArray, picture: Picture) -> NDArray[np.float64]:
    """Values of pairs as a lower triangle of the chosen features; NaN elsewhere."""
    n, chosen = len(picture.found.feature_names), picture.features
    matrix = to_matrix(np.asarray(values, dtype=float), n)[np.ix_(chosen, chosen)]
    return np.where(np.tri(len(chosen), k=-1) > 0, matrix, np.nan)


def _draw_classes(picture: Picture, ax: "Axes") -> Any:
    """Colours by class of significance, hatched where there was no test, and their legend."""
    from matplotlib.collections import PatchCollection
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch, Rectangle

    p = picture.found.p_fdr
    assert p is not None
    tested = np.isfinite(p)
    place = np.where(tested, sum((p <= limit).astype(float) for limit in _LIMITS), np.nan)
    kinds = _lower(place, picture)
    image = ax.imshow(
        kinds, cmap=ListedColormap(_COLOURS), vmin=-0.5, vmax=len(_COLOURS) - 0.5, aspect="auto"
    )
    untested = np.argwhere(_lower((~tested).astype(float), picture) == 1)
    cells = [Rectangle((j - 0.5, i - 0.5), 1, 1) for i, j in untested]
    ax.add_collection(PatchCollection(cells, hatch="////", fc="none", ec="0.6", lw=0))
    there = [k for k in range(len(_COLOURS)) if (kinds == k).any()]
    keys = [Patch(fc=_COLOURS[k], ec="0.6", lw=0.6, label=_CLASSES[k]) for k in reversed(there)]
    if len(untested):
        keys.append(Patch(label="not tested", hatch="////", fc="none", ec="0.6", lw=0))
    ax.legend(
        handles=keys,
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=3,
        frameon=False,
        borderaxespad=0.2,
        handlelength=1.2,
        columnspacing=1.2,
    )
    return image


def _label_features(picture: Picture, ax: "Axes") -> None:
    """Write names on the diagonal, and leave as much room to the right as they need."""
    names = [picture.names[j] for j in picture.features]
    d = len(names)
    room = room_of(ax)
    needs = [(room - text_width(name) - 0.1) / (i + 0.6) for i, name in enumerate(names)]
    cell = float(np.clip(min(needs), 0.02, _WIDEST))
    ax.set_xlim(-0.5, room / cell - 0.5)
    for i, name in enumerate(names):
        ax.text(i - 0.4, i, name, va="center", ha="left", parse_math=False)
    at, thin = np.arange(1, d) - 0.5, 0.8 if d <= 20 else 0.4
    ax.hlines(at + 1, -0.5, at, color="white", lw=thin)  # lines between cells
    ax.vlines(at, at, d - 0.5, color="white", lw=thin)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)


def _write_numbers(image: Any, matrix: NDArray) -> None:
    """Write values into their cells, dark on light and light on dark."""
    if not np.isfinite(matrix).any():
        return
    largest = np.nanmax(np.abs(matrix))
    decimals = int(np.clip(1 - np.floor(np.log10(largest or 1)), 0, 4))  # two digits of the largest
    colours = np.ma.filled(image.get_array().astype(float), np.nan)
    for i, j in np.argwhere(np.isfinite(matrix)):
        light = np.isnan(colours[i, j]) or sum(image.cmap(image.norm(colours[i, j]))[:3]) > 1.6
        colour, text = "black" if light else "white", f"{matrix[i, j]:.{decimals}f}"
        image.axes.text(j, i, text, color=colour, ha="center", va="center", fontsize=FONT)
