"""Text that stands for numbers: with units, signs between thousands, or gaps."""

import numpy as np
import pandas as pd

from skgeh.command_line._problem import counted, listed
from skgeh.tables.numerals import BLANKS, PLAIN, number_of

_FEW_ODD = 3  # different values that are no numbers in a column of numbers
_MOSTLY = 0.95  # share of the rows that are numbers
_MANY = 20  # different numbers


def understood(frame: pd.DataFrame, separator: str = ",") -> tuple[pd.DataFrame, list[str]]:
    """A frame whose texts that are numbers are such, and what was done.

    Parameters
    ----------
    frame : DataFrame
    separator : str
        Of the file: where it is no comma, a comma in a number is a decimal one.

    Examples
    --------
    >>> frame = pd.DataFrame({"fee": ["$1,200", "$90"], "sex": ["f ", "m"]})
    >>> found, notes = understood(frame)
    >>> found.fee.tolist(), found.sex.tolist(), notes
    ([1200.0, 90.0], ['f', 'm'], ["text such as '$1,200' was read as numbers: fee"])
    """
    columns, notes = {}, []
    written: dict[str, str] = {}
    for name in frame.columns:
        column = frame[name]
        if pd.api.types.is_string_dtype(column.dtype) or column.dtype == object:
            column, note, example = _understood(column, separator)
            notes += [f"{name}: {note}"] if note else []
            written |= {name: example} if example else {}
        elif pd.api.types.is_float_dtype(column.dtype) and (count := np.isinf(column).sum()):
            column = column.mask(np.isinf(column))
            notes.append(f"{name}: {counted(count, 'infinite value')} taken as missing")
        columns[name] = column
    if written:
        example = next(iter(written.values()))
        notes.append(f"text such as {example!r} was read as numbers: {listed(written)}")
    return pd.DataFrame(columns, index=frame.index), notes


def _understood(column: pd.Series, separator: str) -> tuple[pd.Series, str, str]:
    """A column of text as what it stands for, a note, and an example of how it is written."""
    if pd.api.types.infer_dtype(column, skipna=True) != "string":
        return column, "", ""
    codes, distinct = pd.factorize(column)
    texts = [one.strip() for one in distinct]
    counts = np.bincount(codes[codes >= 0], minlength=len(texts))
    numbers, odd = _numbers(texts, counts, separator)
    if numbers is not None:
        note = ""
        if odd:
            rows = int(sum(counts[texts.index(one)] for one in odd))
            note = f"{rows} values ({listed(map(repr, odd))}) are no numbers: taken as missing"
        example = next((one for one in texts if _is_unusual(one) and one not in odd), "")
        return pd.Series(_spread(numbers, codes), index=column.index), note, example
    clean = np.array([*(one or None for one in texts), None], dtype=object)
    return pd.Series(clean[codes], index=column.index, dtype=object), "", ""


def _is_unusual(text: str) -> bool:
    """Whether a number is written in a way that may have been misread."""
    return text.lower() not in BLANKS and not PLAIN.fullmatch(text)


def _spread(values: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Values of every row."""
    return np.append(values, np.nan)[codes]


def _numbers(
    texts: list[str], counts: np.ndarray, separator: str
) -> tuple[np.ndarray | None, list[str]]:
    """Numbers for texts, None if they are none, and the few that are not."""
    found = np.array([number_of(one, decimal_comma=separator != ",") for one in texts])
    marks = np.array([one.lower() in BLANKS for one in texts], dtype=bool)
    good = np.isfinite(found)
    odd = [text for text, ok, mark in zip(texts, good, marks, strict=True) if not (ok or mark)]
    if not good.any():
        return None, []
    if odd:
        share = counts[good].sum() / counts[~marks].sum()
        if len(odd) > _FEW_ODD or share < _MOSTLY or good.sum() <= _MANY:
            return None, []
    return found, odd
