"""Numbers that are written as words: with units, signs between thousands, decimal commas."""

import re

import numpy as np

BLANKS = {
    *("", "?", "-", "--", ".", "*", "na", "n/a", "n.a.", "nan", "none", "null", "<na>"),
    *("missing", "unknown", "0000-00-00"),
}
PLAIN = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_THOUSANDS = re.compile(r"[-+]?\d{1,3}(,\d{3})+(\.\d+)?")
_COMMA = re.compile(r"[-+]?(\d{1,3}(\.\d{3})+|\d+),\d+")
_UNITS = re.compile(r"^\s*[-+]?[$€£]\s*|\s*[%€$£]\s*$")


def number_of(text: str, *, decimal_comma: bool = False) -> float:
    """The number that a text is, NaN if it is none.

    Examples
    --------
    >>> [number_of(one) for one in ("12", "1,234.5", "-$5", "7 %", "12 m", "1,5")]
    [12.0, 1234.5, -5.0, 7.0, nan, nan]
    >>> number_of("1.234,5", decimal_comma=True)
    1234.5
    """
    bare = _UNITS.sub("", text).strip()
    minus = text.lstrip().startswith("-") and not bare.startswith("-")
    if PLAIN.fullmatch(bare):
        value = float(bare)
    elif decimal_comma and _COMMA.fullmatch(bare):
        value = float(bare.replace(".", "").replace(",", "."))
    elif _THOUSANDS.fullmatch(bare):
        value = float(bare.replace(",", ""))
    else:
        return np.nan
    return -value if minus else value
