"""The one owner of the encoding: what each column of a table is, and its columns of numbers.

=============  ================================================================================
given          encoded
=============  ================================================================================
numbers        themselves; a missing value is the median, and an indicator of the same feature
booleans       0 and 1
ordered        places of the levels
words          an indicator for each level; rare levels together, missing values a level of
               their own
dates          the year as a number; month, weekday and hour as places on a circle, the hour by two
               waves; those that vary
=============  ================================================================================

Words that are numbers or dates, as in files of text, are read as such.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skgeh.tables._codes import (
    Code,
    Note,
    UnusableError,
    Values,
    category_code,
    number_code,
    numbers_of,
    parsed_numbers,
    places_of,
    without_blanks,
)
from skgeh.tables._column import Column
from skgeh.tables._date_codes import date_code, dates_of
from skgeh.tables.dates import DateForm
from skgeh.tables.feature import Feature
from skgeh.tables.reading import Reading


@dataclass(frozen=True, eq=False)
class Encoding:
    """What the columns of a table were taken for, and how new rows are encoded.

    Parameters
    ----------
    codes : tuple of Code
        One for every given column.
    labels : tuple
        By which users may name the given columns.
    is_named : bool
        Whether the names came with the table.

    Examples
    --------
    >>> frame = pd.DataFrame({"age": np.arange(40.0), "sex": ["f", "m"] * 20})
    >>> encoding = Encoding.of(frame)
    >>> [(note.name, note.taken_for, note.detail) for note in encoding.notes]
    [('age', 'number', ''), ('sex', 'category', '2 levels')]
    >>> encoding.transform(frame[:2]).tolist(), encoding.column_names
    ([[0.0, 0.0], [1.0, 1.0]], ('age', 'sex_m'))
    """

    codes: tuple[Code, ...]
    labels: tuple
    is_named: bool

    @classmethod
    def of(cls, X: Any, reader: str | None = None) -> "Encoding":
        """Look at a table.

        Parameters
        ----------
        X : array-like or data frame of shape (n, d), or Reading
        reader : str, optional
            Name of the caller, for error messages.

        Raises
        ------
        ValueError
            If columns cannot be used: free text, texts that are all different, lists, infinity.
        """
        read = X if isinstance(X, Reading) else Reading.of(X, reader)
        codes, flaws = _coded(read)
        if flaws:
            named = "; ".join(f"{label!r}: {flaw}" for label, flaw in flaws.items())
            raise ValueError(
                f"{len(flaws)} of {len(read)} columns cannot be used. {named}. To go on without "
                f"them, drop them: {_dropped(read, list(flaws))}."
            )
        return cls(_placed(codes), read.labels, read.is_named)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the given columns."""
        return tuple(code.note.name for code in self.codes)

    @property
    def notes(self) -> tuple[Note, ...]:
        """What every given column was taken for."""
        return tuple(code.note for code in self.codes)

    @cached_property
    def features(self) -> tuple[Feature, ...]:
        """The features, in the order of their columns."""
        return tuple(feature for code in self.codes for feature in code.features)

    @property
    def feature_labels(self) -> tuple:
        """Labels by which users may name the features: that of the column, or the name."""
        return tuple(
            label if len(code.features) == 1 else feature.name
            for code, label in zip(self.codes, self.labels, strict=True)
            for feature in code.features
        )

    @cached_property
    def column_names(self) -> tuple[str, ...]:
        """Unique names of the encoded columns."""
        return unique_names([name for feature in self.features for name in _names_of(feature)])

    def given_columns(self, columns: Sequence[int] | NDArray[np.intp]) -> list[int]:
        """Places of the given columns that some encoded columns come from."""
        sizes = [sum(len(one.columns) for one in code.features) for code in self.codes]
        source = np.repeat(np.arange(len(sizes)), sizes)
        return np.unique(source[list(columns)]).tolist()

    @property
    def is_plain(self) -> bool:
        """Whether every column is a number without missing values, encoded as it is."""
        return len(self.column_names) == len(self.codes) and all(
            feature.kind == "number" for feature in self.features
        )

    def transform(self, X: Any, reader: str | None = None) -> NDArray[np.float64]:
        """Encode rows of a table with the same columns.

        Levels that are new count as the average of the known ones, and so do missing values where
        the fitted table had none; missing dates then have the most frequent parts.

        Parameters
        ----------
        X : array-like or data frame of shape (n, d), or Reading
        reader : str, optional

        Returns
        -------
        ndarray of shape (n, D)
        """
        read = X if isinstance(X, Reading) else Reading.of(X, reader)
        if len(read) != len(self.codes):
            raise ValueError(
                f"The table has {len(read)} columns; {len(self.codes)} were expected: "
                f"{', '.join(self.names[:10])}{', ...' if len(self.codes) > 10 else ''}."
            )
        if self.is_plain and read.matrix is not None:
            found = read.matrix
            if np.isnan(found).any():
                neutral = np.array([feature.neutral[0] for feature in self.features])
                found = np.where(np.isnan(found), neutral, found)
        else:
            blocks = [
                feature.encode(values)
                for code, column in zip(self.codes, read, strict=True)
                for feature, values in zip(code.features, _read(code, column), strict=True)
            ]
            found = np.concatenate(blocks, axis=1)
        _check_finite(found, self.column_names)
        return found


