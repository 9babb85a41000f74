"""How one column of dates is encoded: the parts that vary, those that go round on a circle."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skgeh.tables._codes import LEAST_ROWS, Code, Note, Values, gaps, without_blanks
from skgeh.tables._column import Column
from skgeh.tables.dates import DateForm
from skgeh.tables.feature import Feature, _Kind

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_HOUR_WAVES = 2  # a day may have two peaks; what one wave lacks, columns like it seem to have
_HOURS = tuple(f"{hour} h" for hour in range(24))
_PARTS: dict[str, tuple[_Kind, tuple[str, ...]]] = {
    "year": ("number", ()),
    "month": ("cycle", _MONTHS),
    "weekday": ("cycle", _DAYS),
    "hour": ("cycle", _HOURS),
}


def date_code(name: str, column: Column, read: Callable[..., NDArray], suffix: str = "") -> Code:
    """A column of dates: the parts that vary."""
    dates = read(column)
    missing = np.isnat(dates)
    parts = dict(zip(_PARTS, _date_parts(dates), strict=True))
    varying = [part for part, own in parts.items() if len(np.unique(own[~missing])) > 1]
    varying = varying or ["year"]
    features = []
    marked = missing.sum() >= LEAST_ROWS
    for part in varying:
        kind, levels = _PARTS[part]
        full = f"{name}: {part}"
        if kind == "cycle":
            varied = len(np.unique(parts[part][~missing])) > 2 * _HOUR_WAVES
            waves = _HOUR_WAVES if part == "hour" and varied else 1
            feature = Feature(full, kind, tuple(range(2 * waves)), levels)
            if not missing.any():  # nothing is known about the centre of the circle
                usual = np.bincount(parts[part].astype(int)).argmax()
                feature = replace(
                    feature, neutral=tuple(feature.encode(np.array([usual]))[0].tolist())
                )
            features.append(feature)
            continue
        known = parts[part][~missing]
        median = float(np.median(known)) if len(known) else 0.0
        columns = (0, 1) if marked else (0,)
        features.append(Feature(full, kind, columns, levels, (median,), bool(marked)))
    gap = marked and "year" not in varying
    if gap:
        features.append(Feature(f"{name}: missing", "boolean", (0,), ("False", "True"), (0.0,)))
    detail = ", ".join(filter(None, [*varying, suffix, gaps(missing)]))
    note = Note(name, "date", detail)
    return Code(note, tuple(features), partial(_parts_of, read, tuple(varying), bool(gap)))


def _date_parts(dates: NDArray) -> Values:
    """Year, month, weekday and hour of dates, NaN where missing."""
    index = pd.DatetimeIndex(dates)
    return [
        np.asarray(part, dtype=np.float64)
        for part in (index.year, index.month - 1, index.day_of_week, index.hour)
    ]


def _parts_of(read: Callable, varying: Sequence[str], gap: bool, column: Column) -> Values:
    """Values of the parts of dates."""
    dates = read(column)
    parts = dict(zip(_PARTS, _date_parts(dates), strict=True))
    return [parts[part] for part in varying] + ([np.isnat(dates).astype(float)] if gap else [])


def dates_of(column: Column, form: DateForm | None = None) -> NDArray:
    """Dates of a column of dates or of words."""
    if column.held == "dates":
        return column.values
    if pd.isna(column.values).all():
        return np.full(len(column.values), np.datetime64("NaT", "us"))
    if column.held != "words" or form is None:
        raise TypeError(f"dates were expected, and {column.held} came")
    return form.read(without_blanks(column.values))
