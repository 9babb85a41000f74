"""One column of an array or data frame, as numbers, words or dates."""

from dataclasses import dataclass, replace
from typing import Any, Literal

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

Held = Literal["numbers", "booleans", "words", "ordered", "dates", "nothing"]
_NESTED = "lists or other objects"


@dataclass(frozen=True, eq=False)
class Column:
    """One column as it was given.

    Parameters
    ----------
    held : {"numbers", "booleans", "words", "ordered", "dates", "nothing"}
        What it holds; "nothing" that could be used.
    values : ndarray of shape (n,)
        Floats with NaN, strings with None, or dates with NaT; of "ordered", places of levels.
    levels : tuple of str, optional
        Of an ordered category.
    is_declared : bool, default=False
        Whether words are a declared category, and no text.
    flaw : str, optional
        What it holds instead.
    """

    held: Held
    values: NDArray
    levels: tuple[str, ...] = ()
    is_declared: bool = False
    flaw: str = ""

    def at(self, rows: NDArray) -> "Column":
        """Some of the rows."""
        return replace(self, values=self.values[rows])


def column_of_series(series: Any) -> Column:
    """A column of a data frame, by its type."""
    kind = series.dtype
    if kind.is_numeric() and not isinstance(kind, nw.Decimal):
        return Column("numbers", _floats(series))
    if isinstance(kind, nw.Decimal):
        return Column("numbers", _floats(series.cast(nw.Float64)))
    if isinstance(kind, nw.Boolean):
        return Column("booleans", _floats(series))
    if isinstance(kind, nw.Datetime | nw.Date):
        return _of_dates(series)
    if isinstance(kind, nw.Categorical | nw.Enum):
        return _of_category(series)
    if isinstance(kind, nw.Duration):
        return Column("numbers", _floats(series.dt.total_seconds()))
    if isinstance(kind, nw.Time):
        return column_of_objects(np.array([str(one) for one in series.to_list()], dtype=object))
    if isinstance(kind, nw.String):
        return Column("words", _words(series.to_list()))
    if isinstance(kind, nw.List | nw.Array | nw.Struct | nw.Binary):
        return Column("nothing", np.empty(len(series), dtype=object), flaw=_NESTED)
    return column_of_objects(np.array([*series.to_list(), None], dtype=object)[:-1])


def column_of_objects(values: NDArray) -> Column:
    """A column of Python objects, by what these are."""
    if values.dtype.kind == "M":
        return Column("dates", values.astype("datetime64[us]"))
    known = pd.Series(values.tolist(), dtype=object).dropna()
    if known.map(lambda one: isinstance(one, list | tuple | dict | set | np.ndarray)).any():
        return Column("nothing", values, flaw=_NESTED)
    found = pd.api.types.infer_dtype(known, skipna=True)
    if found == "boolean":
        numbers = [np.nan if pd.isna(one) else float(one) for one in values]
        return Column("booleans", np.array(numbers))
    if found in ("datetime", "date", "datetime64"):
        dates = pd.to_datetime(pd.Series(values.tolist())).to_numpy()
        return Column("dates", dates.astype("datetime64[us]"))
    try:
        if any(isinstance(one, str) for one in known):
            raise TypeError("words")
        return Column("numbers", np.array([np.nan if pd.isna(v) else v for v in values], float))
    except (TypeError, ValueError):
        return Column("words", _words(values.tolist()))


def words_of(column: Column) -> NDArray:
    """The values of any column as strings, None where missing."""
    if column.held == "words":
        return column.values
    if column.held == "ordered":
        return np.array([*column.levels, None], dtype=object)[
            np.nan_to_num(column.values, nan=-1).astype(int)
        ]
    if column.held == "booleans":
        return np.array(["False", "True", None], dtype=object)[
            np.nan_to_num(column.values, nan=-1).astype(int)
        ]
    return _words(column.values.tolist())


def _floats(series: Any) -> NDArray[np.float64]:
    """Numbers, NaN where missing."""
    values = series.to_numpy()
    if values.dtype.kind in "iufb":
        return values.astype(np.float64)
    return np.array([np.nan if pd.isna(one) else one for one in values], dtype=np.float64)


def _words(values: Any) -> NDArray:
    """Strings without spaces around them, None where missing or empty.

    Examples
    --------
    >>> _words(["a", " b ", "", np.nan, 3]).tolist()
    ['a', 'b', None, None, '3']
    """
    codes, distinct = pd.factorize(pd.Series(values, dtype=object))
    own = [one.strip() if isinstance(one, str) else _word(one) for one in distinct]
    return np.array([*(one or None for one in own), None], dtype=object)[codes]


def _word(value: Any) -> str:
    """A value as a word: whole numbers without a point."""
    whole = isinstance(value, float | np.floating) and value == np.round(value)
    return str(int(value)) if whole else str(value)


def _of_dates(series: Any) -> Column:
    """Dates and times as they stand on the clock of their own time zone."""
    if isinstance(series.dtype, nw.Datetime) and series.dtype.time_zone is not None:
        series = series.dt.replace_time_zone(None)
    values = series.cast(nw.Datetime("us")).to_numpy()
    return Column("dates", values.astype("datetime64[us]"))


def _of_category(series: Any) -> Column:
    """A declared category: ordered ones of pandas are numbers with ties."""
    native = series.to_native()
    if isinstance(native, pd.Series) and native.cat.ordered:
        codes = native.cat.codes.to_numpy().astype(np.float64)
        levels = tuple(map(str, native.cat.categories))
        return Column("ordered", np.where(codes < 0, np.nan, codes), levels)
    return Column("words", _words(series.to_list()), is_declared=True)
