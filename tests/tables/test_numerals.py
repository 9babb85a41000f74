import numpy as np
import pytest

from skgeh.tables.numerals import BLANKS, number_of


@pytest.mark.parametrize(
    ("text", "value"),
    [("3", 3), ("-2.5e3", -2500), ("$1,200", 1200), ("-$5", -5), ("€ 7.5", 7.5), ("12%", 12),
     ("1,234,567.8", 1234567.8), (".5", 0.5)],
)  # fmt: skip
def test_numbers_with_units_and_thousands(text, value):
    assert number_of(text) == value


@pytest.mark.parametrize(
    "text", ["", "a", "1,5", "12 m", "1-2", "1,23,4", "nan", "inf", *sorted(BLANKS)]
)
def test_what_is_no_number(text):
    assert np.isnan(number_of(text))


def test_decimal_commas_are_asked_for():
    assert [number_of(one, decimal_comma=True) for one in ("1,5", "1.234,5", "3")] == [
        1.5, 1234.5, 3,
    ]  # fmt: skip
