import numpy as np
import pandas as pd
import pytest

from skgeh.tables.dates import DateForm


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["2024-01-31", "2024-02-01"], ["2024-01-31", "2024-02-01"]),
        (["2024-01-31", "2024-02-01 12:00:00"], ["2024-01-31", "2024-02-01 12:00"]),
        (
            ["2024-01-31T05:30:00Z", "2024-02-01T06:00:00Z"],
            ["2024-01-31 05:30", "2024-02-01 06:00"],
        ),
        (["2024-01-31 05:30:00+02:00"], ["2024-01-31 05:30"]),  # the clock on its wall
        (["13/02/2024", "01/02/2024"], ["2024-02-13", "2024-02-01"]),
        (["01/02/2024", "13/02/2024"], ["2024-02-01", "2024-02-13"]),
        (["02/13/2024", "02/01/2024"], ["2024-02-13", "2024-02-01"]),
        (["1/31/2024 10:05 PM", "2/1/2024 1:00 AM"], ["2024-01-31 22:05", "2024-02-01 01:00"]),
        (["31.01.2024", "01.02.2024"], ["2024-01-31", "2024-02-01"]),
        (["Jan 5, 2024", "Feb 6, 2024"], ["2024-01-05", "2024-02-06"]),
        (["05-Jan-24", "06-Feb-24"], ["2024-01-05", "2024-02-06"]),
        (["2024/01/31 05:30"], ["2024-01-31 05:30"]),
    ],
)
def test_forms(words, expected):
    form = DateForm.of(words)
    found = form.read(np.array([*words, None], dtype=object))
    assert found[:-1].tolist() == [pd.Timestamp(day).to_pydatetime() for day in expected]
    assert np.isnat(found[-1])
    assert not form.is_open


@pytest.mark.parametrize("words", [["01/02/2024"], ["01-02-2024", "11-12-2024"], ["01/02/03"]])
def test_an_open_order_of_day_and_month(words):
    form = DateForm.of(words)
    assert form.is_open
    assert form.read(np.array(words, dtype=object))[0].astype("datetime64[D]").item().month == 1


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["A/5 21171", "PC 17599"],
        ["7590-VHVEG", "5575-GNVDE"],
        ["C85", "B 12"],
        ["555-123-4567", "555-987-1234"],
        ["192.168.0.1", "10.0.0.1"],
        ["2024-01-31", "soon"],
        ["31.01.2024", "01/31/2024"],
        ["12.5", "13.75"],
        ["1234567", "7654321"],
        ["version 1.2.3"],
    ],
)
def test_words_that_are_no_dates(words):
    assert DateForm.of(words) is None


def test_new_words_are_read_in_the_known_form():
    form = DateForm.of(["13/02/2024"])
    assert form.read(np.array(["01/02/2024"], dtype=object))[0].item().month == 2
    with pytest.raises(ValueError, match="%d/%m/%Y"):
        form.read(np.array(["2024-02-13"], dtype=object))
