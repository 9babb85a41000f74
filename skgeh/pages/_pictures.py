"""Pictures as parts of a page: drawn without a display, with their numbers in words."""

import base64
import io
import re
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from skgeh.display import InteractionDisplay
from skgeh.geh.interactions import Interactions
from skgeh.pages._contribution import Contribution
from skgeh.pages._numbers import counted, interval, number
from skgeh.pages._reading import Reading

_LARGEST = 250_000  # bytes of a drawing; a larger one becomes pixels
_DPI = 144
_MOST_TOLD = 10  # numbers in the text for screen readers
_FOREST = 15  # pairs
_MANY = 50  # marks of one kind


@dataclass(frozen=True)
class Picture:
    """A picture.

    Parameters
    ----------
    source : str
        The picture itself, as a data URI.
    alt : str
        What it shows, in words and numbers.
    caption : str
    width, height : int
        In pixels.
    """

    source: str
    alt: str
    caption: str
    width: int
    height: int


def overview(reading: Reading) -> list[Picture]:
    """Heat map, forest and, if there is any pair to show, network.

    Parameters
    ----------
    reading : Reading
    """
    if not np.isfinite(reading.numbers("ci_high")).any():
        return []
    told, pairs = _told(reading), counted(len(reading.order), "pair")
    asked = [
        ("heatmap", f"Heat map of {pairs}.", "Every pair: colours say how significant it is."),
        ("forest", "Effects with their intervals.", "The first pairs with their 95% intervals."),
    ]
    if reading.found.significant.any():
        words = "Features on a circle, with a line for every significant pair."
        asked.append(("network", words, words))
    options: dict[str, Any] = {"forest": {"k": _FOREST}}
    return [
        _picture(reading.found, kind, f"{alt} {told}", caption, **options.get(kind, {}))
        for kind, alt, caption in asked
    ]


def surface(contribution: Contribution) -> Picture:
    """What a pair adds to the target, over the values of both features.

    Parameters
    ----------
    contribution : Contribution
    """
    caption = f"{contribution.words}, beyond main effects and other pairs."
    return _picture(
        contribution.found,
        "surface",
        f"Surface. {contribution.words}: {contribution.extremes}.",
        caption,
        pair=contribution.pair,
    )


def _told(reading: Reading) -> str:
    """The first pairs of the table with their numbers."""
    effect, low, high = (reading.numbers(name) for name in ("effect", "ci_low", "ci_high"))
    rows = [row for row in range(len(reading.order)) if np.isfinite(low[row])][:_MOST_TOLD]
    pairs = [
        f"{reading.pair_name(row)} {number(effect[row])} ({interval(low[row], high[row])})"
        f"{', interacts' if reading.chosen[row] else ''}"
        for row in rows
    ]
    return f"First pairs: {'; '.join(pairs)}. The table has all numbers."


def _picture(found: Interactions, kind: str, alt: str, caption: str, **options: Any) -> Picture:
    """Draw one picture."""
    with _plain_style():
        figure = InteractionDisplay(found, kind=kind, **options).drawn()
        _lighten(figure)
        drawing = _saved(figure, "svg")
        if len(drawing) <= _LARGEST:
            width, height = (
                float(size) * 4 / 3  # a point is 4/3 pixels
                for size in re.findall(rb'(?:width|height)="([\d.]+)pt"', drawing)[:2]
            )
            source = _data_uri(drawing, "svg+xml")
        else:
            drawing = _saved(figure, "png")
            pixels = struct.unpack(">II", drawing[16:24])  # of the header of a PNG
            width, height = (96 * count / _DPI for count in pixels)
            source = _data_uri(drawing, "png")
    return Picture(source, alt, caption, round(width), round(height))


@contextmanager
def _plain_style() -> Iterator[None]:
    """Matplotlib's own style, whatever the user has set; what was set comes back afterwards."""
    import matplotlib as mpl
    import matplotlib.style

    with warnings.catch_warnings(), mpl.style.context("default"):
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # the browser has others
        mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "skgeh"})
        yield


def _lighten(figure: Any) -> None:
    """Make pixels of what has many marks: every row as a dot, every side of a cell as a line."""
    from matplotlib.collections import LineCollection
    from matplotlib.lines import Line2D

    for ax in figure.axes:
        for artist in ax.get_children():
            lines = isinstance(artist, LineCollection) and len(artist.get_segments()) > _MANY
            dots = isinstance(artist, Line2D) and artist.get_linestyle() == "None"
            if lines or (dots and len(artist.get_xdata()) > _MANY):
                artist.set_rasterized(True)


def _saved(figure: Any, kind: str) -> bytes:
    """A figure as a file."""
    file = io.BytesIO()
    plain = {"Date": None} if kind == "svg" else None
    figure.savefig(file, format=kind, dpi=_DPI, metadata=plain)
    return file.getvalue()


def _data_uri(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
