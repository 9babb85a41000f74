"""How one column of numbers or words is encoded."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.preprocessing import OrdinalEncoder

from skgeh.tables._column import Column, words_of
from skgeh.tables.feature import MISSING, Feature, _Kind
from skgeh.tables.numerals import BLANKS, number_of

LEAST_ROWS = 10  # of a level, and of missing values that get an indicator
MOST_LEVELS = 20
RARE = "(rare)"
_NEARLY = 0.9  # share of rare words that are different, from which on they are ids
_PROSE = 3  # mean number of words from which text is called free text

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


class UnusableError(ValueError):
    """A column that cannot be used, with what it holds and the cure."""


def number_code(
    name: str,
    column: Column,
    kind: _Kind,
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
    details = [f"{len(levels)} levels" if kind == "ordered" else "", suffix, gaps(missing)]
    taken_for = "ordered category" if kind == "ordered" else kind
    note = Note(name, taken_for, ", ".join(filter(None, details)))
    return Code(note, (feature,), read or numbers_of)


def category_code(name: str, column: Column) -> Code:
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
    all_different = len(rare) > max(_NEARLY * rare_rows, MOST_LEVELS) and rare_rows > len(words) / 2
    if all_different or (not levels and missing.sum() < LEAST_ROWS):
        levels = _few_rows(words, distinct, column.is_declared)
        encoder.set_params(min_frequency=None, max_categories=None).fit(words[:, None])
        rare, rare_rows = rare[:0], 0
    has_rare = rare_rows >= LEAST_ROWS
    has_missing = bool(missing.sum() >= LEAST_ROWS)
    others = [RARE] * has_rare + [MISSING] * has_missing
    names = (*levels, *(f"{one} values" if one in levels else one for one in others))
    read = partial(_levels_of, encoder, len(levels) + has_rare, has_missing)
    (codes,) = read(column)
    counts = np.bincount(codes[~np.isnan(codes)].astype(int), minlength=len(names))
    shares = tuple((counts / max(counts.sum(), 1)).tolist())
    two = len(names) == 2
    columns = (0,) if two else tuple(range(len(names)))
    feature = Feature(name, "category", columns, names, shares[1:] if two else shares)
    details = [f"{len(levels)} levels" if levels else ""]
    if len(rare):
        together = "together" if has_rare else "in too few rows to be a level"
        details.append(f"{len(rare)} rare ones ({rare_rows} rows) {together}")
    details.append(gaps(missing))
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
        raise UnusableError(what + (", declared as a category" if is_declared else ""))
    return sorted(counts.index)


def numbers_of(column: Column) -> Values:
    """Numbers of a column of numbers, booleans or words."""
    if column.held in ("numbers", "booleans"):
        return [column.values]
    found = parsed_numbers(column.values) if column.held == "words" else None
    if found is None:
        raise TypeError(f"numbers were expected, and {column.held} came")
    return [found]


def places_of(levels: tuple[str, ...], column: Column) -> Values:
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


def parsed_numbers(words: NDArray) -> NDArray[np.float64] | None:
    """Numbers that are written as words, NaN for blanks; None if some are no numbers.

    Codes with zeros in front, such as postal codes, are no numbers.

    Examples
    --------
    >>> parsed_numbers(np.array(["1.5", "?", "-2"], dtype=object)).tolist()
    [1.5, nan, -2.0]
    >>> parsed_numbers(np.array(["02139", "1"], dtype=object)) is None
    True
    """
    codes, distinct = pd.factorize(pd.Series(words, dtype=object))
    known = [one for one in distinct if one.lower() not in BLANKS]
    if any(re.match(r"[+-]?0\d", one) for one in known):
        return None
    for comma in (False, True):
        values = {one: number_of(one, decimal_comma=comma) for one in known}
        if not any(map(np.isnan, values.values())):
            numbers = np.array([*(values.get(one, np.nan) for one in distinct), np.nan])
            return numbers[codes]
    return None


def without_blanks(words: NDArray) -> NDArray:
    """Words, None where they stand for missing numbers or dates.

    Examples
    --------
    >>> without_blanks(np.array(["?", "2024-01-31", None], dtype=object)).tolist()
    [None, '2024-01-31', None]
    """
    codes, distinct = pd.factorize(pd.Series(words, dtype=object))
    known = [None if one.lower() in BLANKS else one for one in distinct]
    return np.array([*known, None], dtype=object)[codes]


def gaps(missing: NDArray) -> str:
    """How many values are missing, in words; '' if none are."""
    count = int(missing.sum())
    if count == 0:
        return ""
    percent = 100 * count / len(missing)
    share = f"{percent:.0f} %" if percent >= 1 else f"{percent:.1g} %"
    return f"{share if count >= LEAST_ROWS else count} missing"
