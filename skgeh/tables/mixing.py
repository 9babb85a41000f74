"""Rows of a frame that take each column from a row of its own, in the form that they came in.

A model that reads frames is asked for its prediction where two features are those of one row and
the others are those of another. So a table of codes stands for the frame: one number per row and
column, equal for equal values and in their order; and any table of codes becomes a frame again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skgeh.tables._column import Column, words_of
from skgeh.tables.encoding import Encoding
from skgeh.tables.features import Features
from skgeh.tables.table import Table


@dataclass(frozen=True, eq=False)
class Mixing:
    """Codes of a table as it was given, and frames made of codes.

    Parameters
    ----------
    codes : ndarray of shape (n, d)
    rows : sequence of d arrays of int
        For each column, a row that has the value of each code.
    native : array or narwhals frame
        The table as it was given.

    Examples
    --------
    >>> frame = pd.DataFrame({"a": [3.0, np.nan, 1.0] * 4, "b": ["x", "y", "y"] * 4})
    >>> mixing = Mixing.of(Table.of(frame, np.arange(12.0)))
    >>> mixing.codes[:3].tolist()
    [[1.0, 0.0], [2.0, 1.0], [0.0, 1.0]]
    >>> mixing(np.array([[0.0, 0.0], [2.0, 1.0]])).to_numpy().tolist()
    [[1.0, 'x'], [nan, 'y']]
    """

    codes: NDArray[np.float64]
    rows: Sequence[NDArray[np.intp]]
    native: Any

    @classmethod
    def of(cls, table: Table) -> "Mixing":
        """Look at a table."""
        codes = [_codes(column) for column in table.given]
        rows = [np.unique(one, return_index=True)[1] for one in codes]
        return cls(np.column_stack(codes).astype(np.float64), rows, table.given.native)

    def __call__(self, codes: NDArray) -> Any:
        """Rows of the given kind for codes (m, d)."""
        places = [
            own[np.clip(np.rint(code).astype(int), 0, len(own) - 1)]
            for own, code in zip(self.rows, codes.T, strict=True)
        ]
        if isinstance(self.native, nw.DataFrame):
            names = self.native.columns
            taken = [self.native[name][at] for name, at in zip(names, places, strict=True)]
            if self.native.implementation.is_pandas_like():
                parts = [one.to_native().reset_index(drop=True) for one in taken]
                return pd.concat(parts, axis=1)
            backend = self.native.implementation
            return nw.from_dict(dict(zip(names, taken, strict=True)), backend=backend).to_native()
        columns = [self.native[at, j] for j, at in enumerate(places)]
        return np.column_stack(columns) if columns else self.native[:0]

    def features(self, known: Features, encoding: Encoding) -> tuple[Features, NDArray[np.bool_]]:
        """Features with codes in place of their columns, and which of them can be moved alone.

        A part of a date cannot: the whole date moves.
        """
        given = [np.array(encoding.given_columns(own), dtype=np.intp) for own in known.columns]
        counts = np.bincount(np.concatenate(given), minlength=self.codes.shape[1])
        alone = np.array([bool((counts[own] == 1).all()) for own in given])
        return replace(known, X=self.codes, columns=tuple(given)), alone


def _codes(column: Column) -> NDArray[np.intp]:
    """Places of the values of a column among the distinct ones in their order, missing ones last.

    Examples
    --------
    >>> _codes(Column("words", np.array(["b", None, "a"], dtype=object))).tolist()
    [1, 2, 0]
    """
    values = column.values if column.held != "words" else words_of(column)
    codes, distinct = pd.factorize(pd.Series(values), sort=True)
    return np.where(codes < 0, len(distinct), codes)
