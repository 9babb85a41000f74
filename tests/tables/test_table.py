import numpy as np
import pandas as pd
import polars as pl
import pytest

from skgeh.geh.pairs import pair_index
from skgeh.tables.table import Table, chosen_pairs


def rows(n=120, d=4, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.normal(size=n)


NAMES = ("age", "bmi", "dose", "site")
FRAMES = {
    "array": (lambda X: X, ("x0", "x1", "x2", "x3"), "pandas"),
    "list": (lambda X: X.tolist(), ("x0", "x1", "x2", "x3"), "pandas"),
    "pandas": (lambda X: pd.DataFrame(X, columns=NAMES), NAMES, "pandas"),
    "polars": (lambda X: pl.DataFrame(X, schema=list(NAMES)), NAMES, "polars"),
    "numbered": (lambda X: pd.DataFrame(X), ("x0", "x1", "x2", "x3"), "pandas"),
}


@pytest.mark.parametrize("kind", FRAMES)
def test_names_and_kind_of_frame(kind):
    build, names, backend = FRAMES[kind]
    X, y = rows()
    table = Table.of(build(X), y)
    assert table.feature_names == names
    assert table.frame_backend == backend
    np.testing.assert_array_equal(table.X, X)
    np.testing.assert_array_equal(table.pairs, pair_index(4))


@pytest.mark.parametrize("dtype", [int, bool, np.float32, np.uint8])
def test_numbers_of_any_kind(dtype):
    X, y = rows()
    table = Table.of((np.abs(X) > 1).astype(dtype), y)
    assert table.X.dtype == np.float64
    np.testing.assert_array_equal(table.X, np.abs(X) > 1)


def test_a_frame_of_several_kinds_of_numbers():
    X, y = rows()
    frame = pd.DataFrame({"a": X[:, 0] > 0, "b": X[:, 1].round().astype(int), "c": X[:, 2]})
    np.testing.assert_array_equal(
        Table.of(frame, y).X, np.column_stack([X[:, 0] > 0, X[:, 1].round(), X[:, 2]])
    )


def test_too_few_rows():
    X, y = rows(99)
    with pytest.raises(ValueError, match="at least 100 rows; got 99"):
        Table.of(X, y)
    assert len(Table.of(*rows(100)).X) == 100
    assert len(Table.of(X, y, minimum=99).X) == 99


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("where", ["X", "y"])
def test_missing_and_infinite_values(value, where):
    X, y = rows()
    (X if where == "X" else y)[7] = value
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        Table.of(X, y)


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (rows()[0][:, :1], rows()[1], "minimum of 2 is required"),
        (rows()[0], rows()[1][:-1], "inconsistent numbers of samples"),
        (rows()[0], np.ones((120, 2)), "Target 0 is constant"),
        (np.full((120, 2), "a"), rows()[1], "could not convert string"),
    ],
    ids=["one feature", "lengths", "two targets", "words"],
)
def test_tables_that_cannot_be_used(X, y, message):
    with pytest.raises(ValueError, match=message):
        Table.of(X, y)


# Copies and constants


def with_copies():
    X, y = rows()
    a, b, c, _ = X.T
    return Table.of(
        pd.DataFrame({"a": a, "half": a / 2, "b": b, "one": 0 * a + 1, "c": c, "back": -(b**3)}), y
    )


def test_pairs_of_copies_and_constants_are_not_testable():
    table = with_copies()
    names = [tuple(table.feature_names[j] for j in pair) for pair in table.pairs[table.testable]]
    assert names == [("a", "b"), ("a", "c"), ("b", "c")]


def test_twins_are_all_columns_that_are_copies_of_each_other():
    twins = with_copies().twins
    assert [one.tolist() for one in twins] == [[0, 1], [0, 1], [2, 5], [3], [4], [2, 5]]


def test_the_warning_names_copies_and_their_originals():
    with pytest.warns(UserWarning, match="copies: half of a, back of b. Pairs with a copy"):
        with_copies().warn_of_copies()


def test_no_warning_without_copies():
    Table.of(*rows()).warn_of_copies()  # warnings are errors


# Chosen pairs


@pytest.mark.parametrize(
    "pairs",
    [
        [(0, 1), (1, 3)],
        [(3, 1), (1, 0), (0, 1)],
        [("age", "bmi"), ("site", "bmi")],
        [("bmi", 0), (3, "bmi")],
        np.array([[1, 0], [1, 3]]),
        ((np.int32(0), np.uint8(1)), (1, 3)),
        iter([(0, 1), (3, 1)]),
        {(0, 1), (1, 3)},
    ],
    ids=str,
)
def test_pairs_by_index_and_by_name(pairs):
    assert chosen_pairs(pairs, NAMES).tolist() == [[0, 1], [1, 3]]


@pytest.mark.parametrize(
    "pairs",
    [
        [(0, 4)],
        [(-1, 0)],
        [("age", "weight")],
        [(0, 1, 2)],
        [(0,)],
        [0, 1],
        (0, 1),
        7,
        "age",
        ("age", "bmi"),
        [(0, 1.5)],
        [(0, None)],
        [(0, [1])],
    ],
    ids=str,
)
def test_pairs_that_cannot_be_read(pairs):
    with pytest.raises(ValueError, match=r"pairs must be a sequence of two .* below 4 each"):
        chosen_pairs(pairs, NAMES)


@pytest.mark.parametrize("pairs", [[], [(1, 1)], [(0, 1), ("age", 0)]], ids=str)
def test_pairs_of_one_feature_or_none(pairs):
    with pytest.raises(ValueError, match="two different features"):
        chosen_pairs(pairs, NAMES)
