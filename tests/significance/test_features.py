import numpy as np
import pandas as pd
import pytest

from skgeh.significance.features import Features
from skgeh.tables.table import Table


def frame(n=60, seed=0):
    rng = np.random.default_rng(seed)
    level = rng.integers(3, size=n)
    columns = {f"cat_{k}": (level == k).astype(float) for k in range(3)}
    return pd.DataFrame({"num": rng.normal(size=n)} | columns | {"other": rng.normal(size=n)})


def of(X, groups="auto"):
    return Features.of(Table.of(X, np.arange(len(X), dtype=float)), groups)


def test_one_hot_columns_are_one_feature():
    features = of(frame())
    assert features.names == features.labels == ("num", "cat", "other")
    assert [mine.tolist() for mine in features.columns] == [[0], [1, 2, 3], [4]]
    assert features.levels[0] is None and features.levels[1].max() == 2


@pytest.mark.parametrize("pair", [("num", "cat"), (0, 1), ("cat", 0)])
def test_pairs_are_named_by_feature(pair):
    assert of(frame()).pairs([pair]).tolist() == [[0, 1]]
    with pytest.raises(ValueError, match="two feature names"):
        of(frame()).pairs([("num", "cat_1")])


def test_labels_of_columns_that_are_no_names_stay():
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(30, 3)), columns=[7, 3, 5])
    assert of(X).labels == (7, 3, 5) and of(X).names == ("x0", "x1", "x2")


def test_levels_at_some_rows_are_counted_again():
    features = of(frame()).at(np.flatnonzero(frame()["cat_1"] == 0))
    assert set(features.levels[1]) == {0, 1} and len(features.X) == len(features.levels[1])


def test_some_features():
    features = of(frame()).some([1, 2])
    assert features.names == ("cat", "other") and features.levels[0] is not None


def test_a_category_of_other_names_or_codes_is_a_copy():
    X = frame()
    level = X[["cat_0", "cat_1", "cat_2"]].to_numpy().argmax(1)
    for k, name in enumerate("zyx"):
        X[f"kind_{name}"] = (level == k).astype(float)
    features = of(X)
    assert features.names == ("num", "cat", "other", "kind")
    assert features.copies.tolist() == [0, 1, 2, 1]
    assert sorted(features.twins[1]) == sorted(features.twins[3]) == [1, 2, 3, 5, 6, 7]
    assert features.reason([0, 3]) == "kind is a copy of cat" and features.reason([0, 2]) == ""
    assert features.testable(np.array([[0, 1], [0, 3]])).tolist() == [True, False]


def test_a_binary_column_and_both_of_its_indicators_are_copies():
    X = pd.DataFrame({"b": np.arange(40) % 2 * 5.0, "x": np.arange(40.0)})
    X["s_no"], X["s_yes"] = X["b"] == 0, X["b"] == 5
    assert of(X.astype(float)).copies.tolist() == [0, 1, 0]


def test_an_empty_level_leaves_a_constant():
    X = frame()
    X[["cat_0", "cat_1", "cat_2"]] = [0.0, 1.0, 0.0]
    features = of(X)
    assert features.copies[1] == -1 and features.reason([1, 2]) == "cat is constant"


def test_numbers_in_one_group_are_no_category():
    assert of(frame(), {"place": ["num", "other"]}).levels[0] is None
