import datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from skgeh.tables.reading import Column, Reading, words_of

CLOCK = pd.date_range("2024-03-30 22:30", periods=3, freq="h")
FRAME = pd.DataFrame(
    {
        "float": [1.5, np.nan, 3.0],
        "int": [1, 2, 3],
        "nullable": pd.array([1, None, 3], dtype="Int64"),
        "bool": [True, False, True],
        "maybe": pd.array([True, None, False], dtype="boolean"),
        "word": ["a", None, " b "],
        "when": CLOCK,
        "ago": pd.to_timedelta(["1s", "2s", "3s"]),
    }
)
HELD = ["numbers", "numbers", "numbers", "booleans", "booleans", "words", "dates", "numbers"]
FORMS = {"pandas": FRAME, "polars": pl.from_pandas(FRAME), "pyarrow": pa.Table.from_pandas(FRAME)}


@pytest.mark.parametrize("backend", FORMS)
def test_frames_of_any_library_are_read_alike(backend):
    read = Reading.of(FORMS[backend])
    assert read.backend == backend and read.names == tuple(FRAME) and read.is_named
    assert [column.held for column in read] == HELD
    values = {name: column.values for name, column in zip(read.names, read, strict=True)}
    np.testing.assert_array_equal(values["float"], [1.5, np.nan, 3])
    np.testing.assert_array_equal(values["nullable"], [1, np.nan, 3])
    np.testing.assert_array_equal(values["maybe"], [1, np.nan, 0])
    assert values["word"].tolist() == ["a", None, "b"]
    assert (values["when"] == CLOCK.to_numpy()).all()
    np.testing.assert_array_equal(values["ago"], [1, 2, 3])


@pytest.mark.parametrize("backend", FORMS)
def test_some_of_the_rows(backend):
    rows = np.array([2, 0])
    found, whole = Reading.of(FORMS[backend]).at(rows), list(Reading.of(FORMS[backend]))
    assert found.n_rows == 2 and len(found.native) == 2
    for column, all_rows in zip(found, whole, strict=True):
        assert column.values.tolist() == all_rows.values[rows].tolist()


def test_numbers_alone_are_one_matrix():
    X = np.arange(6.0).reshape(3, 2)
    for given in (X, X.tolist(), pd.DataFrame(X), X.astype(object), X.astype(np.float16)):
        np.testing.assert_array_equal(Reading.of(given).matrix, X)


@pytest.mark.parametrize(
    ("given", "labels", "named"),
    [
        (np.eye(2), ("x0", "x1"), False),
        (pd.DataFrame(np.eye(2), columns=["a", "b"]), ("a", "b"), True),
        (pl.DataFrame(np.eye(2), schema=["a", "b"]), ("a", "b"), True),
        (pd.DataFrame(np.eye(2)), (0, 1), False),
        (pd.DataFrame(np.eye(2), columns=[3, 2]), (3, 2), False),
        (pd.DataFrame({0: ["a", "b"], 1: [1, 2]}), (0, 1), False),
    ],
)
def test_labels_are_names_if_they_are_words(given, labels, named):
    read = Reading.of(given)
    assert (read.labels, read.is_named) == (labels, named)
    assert read.names == (labels if named else ("x0", "x1"))


def test_words_beside_numbers_as_names_are_refused():
    with pytest.raises(TypeError, match="string names"):
        Reading.of(pd.DataFrame(np.eye(2), columns=["a", 1]))


def test_names_that_come_twice_are_refused_by_name():
    with pytest.raises(ValueError, match=r"several columns called \['a'\]"):
        Reading.of(pd.DataFrame(np.eye(3), columns=["a", "b", "a"]))


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


def test_lists_with_words_keep_their_numbers():
    read = Reading.of([["a", 1], ["b", 2]])
    assert [column.held for column in read] == ["words", "numbers"]


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
