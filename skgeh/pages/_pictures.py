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
from skgeh.pages._numbers import counted, interval, number
from skgeh.pages._reading import Reading

_LARGEST = 250_000  # bytes of a drawing; a larger one becomes pixels
_DPI = 144
_MOST_TOLD = 10  # numbers in the text for screen readers
_FOREST = 15  # pairs
_LETTER = 0.075  # inches
_LONGEST = 28  # letters of a name in a picture


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
    names = [min(len(name), _LONGEST) for name in reading.names]
    d, longest = min(len(names), 40), max(names)
    side = 1.6 + (0.5 if d <= 12 else 0.2) * d + _LETTER * longest
    k = min(_FOREST, len(reading.order))
    told = _told(reading)
    pictures = [
        _picture(
            reading,
            "heatmap",
            (side + 0.8, side),
            f"Heat map of {counted(len(reading.order), 'pair')}. {told}",
            "Every pair of features as a cell, with its effect in standard units.",
        ),
        _picture(
            reading,
            "forest",
            (5 + _LETTER * 2 * longest, 1.3 + 0.28 * k),
            f"Effects with 95% intervals. {told}",
            "Effects of the first pairs of the table with their 95% intervals.",
            k=k,
        ),
    ]
    if reading.chosen.any():
        pictures.append(
            _picture(
                reading,
                "network",
                (6, 5),
                f"Network of the pairs that interact. {told}",
                "Features as nodes, pairs that interact as lines.",
            )
        )
    return [one for one in pictures if one is not None]


def surface(reading: Reading, row: int, X: Any) -> Picture | None:
    """What a pair adds to the target, over the values of both features.

    Parameters
    ----------
    reading : Reading
    row : int
        Of the table.
    X : array-like or data frame, or None
        Rows at which main effects are taken out.
    """
    a, b = reading.pair(row)
    return _picture(
        reading,
        "surface",
        (6, 4.6),
        f"Surface of {a} and {b}.",
        f"What {a} and {b} add to {reading.scale_name} together, beyond their main effects.",
        pair=(a, b),
        X=X,
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


def _picture(
    reading: Reading,
    kind: str,
    size: tuple[float, float],
    alt: str,
    caption: str,
    **options: Any,
) -> Picture | None:
    """Draw one picture."""
    from matplotlib.figure import Figure

    if kind not in _known_kinds():
        kind = {"forest": "intervals"}.get(kind, kind)
    if kind not in _known_kinds():
        return None
    with _plain_style():
        figure = Figure(figsize=size, layout="constrained")
        InteractionDisplay.from_estimator(
            reading.source, kind=kind, ax=figure.subplots(), **options
        )
        drawing = _saved(figure, "svg")
        if len(drawing) <= _LARGEST:
            width, height = (
                float(found) * 4 / 3  # a point is 4/3 pixels
                for found in re.findall(rb'(?:width|height)="([\d.]+)pt"', drawing)[:2]
            )
            source = _data_uri(drawing, "svg+xml")
        else:
            drawing = _saved(figure, "png")
            pixels = struct.unpack(">II", drawing[16:24])  # of the header of a PNG
            width, height = (96 * count / _DPI for count in pixels)
            source = _data_uri(drawing, "png")
    return Picture(source, alt, caption, round(width), round(height))


def _known_kinds() -> tuple[str, ...]:
    from skgeh import display

    return getattr(display, "_KINDS")  # noqa: B009


@contextmanager
def _plain_style() -> Iterator[None]:
    """Matplotlib's own style, whatever the user has set; what was set comes back afterwards."""
    import matplotlib as mpl
    import matplotlib.style

    with warnings.catch_warnings(), mpl.style.context("default"):
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # the browser has others
        mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "skgeh"})
        yield


def _saved(figure: Any, kind: str) -> bytes:
    """A figure as a file."""
    file = io.BytesIO()
    plain = {"Date": None} if kind == "svg" else None
    figure.savefig(file, format=kind, dpi=_DPI, bbox_inches="tight", metadata=plain)
    return file.getvalue()


def _data_uri(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
