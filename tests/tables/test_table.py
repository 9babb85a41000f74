from types import SimpleNamespace

import numpy as np
import pandas as pd
import polars as pl
import pytest

from skgeh.geh.pairs import chosen_pairs, pair_index
from skgeh.tables.table import (
    Table,
    _label_columns,
    _number_columns,
    _unit_codes,
    codes_of,
)
from tests.oracles import assert_close


def rows(n=120, d=4, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.normal(size=n)


NAMES = ("age", "bmi", "dose", "site")
DEFAULT = ("x0", "x1", "x2", "x3")
FRAMES = {
    "array": (lambda X: X, DEFAULT, "pandas", DEFAULT),
    "list": (lambda X: X.tolist(), DEFAULT, "pandas", DEFAULT),
    "pandas": (lambda X: pd.DataFrame(X, columns=NAMES), NAMES, "pandas", NAMES),
    "polars": (lambda X: pl.DataFrame(X, schema=list(NAMES)), NAMES, "polars", NAMES),
    "numbered": (lambda X: pd.DataFrame(X), DEFAULT, "pandas", (0, 1, 2, 3)),
}


@pytest.mark.parametrize("kind", FRAMES)
def test_names_and_kind_of_frame(kind):
    build, names, backend, labels = FRAMES[kind]
    X, y = rows()
    table = Table.of(build(X), y)
    assert table.encoding.names == table.encoding.column_names == names
    assert table.encoding.is_named == (names == NAMES)
    assert table.encoding.labels == labels
    assert table.frame_backend == backend
    np.testing.assert_array_equal(table.X, X)
    np.testing.assert_array_equal(chosen_pairs(None, table.encoding.feature_labels), pair_index(4))


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
        Table.of(X, y).check_testable()
    assert len(Table.of(*rows(100)).check_testable().X) == 100
    assert len(Table.of(X, y).check_testable(min_rows=99).X) == 99


def test_few_rows_are_enough_to_learn_from():
    assert len(Table.of(*rows(8)).X) == 8
    with pytest.raises(ValueError, match="minimum of 8 is required"):
        Table.of(*rows(7))
    assert len(Table.of(*rows(7), min_rows=1).X) == 7


@pytest.mark.parametrize(("where", "value"), [("X", np.inf), ("y", np.inf), ("y", np.nan)])
def test_what_is_infinite_and_targets_that_are_missing(where, value):
    X, y = rows()
    (X if where == "X" else y)[7] = value
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        Table.of(X, y)


@pytest.mark.parametrize(
    ("y", "labels", "message"),
    [
        (
            np.array(["a", "b"] * 60, dtype=object),
            False,
            "y must hold numbers; got text such as 'a'",
        ),
        (np.array(["a", None, "b"] * 40, dtype=object), True, "y has 40 missing labels"),
        (pd.date_range("2024-01-01", periods=120), False, "y holds dates"),
    ],
    ids=["words", "missing", "dates"],
)
def test_targets_that_cannot_be_used(y, labels, message):
    with pytest.raises(ValueError, match=message):
        Table.of(rows()[0], y, labels=labels)


def test_features_may_be_missing():
    X, y = rows()
    X[7, 0] = np.nan
    table = Table.of(X, y)
    assert table.X[7, 0] == np.nanmedian(X[:, 0]) and np.isnan(table.given.matrix[7, 0])


def test_rows_without_weight_have_no_part_in_the_encoding():
    words = np.array([["a", "b"][k % 2] for k in range(119)] + ["c"], dtype=object)
    frame = pd.DataFrame({"word": words, "x": np.arange(120) * 0.3})
    weight = np.append(np.ones(119), 0.0)
    weighted, kept = Table.of(frame, frame["x"], weight), Table.of(frame[:-1], frame["x"][:-1])
    assert weighted.encoding.column_names == kept.encoding.column_names == ("word_b", "x")
    np.testing.assert_array_equal(weighted.X, kept.X)
    assert weighted.given.n_rows == 119


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (rows()[0][:, :1], rows()[1], "minimum of 2 is required"),
        (rows()[0], rows()[1][:-1], "inconsistent numbers of samples"),
        (rows()[0], np.ones((120, 2)), "Target 0 is constant"),
        (rows()[0], np.ones(120), r"The target is constant \(1\): there is nothing to test"),
        (np.arange(240).reshape(120, 2).astype(str) + "a", rows()[1], "cannot be used"),
    ],
    ids=["one feature", "lengths", "two targets", "one target", "words"],
)
def test_tables_that_cannot_be_used(X, y, message):
    with pytest.raises(ValueError, match=message):
        Table.of(X, y).check_testable()


