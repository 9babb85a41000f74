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

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.preprocessing import OrdinalEncoder

from skgeh.tables.dates import DateForm
from skgeh.tables.feature import MISSING, Feature, Kind
from skgeh.tables.reading import Column, Reading, words_of

LEAST_ROWS = 10  # of a level, and of missing values that get an indicator
MOST_LEVELS = 20
RARE = "(rare)"
_BLANKS = {"", "?", "-", "--", ".", "na", "n/a", "nan", "null", "none", "<na>"}  # among numbers
_PROSE = 3  # mean number of words from which text is called free text
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_HOUR_WAVES = 2  # a day may have two peaks; what one wave lacks, columns like it seem to have
_HOURS = tuple(f"{hour} h" for hour in range(24))
_PARTS: dict[str, tuple[Kind, tuple[str, ...]]] = {
    "year": ("number", ()),
    "month": ("cycle", _MONTHS),
    "weekday": ("cycle", _DAYS),
    "hour": ("cycle", _HOURS),
}

Values = list[NDArray[np.float64]]


@dataclass(frozen=True)
class Note:
    """What a given column was taken for.

    Parameters
    ----------
    name : str
    taken_for : {"number", "boolean", "ordered category", "category", "date"}
    detail : str
        Such as "20 % missing" or "3 levels".
    """

    name: str
    taken_for: str
    detail: str


@dataclass(frozen=True, eq=False)
class Code:
    """How one given column is encoded.

    Parameters
    ----------
    note : Note
    features : tuple of Feature
        The features that it becomes.
    read : callable (Column) -> list of ndarray of shape (n,)
        Their values; see `Feature.encode`.
    """

    note: Note
    features: tuple[Feature, ...]
    read: Callable[[Column], Values]


class _UnusableError(ValueError):
    """A column that cannot be used, with what it holds and the cure."""


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
        the fitted table had none.

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
        except _UnusableError as error:
            flaws[label] = str(error)
    return codes, flaws


def _placed(codes: Sequence[Code]) -> tuple[Code, ...]:
    """The codes, with the columns of their features next to each other and unique names."""
    names = iter(unique_names([one.name for code in codes for one in code.features]))
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
            Code(Note(name, "number", ""), (Feature(name, "number", (j,), (), (m,)),), _numbers_of)
            for j, (name, m) in enumerate(zip(read.names, medians, strict=True))
        ]
    return [_number(name, column, "number") for name, column in zip(read.names, read, strict=True)]


def _code_of(name: str, column: Column) -> Code:
    """What a column is."""
    if column.held == "nothing":
        raise _UnusableError(f"{column.flaw} (make numbers or words of them)")
    if column.held == "numbers":
        return _number(name, column, "number")
    if column.held == "booleans":
        return _number(name, column, "boolean", levels=("False", "True"))
    if column.held == "ordered":
        read = partial(_places_of, column.levels)
        return _number(name, column, "ordered", read, column.levels)
    if column.held == "dates":
        return _date(name, column, _dates_of)
    if not column.is_declared:
        if (numbers := _parsed_numbers(column.values)) is not None:
            empty = np.isnan(numbers).all()
            suffix = "" if empty else "written as text"
            return _number(name, Column("numbers", numbers), "number", suffix=suffix)
        form = DateForm.of(pd.unique(pd.Series(column.values, dtype=object).dropna()))
        if form is not None:
            suffix = "month read before day" if form.is_open else ""
            return _date(name, column, partial(_dates_of, form=form), suffix)
    return _category(name, column)


def _number(
    name: str,
    column: Column,
    kind: Kind,
    read: Callable[[Column], Values] | None = None,
    levels: tuple[str, ...] = (),
    suffix: str = "",
) -> Code:
    """A column of numbers, booleans or places of ordered levels."""
    missing = np.isnan(column.values)
    known = column.values[~missing]
    median = float(np.median(known)) if len(known) else 0.0
    marked = missing.sum() >= LEAST_ROWS and len(known) > 0
    feature = Feature(name, kind, (0, 1) if marked else (0,), levels, (median,), bool(marked))
    details = [f"{len(levels)} levels" if kind == "ordered" else "", suffix, _gaps(missing)]
    taken_for = "ordered category" if kind == "ordered" else kind
    note = Note(name, taken_for, ", ".join(filter(None, details)))
    return Code(note, (feature,), read or _numbers_of)


def _category(name: str, column: Column) -> Code:
    """A column of words; see the module for its levels."""
    missing = pd.isna(column.values)
    words = column.values[~missing].astype(object)
    distinct = len(pd.unique(words))
    encoder = OrdinalEncoder(
        min_frequency=LEAST_ROWS,
        max_categories=MOST_LEVELS,
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
    ).set_output(transform="default")
    places = encoder.fit_transform(words[:, None])[:, 0]
    rare = encoder.infrequent_categories_[0]
    rare = np.array([]) if rare is None else rare
    all_rare = set(rare)  # outside the loop: of ids, there are as many as rows
    levels = [one for one in encoder.categories_[0] if one not in all_rare]
    rare_rows = int((places == len(levels)).sum())
    if not levels and missing.sum() < LEAST_ROWS:
        levels = _few_rows(words, distinct, column.is_declared)
        encoder.set_params(min_frequency=None, max_categories=None).fit(words[:, None])
        rare, rare_rows = rare[:0], 0
    has_rare = rare_rows >= LEAST_ROWS
    has_missing = bool(missing.sum() >= LEAST_ROWS)
    names = (*levels, *[RARE] * has_rare, *[MISSING] * has_missing)
    read = partial(_levels_of, encoder, len(levels) + has_rare, has_missing)
    (codes,) = read(column)
    counts = np.bincount(codes[~np.isnan(codes)].astype(int), minlength=len(names))
    shares = tuple((counts / max(counts.sum(), 1)).tolist())
    two = len(names) == 2
    columns = (0,) if two else tuple(range(len(names)))
    feature = Feature(name, "category", columns, names, shares[1:] if two else shares)
    details = [f"{len(levels)} levels"]
    if len(rare):
        together = "together" if has_rare else "in too few rows to be a level"
        details.append(f"{len(rare)} rare ones ({rare_rows} rows) {together}")
    details.append(_gaps(missing))
    return Code(Note(name, "category", ", ".join(filter(None, details))), (feature,), read)


