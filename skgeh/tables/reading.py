"""Columns of any array or data frame, as numbers, words or dates."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import check_array
from sklearn.utils.validation import _get_feature_names

from skgeh.tables.frames import Backend, backend_of

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


@dataclass(frozen=True, eq=False)
class Reading:
    """A table that was read: its columns, or one matrix of numbers.

    Parameters
    ----------
    labels : tuple
        By which users may name columns.
    names : tuple of str
    is_named : bool
        Whether the names came with the table.
    backend : {"pandas", "polars", "pyarrow"}
    n_rows : int
    matrix : ndarray of shape (n, d) or None
        All columns, if they are numbers; NaN where missing.
    columns : tuple of Column
        Otherwise.
    native : ndarray or narwhals frame
        The table as it was given.
    """

    labels: tuple
    names: tuple[str, ...]
    is_named: bool
    backend: Backend
    n_rows: int
    matrix: NDArray[np.float64] | None
    columns: tuple[Column, ...] = ()
    native: Any = None

    @classmethod
    def of(cls, X: Any, reader: str | None = None) -> "Reading":
        """Read an array or a data frame; `reader` is named in error messages.

        Examples
        --------
        >>> frame = pd.DataFrame({"age": [3, None], "sex": ["f", "m"]})
        >>> [(column.held, column.values.tolist()) for column in Reading.of(frame)]
        [('numbers', [3.0, nan]), ('words', ['f', 'm'])]
        """
        frame = _frame(X)
        if frame is None:
            native, matrix, columns = _of_array(X, reader)
            n_rows, d = native.shape
            labels = tuple(getattr(X, "columns", ()))
        else:
            native, matrix, (n_rows, d) = frame, None, frame.shape
            is_pandas = isinstance(X, pd.DataFrame)  # its labels may be other than words
            labels = tuple(X.columns if is_pandas else frame.columns)
            columns = tuple(_of_series(frame[name]) for name in frame.columns)
            if d and all(column.held == "numbers" for column in columns):
                matrix = np.column_stack([column.values for column in columns])
        named = bool(labels) and _get_feature_names(X) is not None
        names = tuple(map(str, labels)) if named else tuple(f"x{j}" for j in range(d))
        return cls(labels or names, names, named, backend_of(X), n_rows, matrix, columns, native)

    def __iter__(self) -> Iterator[Column]:
        if self.matrix is None or self.columns:
            return iter(self.columns)
        return (Column("numbers", values) for values in self.matrix.T)

    def __len__(self) -> int:
        return len(self.names)

    def at(self, rows: NDArray) -> "Reading":
        """Some of the rows."""
        matrix = None if self.matrix is None else self.matrix[rows]
        columns = tuple(column.at(rows) for column in self.columns)
        places = np.arange(self.n_rows)[rows]
        native, n_rows = self.native[places], len(places)
        return replace(self, n_rows=n_rows, matrix=matrix, columns=columns, native=native)


def _frame(X: Any) -> Any:
    """X as a narwhals data frame, None for anything else."""
    if isinstance(X, pd.DataFrame):
        columns = X.columns
        twice = columns[columns.duplicated()].unique().tolist()
        if twice:
            raise ValueError(
                f"Every column needs a name of its own; got several columns called {twice}. Rename "
                "them, or drop all but one of each."
            )
        if len({isinstance(name, str) for name in columns}) == 2:
            raise TypeError(
                "Feature names are only supported if all input features have string names, but the "
                "columns are of several types. Take X.columns = X.columns.astype(str)."
            )
        if not all(isinstance(name, str) for name in columns):
            X = X.set_axis([str(name) for name in columns], axis=1)
    frame = nw.from_native(X, pass_through=True, eager_only=True)
    return frame if isinstance(frame, nw.DataFrame) else None


def _of_array(X: Any, reader: str | None) -> tuple[NDArray, NDArray | None, tuple[Column, ...]]:
    """The array, and a matrix of numbers or columns of objects."""
    if isinstance(X, list | tuple):  # numpy would make words of numbers beside words
        found = np.asarray(X)
        X = np.array(X, dtype=object) if found.dtype.kind in "US" else X
    checks: dict[str, Any] = {"ensure_min_samples": 1, "ensure_all_finite": False}
    values = check_array(X, dtype=None, estimator=reader, input_name="X", **checks)
    if values.dtype.kind in "biuf":
        return values, values.astype(np.float64, copy=False), ()
    columns = tuple(_of_objects(column) for column in values.T)
    if all(column.held == "numbers" for column in columns):
        return values, np.column_stack([column.values for column in columns]), ()
    return values, None, columns


def _of_series(series: Any) -> Column:
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
        return _of_objects(np.array([str(one) for one in series.to_list()], dtype=object))
    if isinstance(kind, nw.String):
        return Column("words", _words(series.to_list()))
    if isinstance(kind, nw.List | nw.Array | nw.Struct | nw.Binary):
        return Column("nothing", np.empty(len(series), dtype=object), flaw=_NESTED)
    return _of_objects(np.array([*series.to_list(), None], dtype=object)[:-1])


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


def _of_objects(values: NDArray) -> Column:
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
