import math

import pytest

from skgeh.pages._numbers import counted, crossed, interval, number, p_value, percent, signed
from skgeh.tables.messages import listed


@pytest.mark.parametrize("power", range(-12, 13))
@pytest.mark.parametrize("digits", [1.0, 1.2345, 9.9951, 4.0049])
def test_a_number_reads_back_within_three_digits(power, digits):
    value = digits * 10.0**power
    text = number(value).replace("\u2212", "-").replace(",", "")
    if "\u00d7" in text:
        mantissa, exponent = text.split("\u00d7")
        raised = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-", strict=True))
        back = float(mantissa) * 10.0 ** int("".join(raised[c] for c in exponent.strip()[2:]))
    else:
        back = float(text)
    assert math.isclose(back, value, rel_tol=0.0051)
    assert number(-value) == "\u2212" + number(value)


def test_numbers_that_are_none():
    assert number(math.nan) == p_value(math.nan) == percent(math.nan) == ""
    assert number(0.0) == "0" and number(math.inf) == "no limit"
    assert interval(math.nan, math.nan) == ""


@pytest.mark.parametrize("p", [5e-324, 1e-300, 1e-15, 1e-4, 9.99e-4, 0.049999, 0.99999, 1.0])
def test_a_p_value_is_never_zero(p):
    text = p_value(p)
    assert text.strip("0.") and text != "0"


def test_shares():
    assert percent(0.99999) == "100%"
    assert percent(1e-9).endswith("0.1%") and percent(1e-9).startswith("<")
    assert percent(0.0999) == "10%" and percent(-0.0001) in ("0%", "\u22120%")


def test_words():
    assert counted(1, "row") == "1 row" and counted(1234, "row") == "1,234 rows"
    assert listed([], 3) == "" and listed(["a"], 3) == "a" and listed("abcd", 3).endswith("1 more")
    assert crossed("a", "b") == "a \u00d7 b"
    assert [signed(sign) for sign in ("+", "-", "mixed", "")] == ["+", "\u2212", "mixed", ""]
