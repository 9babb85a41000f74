import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest

from skgeh.tables._column import Column, words_of
from skgeh.tables.reading import Reading

CLOCK = pd.date_range("2024-03-30 22:30", periods=3, freq="h")


@pytest.mark.parametrize(
    ("values", "held"),
    [
        ([1, 2.5, None], "numbers"),
        ([True, False, None], "booleans"),
        (["a", 1, None], "words"),
        ([datetime.date(2024, 1, 1), None, datetime.date(2024, 1, 2)], "dates"),
        ([[1], [2], [3]], "nothing"),
        ([{"a": 1}, None, {}], "nothing"),
        ([None, None, None], "words"),
    ],
)
def test_objects_are_what_they_hold(values, held):
    frame = pd.DataFrame({"a": pd.Series(values, dtype=object)})
    assert [column.held for column in Reading.of(frame)] == [held]


def test_ordered_categories_are_places_of_levels():
    sizes = pd.Categorical(["s", "l", None], categories=["s", "m", "l"], ordered=True)
    (column,) = Reading.of(pd.DataFrame({"a": sizes}))
    assert column.held == "ordered" and column.levels == ("s", "m", "l")
    np.testing.assert_array_equal(column.values, [0, 2, np.nan])
    assert words_of(column).tolist() == ["s", "l", None]


def test_declared_categories_are_words():
    frames = [
        pd.DataFrame({"a": pd.Categorical([1, 2, 1])}),
        pl.DataFrame({"a": pl.Series(["1", "2", "1"], dtype=pl.Enum(["1", "2"]))}),
    ]
    for frame in frames:
        (column,) = Reading.of(frame)
        assert column.is_declared and column.values.tolist() == ["1", "2", "1"]


def test_hours_are_those_of_the_clock():
    here = CLOCK.tz_localize("Europe/Berlin", nonexistent="shift_forward")
    (column,) = Reading.of(pd.DataFrame({"a": here}))
    assert pd.DatetimeIndex(column.values).hour.tolist() == here.hour.tolist()


def test_numbers_as_words_have_no_needless_point():
    assert words_of(Column("numbers", np.array([1.0, 2.5, np.nan]))).tolist() == ["1", "2.5", None]
    assert words_of(Column("booleans", np.array([1.0, 0, np.nan]))).tolist() == [
        "True", "False", None,
    ]  # fmt: skip