def test_messages_name_who_reads():
    X, y = rows()
    with pytest.raises(ValueError, match="minimum of 500 is required by GEHSelector"):
        Table.of(X, y, reader="GEHSelector", min_rows=500)


# Weights


def weighted(seed=0):
    X, y = rows(d=3)
    weight = np.random.default_rng(seed).integers(0, 4, 120)
    return X, y, weight.astype(float)


def test_rows_of_weight_zero_are_not_there():
    X, y, weight = weighted()
    table, counted = Table.of(X, y, weight), weight > 0
    assert 0 < counted.sum() < 120
    np.testing.assert_array_equal(table.X, X[counted])
    np.testing.assert_array_equal(table.y[:, 0], y[counted])
    np.testing.assert_array_equal(table.weight, weight[counted])
    assert Table.of(X, y).weight.tolist() == [1] * 120


def test_classes_are_those_of_the_rows_that_count():
    X, _, weight = weighted()
    y = np.where(weight == 0, "none", np.where(X[:, 0] > 0, "yes", "no"))
    assert Table.of(X, y, weight, labels=True).classes.tolist() == ["no", "yes"]


def test_standard_units_count_weights_as_repetitions():
    X, y, weight = weighted()
    table = Table.of(X, y, weight)
    times = weight.astype(int)
    again = np.repeat(X, times, axis=0), np.repeat(y, times)
    kept = weight > 0
    expected = (X[kept] - again[0].mean(0)) / again[0].std(0)
    assert_close(table.Z, expected)
    assert_close(table.target[:, 0], (y[kept] - again[1].mean()) / again[1].std())


def test_labels_are_learned_as_they_are():
    X, _ = rows()
    table = Table.of(X, X[:, 0] > 0, labels=True)
    np.testing.assert_array_equal(table.target, table.y)
    assert set(table.target.ravel()) == {0, 1}


# Targets


def test_several_targets_have_places_and_one_has_none():
    X, y = rows()
    assert Table.of(X, y).targets is None
    assert Table.of(X, np.column_stack([y, -y, y**2])).targets == [0, 1, 2]
    three = Table.of(X, np.arange(120) % 3, labels=True)
    assert three.targets == [0, 1, 2] and three.y.shape == (120, 3)
    assert Table.of(X, np.arange(120) % 2, labels=True).targets is None


@pytest.mark.parametrize("classes", [["no", "yes"], ["a", "b", "c"], [3, 7, 9, 11]], ids=len)
def test_strata_are_the_classes_of_the_rows(classes):
    X, y = rows()
    codes = np.random.default_rng(1).integers(0, len(classes), 120)
    table = Table.of(X, np.array(classes)[codes], labels=True)
    assert table.classes.tolist() == classes
    np.testing.assert_array_equal(table.strata, codes)
    np.testing.assert_array_equal(codes_of(_label_columns(np.array(classes)[codes])[0]), codes)
    assert Table.of(X, y).strata is None


def test_rare_classes_say_less():
    X = rows(200)[0]
    y = np.repeat(["rare", "often"], [20, 180])
    assert Table.of(X, y, labels=True).information == pytest.approx(0.2)
    assert Table.of(X, np.repeat([0, 1, 2, 3], 50), labels=True).information == 1
    assert Table.of(X, X[:, 0]).information == 1
    rare = Table.of(X, np.repeat(["rare", "often"], [9, 191]), labels=True)
    with pytest.raises(ValueError, match="10 rows of every class; got 9 of 'rare'"):
        rare.check_testable()
    assert rare.check_testable(min_class=9) is rare


@pytest.mark.parametrize(
    ("y", "words"),
    [(np.zeros(120), r"one class only \(0\.0\)"), (np.linspace(0, 1, 120), "Unknown label type")],
)
def test_labels_that_cannot_be_used(y, words):
    with pytest.raises(ValueError, match=words):
        Table.of(rows()[0], y, labels=True)


def test_targets_that_do_not_vary_have_places():
    X, y = rows()
    table = Table.of(X, np.column_stack([y, 0 * y, y, 0 * y + 2]))
    assert table.constant_targets.tolist() == [1, 3]
    with pytest.raises(ValueError, match=r"Target 1 is constant \(0\)"):
        table.check_testable()
    assert Table.of(X, y).constant_targets.tolist() == []


