"""Columns of any array or data frame, as numbers, words or dates."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import check_array
from sklearn.utils.validation import _get_feature_names

from skgeh.tables._column import Column, column_of_objects, column_of_series
from skgeh.tables.frames import Backend, backend_of


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
            columns = tuple(column_of_series(frame[name]) for name in frame.columns)
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
    columns = tuple(column_of_objects(column) for column in values.T)
    if all(column.held == "numbers" for column in columns):
        return values, np.column_stack([column.values for column in columns]), ()
    return values, None, columns
