"""Where pairs interact and with which sign, in the words of the table."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest

from skgeh import BayesianInteractionClassifier, BayesianInteractionRegressor
from tests.geh import readers

FEW = {"posterior": "gaussian_process", "n_draws": 10, "random_state": 0}


def regressor(**given):
    return BayesianInteractionRegressor(**{"n_groups": 6, **FEW, **given})


def columns(n=600, seed=0):
    """The slope of dose turns at 40 years, and with sex; pay is sometimes unknown."""
    rng = np.random.default_rng(seed)
    given = {
        "years old": rng.integers(20, 61, n),
        "dose": rng.normal(size=n),
        "sex": rng.choice(["female", "male"], n),
        "pay": np.where(rng.random(n) < 0.2, np.nan, rng.lognormal(8, 0.5, n)),
    }
    turned = np.where(given["years old"] > 40, 1, -1) + np.where(given["sex"] == "female", 1, -1)
    return given, 3 * turned * given["dose"] + rng.normal(size=n)


@pytest.fixture(scope="module")
def found():
    given, y = columns()
    return regressor().fit(pd.DataFrame(given), y).interactions_


def test_rules_are_true_of_the_rows_given(found):
    """One applies them to the table that one has."""
    frame, given = found.describe_groups(), columns()[0]
    given["sex"] = (given["sex"] == "male").astype(float)
    values = [np.asarray(given[name], dtype=float)[found.rows_] for name in found.feature_names]
    for group, rule, accuracy in zip(frame.group, frame.rule, frame.accuracy, strict=True):
        holds = readers.holds(rule, found.features, values)
        assert (holds == (found.labels_ == group)).mean() == pytest.approx(accuracy)
    assert frame.rows.sum() == len(found.rows_) and frame.share.sum() == pytest.approx(1)
    assert frame.accuracy.min() > 0.85


def test_regions_have_their_signs():
    """Of groups that lie on either side of a turn."""
    rng = np.random.default_rng(0)
    side = rng.choice([-1.0, 1.0], 600)
    X = pd.DataFrame({"a": rng.normal(size=600), "b": 20 * side + rng.normal(size=600)})
    y = side * X.a * (X.b - 20 * side) + 0.3 * rng.normal(size=600)
    frame = regressor(n_groups=2).fit(X, y).interactions_.group_frame("a", "b", units="original")
    frame = frame.sort_values("effect")
    assert [rule.split(" ")[:2] for rule in frame.rule] == [["b", "<="], ["b", ">"]]
    np.testing.assert_allclose(frame.effect, [-1, 1], atol=0.4)
    assert (frame.ci_high.iloc[0] < 0 < frame.ci_low.iloc[1]) and frame.p_value.max() < 1e-4


def test_signs_of_a_category(found):
    frame = found.group_frame("dose", "sex", units="original")
    assert frame.rule.tolist() == ["sex = female", "sex = male"]
    shares = frame.share.to_numpy()
    expected = np.array([3.0, -3.0]) - shares @ [3.0, -3.0]
    np.testing.assert_allclose(frame.effect, expected, rtol=0.15)
    assert frame.ci_low[0] > 0 > frame.ci_high[1] and frame.p_value.max() < 1e-10
    standard = found.group_frame("sex", "dose")
    factor = found.target_scale / found.feature_scales[1]
    np.testing.assert_allclose(standard.effect * factor, frame.effect)


def test_the_kind_of_frame_is_that_of_the_table(found):
    given, y = columns()
    other = regressor().fit(pl.DataFrame(given), y).interactions_
    for asked in ("describe_groups", "group_frame"):
        pair = ["dose", "sex"] if asked == "group_frame" else []
        one, two = (getattr(some, asked)(*pair) for some in (found, other))
        assert isinstance(two, pl.DataFrame) and two.columns == list(one.columns)
        assert two["rule"].to_list() == one.rule.tolist()


def test_points_are_in_the_order_of_labels():
    given, y = columns()
    model = regressor().fit(pd.DataFrame(given), y)
    own, asked = model.interactions_, model.interactions(pd.DataFrame(given)[:100])
    np.testing.assert_allclose(own.points[:, 0], given["years old"][own.rows_])
    np.testing.assert_allclose(asked.points[:, 0], given["years old"][:100])
    assert len(asked.labels_) == 100 and asked.describe_groups().rows.sum() == 100


def test_one_of_several_targets():
    given, y = columns()
    both = np.column_stack([y, 100 - 7 * y])
    model = regressor(n_groups=2).fit(pd.DataFrame(given), both)
    every = model.interactions_
    assert list(every.targets) == [0, 1]
    for k in (0, 1):
        alone = model.interactions(target=k).group_frame("dose", "sex", units="original")
        found = every.group_frame("dose", "sex", units="original", target=k)
        pd.testing.assert_frame_equal(found, alone)
    with pytest.raises(ValueError, match=r"interactions\(target=0\)"):
        every.group_frame("dose", "sex")


@pytest.mark.parametrize("n_classes", [2, 3])
def test_one_of_several_classes(n_classes):
    given, y = columns()
    ends = np.quantile(y, np.arange(1, n_classes) / n_classes)
    names = np.array(["low", "top"] if n_classes == 2 else ["low", "mid", "top"])
    model = BayesianInteractionClassifier(n_groups=2, **FEW)
    model.fit(pd.DataFrame(given), names[np.digitize(y, ends)])
    alone = model.interactions(target="top").group_frame("dose", "sex")
    every = model.interactions_
    found = every.group_frame("dose", "sex", target=None if n_classes == 2 else "top")
    pd.testing.assert_frame_equal(found, alone)
    assert found.effect[0] > 0 > found.effect[1]
    low = model.interactions(target="low").group_frame("dose", "sex")
    assert low.effect[0] < 0 < low.effect[1]


def test_columns_of_other_names():
    given, y = columns()
    names = dict(zip(given, ["group", "rule", "share of it", "accuracy"], strict=True))
    X = pd.DataFrame(given).rename(columns=names)
    found = regressor(n_groups=3).fit(X, y).interactions_
    frame = found.describe_groups()
    ends = ["group (centre)", "rule (centre)", "share of it", "accuracy (centre)"]
    assert list(frame.columns[-4:]) == ends and frame.columns.is_unique
    rules = found.group_frame("rule", "share of it").rule.tolist()
    assert rules == ["share of it = female", "share of it = male"]


def test_hours_are_ranges_that_go_round():
    rng = np.random.default_rng(0)
    n = 800
    start = pd.Timestamp("2023-03-01")
    when = start + pd.to_timedelta(rng.integers(0, 24 * 60, n), unit="h")
    night = (when.hour >= 21) | (when.hour <= 4)
    X = pd.DataFrame({"when": when, "work": rng.random(n) < 0.5})
    y = np.where(night, 1.0, -1.0) * X.work + 0.3 * rng.normal(size=n)
    found = regressor().fit(X, y).interactions_
    frame = found.group_frame("when: hour", "work", units="original")
    assert len(frame) == 24 and frame.rows.sum() == len(found.labels_)
    hours = np.arange(24)
    deep, noon = (frame.effect[own] for own in ((hours >= 22) | (hours <= 3), abs(hours - 12) < 5))
    assert deep.min() > 0.3 and noon.max() < -0.3
    regions = found.describe_groups().rule
    assert regions.str.contains("hour").any()


def test_interactions_travel(found):
    other = pickle.loads(pickle.dumps(found))
    for ask in (lambda x: x.describe_groups(), lambda x: x.group_frame("dose", "sex")):
        pd.testing.assert_frame_equal(ask(other), ask(found))