def test_a_column_is_a_target_and_is_warned_about():
    _, y = rows()
    with pytest.warns(UserWarning, match="column-vector"):
        found = _number_columns(y[:, None])
    np.testing.assert_array_equal(found, _number_columns(y))
    assert found.shape == (120, 1)


# Names of an estimator's features


def test_names_reach_an_estimator_and_old_ones_leave_it():
    X, y = rows()
    estimator = SimpleNamespace()
    Table.of(pd.DataFrame(X, columns=NAMES), y).name_features_of(estimator)
    assert estimator.n_features_in_ == 4
    assert estimator.feature_names_in_.dtype == object
    assert tuple(estimator.feature_names_in_) == NAMES
    Table.of(X[:, :3], y).name_features_of(estimator)
    assert vars(estimator) == {"n_features_in_": 3}


def test_columns_of_few_whole_numbers_and_their_highest_values():
    n = 120
    X = np.column_stack([np.arange(n), np.arange(n) % 2, np.ones(n), np.arange(n) % 20, rows()[0]])
    table = Table.of(X, rows()[1])
    assert list(table.whole_columns) == [1, 3]
    np.testing.assert_allclose(list(table.whole_columns.values()), table.Z[:, [1, 3]].max(0))


def test_numbers_too_large_to_be_standardised_are_refused_by_name():
    X, y = rows()
    with pytest.raises(ValueError, match=r"variance of target 0 overflows.*Divide it"):
        Table.of(X, y * 1e200)
    X[:, 2] *= 1e180
    with pytest.raises(ValueError, match="variance of x2 overflows"):
        Table.of(X, y)


# Units

UNITS = {
    "text": ["bob", "ann", "bob", "cy"],
    "numbers": [7, -2, 7, 100],
    "halves": [0.5, 0.25, 0.5, 9.0],
    "booleans": [True, False, True, True],
    "mixed": ["7", 3, "7", "x"],
    "categories": pd.Categorical(["bob", "ann", "bob", "cy"], categories=["cy", "bob", "ann"]),
    "strings": pd.Series(["bob", "ann", "bob", "cy"], dtype="string"),
    "polars": pl.Series(["bob", "ann", "bob", "cy"]),
    "days": pd.to_datetime(["2024-05-02", "2024-05-01", "2024-05-02", "2024-05-03"]),
}


@pytest.mark.parametrize("kind", UNITS)
def test_units_are_numbered_from_zero(kind):
    expected = [1, 0, 1, 1] if kind == "booleans" else [1, 0, 1, 2]
    assert _unit_codes(UNITS[kind], np.ones(4, dtype=bool)).tolist() == expected


@pytest.mark.parametrize("kind", UNITS)
def test_units_of_rows_that_do_not_count_have_no_number(kind):
    counted = np.array([True, True, True, False])
    assert _unit_codes(UNITS[kind], counted).tolist() == [1, 0, 1]
    only = np.array([False, True, True, True])
    assert _unit_codes(UNITS[kind], only).max() == (1 if kind == "booleans" else 2)


MISSING = [[None, "a", "b"], [np.nan, 1.0, 2.0], [pd.NaT, *pd.to_datetime(["2024", "2025"])]]


@pytest.mark.parametrize("groups", [*MISSING, pd.array([pd.NA, 1, 2], dtype="Int64")], ids=str)
def test_missing_units_are_refused_if_their_rows_count(groups):
    with pytest.raises(ValueError, match=r"groups must say for every row.*missing labels"):
        _unit_codes(groups, np.ones(3, dtype=bool))
    assert _unit_codes(groups, np.array([False, True, True])).tolist() == [0, 1]


@pytest.mark.parametrize("groups", [[1, 2], [[1], [2], [3]], [1, 2, 3, 4], 5, "abc"], ids=str)
def test_units_of_another_shape_are_refused(groups):
    with pytest.raises(ValueError, match="one label for each of the 3 rows; got shape"):
        _unit_codes(groups, np.ones(3, dtype=bool))


def test_a_single_unit_is_refused():
    for groups, counted in (
        (["ann"] * 3, [True] * 3),
        (["ann", "ann", "bob"], [True, True, False]),
    ):
        with pytest.raises(ValueError, match=r"at least two units; got one .*ann"):
            _unit_codes(groups, np.array(counted))


def test_a_table_keeps_the_units_of_rows_that_count():
    X, y = rows()
    weight, groups = np.ones(120), np.repeat(np.arange(12), 10)
    weight[:15] = 0
    table = Table.of(X, y, weight, groups)
    np.testing.assert_array_equal(table.units, groups[15:] - 1)
    assert Table.of(X, y).units is None