def refusals(X: Any) -> dict[Any, str]:
    """Columns of a table that cannot be used: what each holds, and the cure, by label.

    Examples
    --------
    >>> frame = pd.DataFrame({"id": [f"p{k}" for k in range(30)], "age": range(30)})
    >>> refusals(frame)
    {'id': 'texts that are all different, as ids are'}
    """
    return _coded(Reading.of(X))[1]


def _coded(read: Reading) -> tuple[list[Code], dict[Any, str]]:
    """Codes of the columns that can be used, and what is wrong with the others, by label."""
    codes: list[Code] = []
    flaws: dict[Any, str] = {}
    if read.matrix is not None:
        return _plain_codes(read), flaws
    for name, label, column in zip(read.names, read.labels, read, strict=True):
        try:
            codes.append(_code_of(name, column))
        except UnusableError as error:
            flaws[label] = str(error)
    return codes, flaws


def _placed(codes: Sequence[Code]) -> tuple[Code, ...]:
    """The codes, with the columns of their features next to each other and unique names."""
    given = {code.note.name for code in codes}
    all_names = [
        f"{one.name} (date)" if one.name in given and one.name != code.note.name else one.name
        for code in codes
        for one in code.features
    ]
    names = iter(unique_names(all_names))
    start, found = 0, []
    for code in codes:
        own = []
        for feature in code.features:
            columns = tuple(range(start, start + len(feature.columns)))
            own.append(replace(feature, name=next(names), columns=columns))
            start += len(columns)
        found.append(replace(code, features=tuple(own)))
    return tuple(found)


def _plain_codes(read: Reading) -> list[Code]:
    """Codes of a matrix of numbers."""
    assert read.matrix is not None
    if not np.isnan(read.matrix.sum()):
        medians = np.median(read.matrix, axis=0).tolist()
        return [
            Code(Note(name, "number", ""), (Feature(name, "number", (j,), (), (m,)),), numbers_of)
            for j, (name, m) in enumerate(zip(read.names, medians, strict=True))
        ]
    return [
        number_code(name, column, "number") for name, column in zip(read.names, read, strict=True)
    ]


def _code_of(name: str, column: Column) -> Code:
    """What a column is."""
    if column.held == "nothing":
        raise UnusableError(f"{column.flaw} (make numbers or words of them)")
    if column.held == "numbers":
        return number_code(name, column, "number")
    if column.held == "booleans":
        return number_code(name, column, "boolean", levels=("False", "True"))
    if column.held == "ordered":
        read = partial(places_of, column.levels)
        return number_code(name, column, "ordered", read, column.levels)
    if column.held == "dates":
        return date_code(name, column, dates_of)
    if not column.is_declared:
        if (numbers := parsed_numbers(column.values)) is not None:
            empty = np.isnan(numbers).all()
            suffix = "" if empty else "written as text"
            return number_code(name, Column("numbers", numbers), "number", suffix=suffix)
        known = pd.Series(without_blanks(column.values), dtype=object).dropna()
        form = DateForm.of(pd.unique(known))
        if form is not None:
            suffix = "month read before day" if form.is_open else ""
            return date_code(name, column, partial(dates_of, form=form), suffix)
    return category_code(name, column)


def _read(code: Code, column: Column) -> Values:
    """Values of the features of a column; errors name it."""
    try:
        return code.read(column)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"Column {code.note.name!r} was a {code.note.taken_for} when the model was fitted, and "
            f"cannot be read as one now: {error}. Give it in the same form."
        ) from error


def _check_finite(values: NDArray, names: Sequence[str]) -> None:
    """Refuse infinite values, by the name of the column."""
    if np.isfinite(values.sum()) or np.isfinite(values).all():
        return
    place = int(np.flatnonzero(~np.isfinite(values).all(0))[0])
    n_rows = int((~np.isfinite(values[:, place])).sum())
    raise ValueError(
        f"Input X contains infinity or a value too large for dtype('float64'): column "
        f"{names[place]!r} in {n_rows} rows. Replace it by a large number, or by a missing value."
    )


def _names_of(feature: Feature) -> list[str]:
    """Names of the encoded columns of a feature."""
    if feature.is_number:
        return [feature.name, f"{feature.name} missing"][: len(feature.columns)]
    if feature.kind == "cycle":
        names = ("sin", "cos", "sin 2", "cos 2")[: len(feature.columns)]
        return [f"{feature.name} {wave}" for wave in names]
    levels = feature.levels[-len(feature.columns) :]
    return [f"{feature.name}_{level}" for level in levels]


def unique_names(names: Sequence[str]) -> tuple[str, ...]:
    """Names of which no two are the same: later ones get a number.

    Examples
    --------
    >>> unique_names(["a", "a_b", "a", "a 2"])
    ('a', 'a_b', 'a 3', 'a 2')
    """
    taken, found = set(names), []
    for place, name in enumerate(names):
        if name in names[:place]:
            k = 2
            while f"{name} {k}" in taken:
                k += 1
            name = f"{name} {k}"
            taken.add(name)
        found.append(name)
    return tuple(found)


def _dropped(read: Reading, labels: list) -> str:
    """How to drop columns from a table."""
    if read.backend == "polars":
        return f"X.drop({labels!r})"
    if read.backend == "pyarrow":
        return f"X.drop_columns({labels!r})"
    return f"X.drop(columns={labels!r})" if read.is_named else f"columns {labels!r}"
