import numpy as np
import pandas as pd
import pytest

from skgeh.tables._codes import LEAST_ROWS, MOST_LEVELS, RARE
from skgeh.tables.encoding import Encoding
from skgeh.tables.feature import MISSING

N = 300


def feature(frame):
    """The only feature of a column beside a number, its encoding and its columns."""
    encoding = Encoding.of(frame)
    own = encoding.features[0]
    return own, encoding, encoding.transform(frame)[:, list(own.columns)]


def column(values, name="a"):
    return pd.DataFrame({name: values, "x": np.arange(len(values)) * 0.37})


def test_missing_numbers_are_the_median_and_an_indicator_of_the_same_feature():
    values = np.arange(50.0)
    values[::4] = np.nan
    own, _, found = feature(column(values))
    assert own.name == "a" and len(own.columns) == 2
    np.testing.assert_array_equal(found[:, 1], np.isnan(values))
    np.testing.assert_array_equal(found[:, 0], np.where(np.isnan(values), np.nanmedian(values),
                                                        values))  # fmt: skip


def test_a_few_missing_numbers_have_no_indicator():
    values = np.arange(50.0)
    values[: LEAST_ROWS - 1] = np.nan
    own, encoding, found = feature(column(values))
    assert len(own.columns) == 1 and (found[: LEAST_ROWS - 1, 0] == np.nanmedian(values)).all()
    assert encoding.notes[0].detail == "9 missing"


@pytest.mark.parametrize("n_missing", [3, 20])
def test_missing_words_are_a_level_if_they_are_many(n_missing):
    values = np.array(["u", "v", "w"] * 30, dtype=object)
    values[:n_missing] = None
    own, _, found = feature(column(values))
    assert (MISSING in own.levels) == (n_missing >= LEAST_ROWS)
    np.testing.assert_allclose(found[:n_missing].sum(1), 1)
    if n_missing < LEAST_ROWS:  # they count as an average row
        np.testing.assert_allclose(found[0], own.neutral)


def test_rare_levels_are_together():
    values = np.array(["u"] * 50 + ["v"] * 30 + [f"r{k}" for k in range(15)], dtype=object)
    own, _, found = feature(column(values))
    assert own.levels == ("u", "v", RARE)
    np.testing.assert_array_equal(found.sum(0), [50, 30, 15])


def test_levels_in_too_few_rows_count_as_an_average_row():
    values = np.array(["u"] * 50 + ["v"] * 40 + ["w"] * 12 + ["r"] * 3, dtype=object)
    own, encoding, found = feature(column(values))
    assert own.levels == ("u", "v", "w")
    np.testing.assert_allclose(found[-1], np.array([50, 40, 12]) / 102)
    assert "too few rows" in encoding.notes[0].detail


def test_levels_are_not_more_than_a_table_can_bear():
    values = np.repeat([f"l{k}" for k in range(50)], 20)
    own, _, _ = feature(column(values))
    assert len(own.levels) == MOST_LEVELS and RARE in own.levels


def test_small_tables_keep_their_levels():
    own, _, found = feature(column(["u", "v", "u", "u", "v", "v", "u", "v"]))
    assert own.levels == ("u", "v") and found[:, 0].tolist() == [0, 1, 0, 0, 1, 1, 0, 1]


def test_numbers_that_are_written_as_words():
    values = np.array(["1", "2.5", "?", " ", "-3e2"] * 10, dtype=object)
    own, _, found = feature(column(values))
    assert own.kind == "number" and len(own.columns) == 2
    assert found[:5, 0].tolist() == [1, 2.5, 1, 1, -300]


def test_postal_codes_are_no_numbers():
    own, _, _ = feature(column(["02139", "10001"] * 20))
    assert own.kind == "category" and own.levels == ("02139", "10001")


@pytest.mark.parametrize(
    ("words", "numbers"),
    [(["$1,200", "$90"], [1200, 90]), (["10%", "7 %"], [10, 7]), (["1,5", "2,25"], [1.5, 2.25])],
)
def test_numbers_with_units_are_numbers(words, numbers):
    own, _, found = feature(column(np.array(words * 20, dtype=object)))
    assert own.kind == "number" and found[:2, 0].tolist() == numbers


@pytest.mark.parametrize("gaps", [{}, {None: 15}, {"unknown": 15}])
def test_ids_are_refused_beside_gaps(gaps):
    values = np.array([f"p{k}" for k in range(200)], dtype=object)
    for mark, count in gaps.items():
        values[:count] = mark
    with pytest.raises(ValueError, match="'a': texts"):
        Encoding.of(column(values))


def test_levels_with_the_names_of_gaps():
    own, _, _ = feature(column(np.array(["(missing)", "x", None] * 20, dtype=object)))
    assert own.levels == ("(missing)", "x", "(missing) values")
