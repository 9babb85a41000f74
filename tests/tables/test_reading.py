import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from skgeh.tables.reading import Reading

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


def test_lists_with_words_keep_their_numbers():
    read = Reading.of([["a", 1], ["b", 2]])
    assert [column.held for column in read] == ["words", "numbers"]
