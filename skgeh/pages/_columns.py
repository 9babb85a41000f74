"""The columns of a table: what each was taken for, how much is missing, what values it has."""

from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from skgeh.pages._numbers import counted, named, number, percent
from skgeh.pages._reading import Reading

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
        If None, the features as the model knows them.
    """
    found = _known(reading) if X is None else _given(reading, X)
    left = len(found) - _MOST
    return found[:_MOST], f"{counted(left, 'more column')}." if left > 0 else ""


def _known(reading: Reading) -> list[Column]:
    """Features of a model."""
    features = reading.found.features
    if features:
        return [Column(one.name, one.kind, "", named(one.levels, _MOST_LEVELS)) for one in features]
    groups = reading.model.feature_groups_
    return [
        Column(name, "number" if len(own) == 1 else "category", "", "")
        for name, own in groups.items()
    ]


def _given(reading: Reading, X: Any) -> list[Column]:
    """Columns of a table."""
    frame = nw.from_native(X, pass_through=True, eager_only=True)
    if not isinstance(frame, nw.DataFrame):
        values = np.asarray(X)
        names = getattr(reading.model, "feature_names_in_", None)
        names = [f"x{j}" for j in range(values.shape[1])] if names is None else names
        return [
            _of_numbers(str(name), x, "number") for name, x in zip(names, values.T, strict=True)
        ]
    return [_of_series(str(name), frame[name]) for name in frame.columns]


def _of_series(name: str, series: Any) -> Column:
    """One column of a data frame."""
    if series.dtype.is_numeric():
        return _of_numbers(name, series.to_numpy(), "number")
    missing = int(series.null_count())
    levels = [str(one) for one in series.drop_nulls().unique(maintain_order=True).to_list()]
    text = f"{counted(len(levels), 'level')}: {named(levels, _MOST_LEVELS)}"
    return Column(name, str(series.dtype).lower(), _missing(missing, len(series)), text)


def _of_numbers(name: str, values: NDArray, taken_for: str) -> Column:
    """One column of numbers."""
    numbers = values.astype(np.float64)
    there = numbers[~np.isnan(numbers)]
    text = ""
    if len(there):
        low, middle, high = np.quantile(there, [0, 0.5, 1]).tolist()
        text = f"{number(low)} to {number(high)}, median {number(middle)}"
        if (n_values := len(np.unique(there))) <= _MOST_LEVELS:
            text += f", {counted(n_values, 'value')}"
    return Column(name, taken_for, _missing(len(numbers) - len(there), len(numbers)), text)


def _missing(count: int, n_rows: int) -> str:
    """How many values are missing."""
    return "none" if count == 0 else f"{count:,} ({percent(count / n_rows)})"
