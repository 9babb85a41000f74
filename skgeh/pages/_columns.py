"""The columns of a table: what each was taken for, how much is missing, what values it has."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skgeh.pages._numbers import counted, number, percent
from skgeh.pages._reading import Reading
from skgeh.tables.encoding import Note
from skgeh.tables.messages import listed
from skgeh.tables.reading import Column as Given
from skgeh.tables.reading import Reading as Reader

_MOST_LEVELS = 6  # that are named
_MOST = 300  # columns on the page


@dataclass(frozen=True)
class Column:
    """One column in words.

    Parameters
    ----------
    name, taken_for, missing, values : str
    """

    name: str
    taken_for: str
    missing: str
    values: str


def columns(reading: Reading, X: Any) -> tuple[list[Column], str]:
    """The columns that were given, and how many are not listed.

    Parameters
    ----------
    reading : Reading
    X : array-like or data frame, or None
        If None, missing values and ranges are left to the notes that the model keeps.
    """
    encoding = reading.model.encoding_
    values: list[tuple[str, str]] = [("", "")] * len(encoding.codes)
    if X is not None:
        given = Reader.of(X)
        if len(given) == len(encoding.codes):
            values = [_described(column) for column in given]
    found = [
        Column(code.note.name, _taken_for(code.note, missing_and_range[0]), *missing_and_range)
        for code, missing_and_range in zip(encoding.codes, values, strict=True)
    ]
    left = len(found) - _MOST
    return found[:_MOST], f"{counted(left, 'more column')}." if left > 0 else ""


def _taken_for(note: Note, missing: str) -> str:
    """What a column was taken for, with what the model noted; missing values are said once."""
    details = [one for one in note.detail.split(", ") if not (missing and one.endswith("missing"))]
    return ": ".join(filter(None, [note.taken_for, ", ".join(details)]))


def _described(column: Given) -> tuple[str, str]:
    """Missing values of a column, and its range or levels."""
    missing = pd.isna(column.values)
    there = column.values[~missing]
    gaps = "none" if not missing.any() else f"{missing.sum():,} ({percent(missing.mean())})"
    if not len(there) or column.held == "nothing":
        return gaps, ""
    if column.held == "dates":
        ends = (str(np.datetime64(one, "m")).replace("T", " ") for one in _ends(there))
        return gaps, " to ".join(end.removesuffix(" 00:00") for end in ends)
    if column.held == "ordered":
        return gaps, listed(column.levels, _MOST_LEVELS)
    if column.held in ("words", "booleans"):
        words = there if column.held == "words" else there.astype(bool)
        counts = pd.Series(words.tolist()).value_counts()
        levels = [f"{level} ({count:,})" for level, count in counts.items()]
        return gaps, listed(levels, _MOST_LEVELS)
    low, middle, high = np.quantile(there.astype(np.float64), [0, 0.5, 1]).tolist()
    return gaps, f"{number(low)} to {number(high)}, median {number(middle)}"


def _ends(values: NDArray) -> tuple[Any, Any]:
    """The first and the last date."""
    return values.min(), values.max()
