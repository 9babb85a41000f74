import numpy as np
import pytest

from skgeh.geh._regions import Regions, level_rule
from skgeh.tables.feature import MISSING, Feature
from tests.geh import readers
from tests.geh.test_rules import FEATURES, table


def regions(features, values, labels):
    """Regions of encoded points that went through standard units and back."""
    X = np.column_stack([one.encode(own) for one, own in zip(features, values, strict=True)])
    mean, scale = X.mean(0), X.std(0) + 1e-9
    return Regions(features, (X - mean) / scale * scale + mean, np.asarray(labels))


@pytest.fixture(scope="module")
def found():
    values = table()
    labels = 2 * (values[0] > 40) + (values[4] >= 12)
    return regions(FEATURES, values, labels), values, labels


def test_values_are_those_that_were_encoded(found):
    some, values, _ = found
    for one, expected in zip(some.values, values, strict=True):
        np.testing.assert_array_equal(one, expected)


def test_truth_is_what_one_counts(found):
    some, values, labels = found
    columns = some.columns()
    first = ["group", "rows", "share", "rule", "accuracy", "precision", "recall"]
    assert list(columns) == [*first, *(one.name for one in FEATURES)]
    for group in range(4):
        inside = labels == group
        holds = readers.holds(columns["rule"][group], FEATURES, values)
        assert columns["rows"][group] == inside.sum()
        assert columns["share"][group] == pytest.approx(inside.mean())
        assert columns["accuracy"][group] == pytest.approx((holds == inside).mean())
        assert columns["precision"][group] == pytest.approx(inside[holds].mean())
        assert columns["recall"][group] == pytest.approx(holds[inside].mean())
    assert (columns["accuracy"] > 0.98).all()


def test_random_groups_have_no_accuracy(found):
    _, values, _ = found
    labels = np.random.default_rng(9).integers(0, 4, 1000)
    columns = regions(FEATURES, values, labels).columns()
    for group in range(4):
        holds = readers.holds(columns["rule"][group], FEATURES, values)
        assert columns["accuracy"][group] == pytest.approx((holds == (labels == group)).mean())
    assert (columns["accuracy"] < 0.8).all() and (columns["precision"] < 0.7).all()


def test_centres_are_those_of_each_kind(found):
    some, values, labels = found
    columns = some.columns()
    for group in range(4):
        own = [one[labels == group] for one in values]
        assert columns["age"][group] == pytest.approx(own[0].mean())
        assert columns["income a year"][group] == pytest.approx(np.nanmean(own[1]))
        for place in (2, 3, 5):
            most = np.bincount(own[place].astype(int)).argmax()
            assert columns[FEATURES[place].name][group] == FEATURES[place].levels[most]
        middle = int(np.median(own[6]))
        assert columns["education"][group] == FEATURES[6].levels[middle]
        hour = int(columns["hour"][group])
        assert abs(hour - (17 if group % 2 else 5)) <= 2


def test_hours_around_midnight_have_their_centre_there():
    hour = Feature("hour", "cycle", (0, 1), tuple(map(str, range(24))))
    columns = regions([hour], [np.array([22.0, 23, 0, 1, 2, 12, 12])], [0] * 5 + [1] * 2).columns()
    assert columns["hour"].tolist() == ["0", "12"]


def test_what_is_mostly_missing():
    features = [
        Feature("x", "number", (0, 1), neutral=(0.0,), has_missing=True),
        Feature("c", "category", (2, 3, 4), ("a", "b", "c"), neutral=(0.3, 0.3, 0.4)),
    ]
    nothing = [np.array([1.0, np.nan, np.nan, np.nan]), np.array([1.0, 1.0, np.nan, np.nan])]
    columns = regions(features, nothing, [0, 0, 1, 1]).columns()
    assert columns["x"][0] == 1 and np.isnan(columns["x"][1])
    assert columns["c"].tolist() == ["b", MISSING]


def test_bare_columns_have_a_centre_and_no_rule():
    place = Feature("place", "columns", (0, 1))
    X = np.column_stack([np.repeat([1.0, 5.0], 10), np.repeat([2.0, 4.0], 10)])
    columns = Regions([place], X, np.repeat([0, 1], 10)).columns()
    assert columns["rule"].tolist() == ["all rows"] * 2
    assert columns["place"].tolist() == ["(1, 2)", "(5, 4)"]


@pytest.mark.parametrize("name", ["group", "rule", "rows", "accuracy"])
def test_features_that_are_called_like_columns(name):
    features = [Feature(one, "number", (j,)) for j, one in enumerate([name, f"{name} (centre)"])]
    X = np.random.default_rng(0).normal(size=(60, 2))
    columns = Regions(features, X, (X[:, 0] > 0).astype(int)).columns()
    assert columns["rule"].tolist() == [f"{name} <= 0", f"{name} > 0"]
    assert len(columns) == 9 and list(columns)[-1] == f"{name} (centre) (centre)"
    assert columns[f"{name} (centre)"][1] == pytest.approx(X[X[:, 0] > 0, 0].mean())


def test_booleans_without_names():
    flag = Feature("flag", "boolean", (0,))
    columns = regions([flag], [np.array([0.0, 0, 1, 1, 1])], [0, 0, 1, 1, 1]).columns()
    assert columns["rule"].tolist() == ["flag = False", "flag = True"]
    assert columns["flag"].tolist() == ["False", "True"]


def test_rules_of_levels():
    assert level_rule(FEATURES[2], 0) == "sex = female"