def _few_rows(words: NDArray, distinct: int, is_declared: bool) -> list[str]:
    """Levels of a column in which none has 10 rows; refuse ids and free text."""
    counts = pd.Series(words).value_counts()
    if distinct > max(len(words) // 3, 2) or distinct > MOST_LEVELS:
        prose = np.mean([len(word.split()) for word in counts.index]) >= _PROSE
        if distinct == len(words):
            what = "free text" if prose else "texts that are all different, as ids are"
        else:
            kind = "free text" if prose else "texts"
            what = f"{kind} of which {distinct} of {len(words)} are different"
        raise _UnusableError(what + (", declared as a category" if is_declared else ""))
    return sorted(counts.index)


def _date(name: str, column: Column, read: Callable[..., NDArray], suffix: str = "") -> Code:
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
            features.append(Feature(full, kind, tuple(range(2 * waves)), levels))
            continue
        known = parts[part][~missing]
        median = float(np.median(known)) if len(known) else 0.0
        columns = (0, 1) if marked else (0,)
        features.append(Feature(full, kind, columns, levels, (median,), bool(marked)))
    gap = marked and "year" not in varying
    if gap:
        features.append(Feature(f"{name}: missing", "boolean", (0,), ("False", "True"), (0.0,)))
    detail = ", ".join(filter(None, [*varying, suffix, _gaps(missing)]))
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


def _dates_of(column: Column, form: DateForm | None = None) -> NDArray:
    """Dates of a column of dates or of words."""
    if column.held == "dates":
        return column.values
    if pd.isna(column.values).all():
        return np.full(len(column.values), np.datetime64("NaT", "us"))
    if column.held != "words" or form is None:
        raise TypeError(f"dates were expected, and {column.held} came")
    return form.read(column.values)


def _numbers_of(column: Column) -> Values:
    """Numbers of a column of numbers, booleans or words."""
    if column.held in ("numbers", "booleans"):
        return [column.values]
    found = _parsed_numbers(column.values) if column.held == "words" else None
    if found is None:
        raise TypeError(f"numbers were expected, and {column.held} came")
    return [found]


def _places_of(levels: tuple[str, ...], column: Column) -> Values:
    """Places of the words of a column among levels; NaN for others."""
    place = {level: float(k) for k, level in enumerate(levels)}
    return [np.array([place.get(word, np.nan) for word in words_of(column)])]


def _levels_of(encoder: OrdinalEncoder, n_levels: int, has_missing: bool, column: Column) -> Values:
    """Places of the levels of a category; NaN where unknown, or where missing is no level."""
    words = words_of(column)
    missing = pd.isna(words)
    found = np.full(len(words), float(n_levels) if has_missing else np.nan)
    if not missing.all():
        own = encoder.transform(words[~missing].astype(object)[:, None])[:, 0]
        found[~missing] = np.where(own < n_levels, own, np.nan)
    return [found]


def _parsed_numbers(words: NDArray) -> NDArray[np.float64] | None:
    """Numbers that are written as words, NaN for blanks; None if some are no numbers.

    Codes with zeros in front, such as postal codes, are no numbers.

    Examples
    --------
    >>> _parsed_numbers(np.array(["1.5", "?", "-2"], dtype=object)).tolist()
    [1.5, nan, -2.0]
    >>> _parsed_numbers(np.array(["02139", "1"], dtype=object)) is None
    True
    """
    codes, distinct = pd.factorize(pd.Series(words, dtype=object))
    known = [one for one in distinct if one.lower() not in _BLANKS]
    if any(re.match(r"[+-]?0\d", one) for one in known):
        return None
    try:
        values = {one: float(one.replace("_", "x")) for one in known}
    except ValueError:
        return None
    numbers = np.array([*(values.get(one, np.nan) for one in distinct), np.nan])
    return numbers[codes]


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


def _gaps(missing: NDArray) -> str:
    """How many values are missing, in words; '' if none are."""
    count = int(missing.sum())
    if count == 0:
        return ""
    percent = 100 * count / len(missing)
    share = f"{percent:.0f} %" if percent >= 1 else f"{percent:.1g} %"
    return f"{share if count >= LEAST_ROWS else count} missing"


def _dropped(read: Reading, labels: list) -> str:
    """How to drop columns from a table."""
    if read.backend == "polars":
        return f"X.drop({labels!r})"
    if read.backend == "pyarrow":
        return f"X.drop_columns({labels!r})"
    return f"X.drop(columns={labels!r})" if read.is_named else f"columns {labels!r}"
