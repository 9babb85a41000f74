"""Numbers in words: at most three digits, and no probability is ever 0."""

import math

_DIGITS = 3
_PLAIN = 1e-4, 1e7  # numbers between these are written without a power of ten
_LEAST = 1e-15  # p-values below this are not told apart
MINUS = "\u2212"
_TIMES = "\u00d7"
_HELD = "\u00a0"  # a space at which no line breaks
_RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def number(value: float) -> str:
    """A number with at most three digits; '' if there is none.

    Examples
    --------
    >>> [number(x) for x in (0.61234, -0.00012, 123456.0, 3.0, float("nan"), float("inf"))]
    ['0.612', '\u22120.00012', '123,000', '3', '', 'no limit']
    >>> number(1.2345e-9).split()[::2]
    ['1.23', '10⁻⁹']
    """
    if math.isnan(value):
        return ""
    if math.isinf(value):
        return "no limit"
    if value == 0:
        return "0"
    rounded = float(f"{abs(value):.{_DIGITS}g}")
    sign = MINUS if value < 0 else ""
    if _PLAIN[0] <= rounded < _PLAIN[1]:
        decimals = max(_DIGITS - 1 - math.floor(math.log10(rounded)), 0)
        text = f"{rounded:,.{decimals}f}"
        return sign + (text.rstrip("0").rstrip(".") if decimals else text)
    return sign + _scientific(rounded, _DIGITS)


def p_value(value: float) -> str:
    """A p-value with two digits, '' if there was no test.

    Examples
    --------
    >>> [p_value(p).split()[-1] for p in (1.0, 0.0312, 0.00012345, 1e-300)]
    ['1', '0.031', '10⁻⁴', '10⁻¹⁵']
    """
    if math.isnan(value):
        return ""
    if value < _LEAST:
        return f"<{_HELD}10" + str(round(math.log10(_LEAST))).translate(_RAISED)
    return f"{value:.2g}" if value >= 0.001 else _scientific(value, 2)


def percent(share: float) -> str:
    """A share in per cent.

    Examples
    --------
    >>> [percent(x) for x in (0.3642, 0.04213, 0.0, -0.02, float("nan"))]
    ['36%', '4.2%', '0%', '\u22122%', '']
    """
    if math.isnan(share):
        return ""
    if 0 < share < 0.001:
        return f"<{_HELD}0.1%"
    text = f"{100 * share:.{0 if abs(share) >= 0.1 else 1}f}".removesuffix(".0")
    return f"{text.replace('-', MINUS)}%"


def interval(low: float, high: float) -> str:
    """An interval, '' if there is none.

    Examples
    --------
    >>> interval(0.2, 0.4), interval(float("nan"), float("nan"))
    ('0.2 to 0.4', '')
    """
    return "" if math.isnan(low) else f"{number(low)} to {number(high)}"


def counted(count: int, noun: str, nouns: str | None = None) -> str:
    """A count and its noun.

    Examples
    --------
    >>> counted(1, "row"), counted(20640, "row"), counted(2, "class", "classes")
    ('1 row', '20,640 rows', '2 classes')
    """
    return f"{count:,} {noun if count == 1 else nouns or noun + 's'}"


def crossed(one: str, other: str) -> str:
    """Name of a pair."""
    return f"{one} {_TIMES} {other}"


def signed(sign: str) -> str:
    """The sign of a pair as it is printed."""
    return MINUS if sign == "-" else sign


def _scientific(value: float, digits: int) -> str:
    """A number as a multiple of a power of ten."""
    mantissa, power = f"{value:.{digits - 1}e}".split("e")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa}{_HELD}{_TIMES}{_HELD}10{str(int(power)).translate(_RAISED)}"
