"""One feature in original values: its kind, its encoded columns, and its values in words.

A number has one column, and an indicator if values are missing. A category has an indicator for
every level, or one for two levels. An hour, a weekday or a month goes round, so it is a place on a
circle, with two columns, or four where it may rise and fall twice.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

_Kind = Literal["number", "boolean", "ordered", "category", "cycle", "columns"]
MISSING = "(missing)"


@dataclass(frozen=True, eq=False)
class Feature:
    """A feature, and how its values and its encoded columns become each other.

    Parameters
    ----------
    name : str
    kind : {"number", "boolean", "ordered", "category", "cycle", "columns"}
        "columns" are several columns of numbers that were declared to be one feature.
    columns : tuple of int
        Its columns in the encoded table. Of a number with missing values, the last one says where
        they are.
    levels : tuple of str, optional
        Names of the values 0, 1, ... of anything but a number.
    neutral : tuple of float, optional
        Encoded columns of a value that was never seen or is missing: the median of a number, the
        shares of the levels, the most frequent place on a circle; by default the circle's centre.
    has_missing : bool, default=False
        Whether a number, a boolean or an ordered category has an indicator of missing values.

    Examples
    --------
    >>> weekday = Feature("when: weekday", "cycle", (3, 4), ("Mon", "Tue", "Wed", "Thu", "Fri",
    ...                                                      "Sat", "Sun"))
    >>> weekday.decode(weekday.encode(np.array([0.0, 6.0, np.nan])))
    array([ 0.,  6., nan])
    >>> sex = Feature("sex", "category", (0,), ("female", "male"), neutral=(0.4,))
    >>> sex.encode(np.array([0.0, 1.0, np.nan])).tolist(), sex.text(1.0)
    ([[0.0], [1.0], [0.4]], 'male')
    """

    name: str
    kind: _Kind
    columns: tuple[int, ...]
    levels: tuple[str, ...] = ()
    neutral: tuple[float, ...] = ()
    has_missing: bool = False

    @property
    def is_number(self) -> bool:
        """Whether it has a slope: numbers, booleans and ordered categories do."""
        return self.kind in ("number", "boolean", "ordered")

    @property
    def measured(self) -> tuple[int, ...]:
        """Columns along which effects are measured: without the indicator of missing values."""
        return self.columns[:1] if self.is_number else self.columns

    @property
    def free(self) -> tuple[int, ...]:
        """Columns of which none follows from the others: without the last level of a category."""
        all_levels = self.kind == "category" and 1 < len(self.levels) == len(self.columns)
        return self.columns[:-1] if all_levels else self.measured

    def encode(self, values: NDArray) -> NDArray[np.float64]:
        """Columns of values: numbers, or places of levels; NaN is missing or unknown, (m, k).

        Of "columns", the values are the columns.
        """
        values = np.asarray(values, dtype=np.float64)
        if self.kind == "columns":
            return values
        missing = np.isnan(values)
        known = np.where(missing, 0, values)
        if self.is_number:
            filled = np.where(missing, self.neutral[0] if self.neutral else 0.0, values)
            return np.column_stack([filled, missing]) if self.has_missing else filled[:, None]
        if self.kind == "cycle":
            angle = 2 * np.pi * known / len(self.levels)
            waves = range(1, len(self.columns) // 2 + 1)
            circle = np.column_stack([wave(k * angle) for k in waves for wave in (np.sin, np.cos)])
            return np.where(missing[:, None], np.array(self.neutral or 0.0), circle)
        found = np.eye(len(self.levels))[known.astype(int)]
        found = found[:, 1:] if len(self.columns) < len(self.levels) else found
        return np.where(missing[:, None], np.array(self.neutral or 0.0), found)

    def decode(self, columns: NDArray) -> NDArray[np.float64]:
        """Values of columns (m, k): the inverse of `encode`, NaN where missing, shape (m,).

        Of "columns", it is the first.
        """
        columns = np.asarray(columns, dtype=np.float64)
        first = columns[:, 0]
        if self.is_number:
            return np.where(columns[:, -1] > 0.5, np.nan, first) if self.has_missing else first
        if self.kind == "cycle":
            turn = np.arctan2(columns[:, 0], columns[:, 1]) * len(self.levels) / (2 * np.pi)
            place = np.round(turn) % len(self.levels)
            return np.where(np.hypot(columns[:, 0], columns[:, 1]) > 0.5, place, np.nan)
        if self.kind == "columns":
            return first
        if columns.shape[1] < len(self.levels):
            return np.round(first)
        return np.where(columns.max(1) > 0.5, columns.argmax(1), np.nan)

    def text(self, value: float) -> str:
        """A value in words."""
        if np.isnan(value):
            return MISSING
        if self.kind == "boolean" and not self.levels:
            return str(bool(value))
        if self.levels:
            return self.levels[int(np.clip(round(value), 0, len(self.levels) - 1))]
        return f"{value:.4g}"
