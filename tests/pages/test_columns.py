import numpy as np
import pandas as pd
import polars as pl
import pytest

from skgeh.pages import _columns
from skgeh.pages._columns import columns
from skgeh.pages._reading import Reading
from tests.pages.models import fitted


@pytest.fixture
def read():
    model, _, y = fitted("product")
    return Reading.of(model, y)


FRAME = {
    "age": [1.0, 2.0, None, 4.0],
    "sex": ["f", "m", "m", None],
    "adult": [True, False, True, True],
}


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_columns_of_a_frame(read, make):
    found, left = columns(read, make(FRAME))
    by_name = {one.name: one for one in found}
    assert list(by_name) == list(FRAME) and left == ""
    assert by_name["age"].missing == "1 (25%)" and "1 to 4, median 2" in by_name["age"].values
    assert by_name["sex"].missing == "1 (25%)" and by_name["sex"].values == "2 levels: f, m"
    assert by_name["adult"].missing == "none"


def test_columns_of_an_array_and_of_no_table(read):
    found, _ = columns(read, np.ones((5, 4)))
    assert [one.name for one in found] == list("abcd")
    found, _ = columns(read, None)
    assert [(one.name, one.taken_for) for one in found] == [(name, "number") for name in "abcd"]


def test_many_columns_are_counted(read, monkeypatch):
    monkeypatch.setattr(_columns, "_MOST", 3)
    found, left = columns(read, np.ones((5, 4)))
    assert len(found) == 3 and left == "1 more column."
