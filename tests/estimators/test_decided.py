"""Tables of estimators decide, by tests that do not use the posterior."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest

from skgeh import BayesianInteractionClassifier, BayesianInteractionRegressor, score_test
from skgeh.posteriors import ConcreteDropout
from skgeh.process.decide import PairTests

FEW = {"n_draws": 10, "n_groups": 3, "random_state": 0}
NETWORKS = ConcreteDropout((8,), n_perturbed=0)


def table(n=200, noise=1.0, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3)) * [1, 10, 0.1]
    return X, X[:, 0] * X[:, 1] + 10 * X[:, 2] + 10 * noise * rng.normal(size=n)


def regressor(**given):
    return BayesianInteractionRegressor(**{"posterior": "gaussian_process", **FEW, **given})


def classifier(**given):
    return BayesianInteractionClassifier(**{"posterior": "gaussian_process", **FEW, **given})


KINDS = {
    "numbers": (regressor(), lambda y: y, {}),
    "labels": (classifier(), lambda y: y > 0, {}),
    "classes": (classifier(), lambda y: np.digitize(y, [-5, 5]), {"task": "classification"}),
    "targets": (regressor(), lambda y: np.column_stack([y, y**2]), {}),
    "times": (regressor(loss="gamma"), lambda y: np.exp(y / 20), {"loss": "gamma"}),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("more", ["", "weights", "units"])
def test_p_values_are_those_of_the_score_test(kind, more):
    model, target, options = KINDS[kind]
    X, y = table()
    rng = np.random.default_rng(1)
    given = {
        "": {},
        "weights": {"sample_weight": rng.integers(0, 3, 200) / 1.0},
        "units": {"groups": rng.integers(0, 60, 200)},
    }[more]
    found = model.fit(X, target(y), **given).interactions_
    expected = score_test(X, target(y), **options, **given)
    np.testing.assert_allclose(found.p_value, expected.pair_p_value, rtol=1e-6)
    np.testing.assert_allclose(found.p_fdr, expected.adjusted_pairs(), rtol=1e-6)
    if expected.targets is not None:
        for k, label in enumerate(expected.targets):
            one = model.interactions(target=label)
            np.testing.assert_allclose(one.p_value, expected.p_value[:, k], rtol=1e-6)
        assert (found.sign == "").all()


def test_the_posterior_does_not_enter():
    X, y = table()
    one = regressor().fit(X, y).interactions_
    two = regressor(posterior=NETWORKS, max_epochs=2, random_state=5).fit(X, y).interactions_
    np.testing.assert_array_equal(one.p_value, two.p_value)
    np.testing.assert_array_equal(one.share, two.share)
    assert (one.effect != two.effect).all()


def test_pairs_are_tested_once(monkeypatch):
    X, y = table()
    seen, of = [], PairTests.of
    monkeypatch.setattr(PairTests, "of", lambda *a, **b: seen.append(1) or of(*a, **b))
    model = regressor().fit(X, y)
    assert seen == []
    found = model.interactions_
    for other in (model.interactions(n_groups=2), model.interactions(X[:50]), model.interactions_):
        np.testing.assert_array_equal(other.p_value, found.p_value)
        np.testing.assert_array_equal(other.share, found.share)
    travelled = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(travelled.interactions(n_groups=4).p_value, found.p_value)
    assert seen == [1]
    model.fit(X, -y)
    assert model.interactions_.sign[0] == "-" and seen == [1, 1]


def test_the_table():
    X, y = table(400)
    found = regressor().fit(X, y).interactions_
    frame = found.to_frame(units="original")
    first = frame.iloc[0]
    assert (first.feature_i, first.feature_j, first.sign) == ("x0", "x1", "+")
    assert first.ci_low < 1 < first.ci_high and first.effect == pytest.approx(1, rel=0.25)
    assert first.p_value < 1e-4 and first.tested and first.reason == ""
    assert 0.1 < first.share < 0.6
    assert ((frame.ci_low <= frame.effect) & (frame.effect <= frame.ci_high)).all()
    groups = found.group_frame("x1", "x0", units="original")
    assert len(groups) == 3 and groups.effect.to_numpy() == pytest.approx(1, rel=0.6)


def test_effects_are_those_of_other_points():
    """Of a curve, whose sign changes with the points."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 3))
    model = regressor().fit(X, X[:, 0] ** 2 * X[:, 1] + 0.5 * rng.normal(size=500))
    assert model.interactions_.sign[0] == "mixed"
    low, high = (model.interactions(X[on]) for on in (X[:, 0] < -1, X[:, 0] > 1))
    assert (low.sign[0], high.sign[0]) == ("-", "+")
    np.testing.assert_array_equal(low.p_value, high.p_value)


def test_the_other_class_has_the_other_sign():
    X, y = table(500, noise=0.5)
    model = classifier().fit(X, np.where(y > 0, "yes", "no"))
    no, yes = (model.interactions(target=label) for label in model.classes_)
    assert (no.sign[0], yes.sign[0]) == ("-", "+")
    np.testing.assert_array_equal(no.p_value, yes.p_value)
    np.testing.assert_array_equal(no.interval(), yes.interval())
    frames = [one.group_frame(0, 1).effect.to_numpy() for one in (no, yes)]
    np.testing.assert_array_equal(frames[0], -frames[1])


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_categories(kind):
    rng = np.random.default_rng(0)
    level = rng.integers(0, 3, 300)
    columns = {f"color_{k}": (level == k) * 1.0 for k in range(3)}
    columns |= {"age": rng.normal(size=300), "dose": rng.normal(size=300)}
    slope = np.array([1.0, 0, -1])[level]
    y = slope * columns["age"] + 0.5 * rng.normal(size=300)
    X = pd.DataFrame(columns) if kind == "pandas" else pl.DataFrame(columns)
    groups = {"color": ["color_0", "color_1", "color_2"]}
    found = regressor(feature_groups=groups).fit(X, y).interactions_
    frame = found.to_frame("original")
    assert isinstance(frame, pd.DataFrame if kind == "pandas" else pl.DataFrame)
    first = frame.iloc[0].to_dict() if kind == "pandas" else frame.row(0, named=True)
    assert (first["feature_i"], first["feature_j"], first["sign"]) == ("color", "age", "")
    assert first["p_value"] < 1e-4 and first["ci_low"] < slope.std() < first["ci_high"]
    assert first["effect"] == pytest.approx(slope.std(), rel=0.25)


def test_differences():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.integers(0, 4, 400), rng.normal(size=(400, 2))])
    model = regressor().fit(X, X[:, 0] * X[:, 1] + 0.5 * rng.normal(size=400))
    slopes, steps = (model.interactions(differences=one) for one in (False, True))
    np.testing.assert_array_equal(slopes.p_value, steps.p_value)
    assert (slopes.decisions.effect != steps.decisions.effect)[0]
    for found in (slopes, steps):
        assert found.to_frame("original").iloc[0].effect == pytest.approx(1, rel=0.2)


@pytest.mark.parametrize("n", [8, 39])
def test_a_table_of_few_rows_ranks_and_does_not_test(n):
    X, y = table(n)
    found = regressor().fit(X, y).interactions_
    assert not found.tested.any() and not found.significant.any()
    frame = found.to_frame()
    assert (frame.reason == f"{n} rows; a test needs at least 40").all()
    assert frame[["effect", "ci_low", "ci_high", "share", "p_value", "p_fdr"]].isna().all(axis=None)
    assert (
        frame.score.is_monotonic_decreasing and np.isfinite(found.interval(kind="posterior")).all()
    )
    assert found._repr_html_().count("not tested") == 3 and "nan" not in found._repr_html_()


@pytest.mark.filterwarnings("ignore:Some features are copies")
def test_rows_say_why_pairs_were_not_tested():
    X, y = table()
    X = pd.DataFrame(X, columns=["age", "dose", "size"]).assign(years=lambda x: 2 * x.age)
    frame = regressor().fit(X, y).interactions_.to_frame()
    left = frame[~frame.tested]
    assert set(left.reason) == {"years is a copy of age"} and len(left) == 3
    assert frame.tested.tolist() == [True] * 3 + [False] * 3


def test_rows_that_a_weight_repeats():
    """Weights are precisions: p-values do not change with their scale."""
    X, y = table()
    weight = np.random.default_rng(0).integers(1, 4, 200)
    one, two = (regressor().fit(X, y, sample_weight=k * weight).interactions_ for k in (1.0, 9.0))
    np.testing.assert_allclose(one.p_value, two.p_value, rtol=1e-6)
    np.testing.assert_allclose(one.share, two.share, atol=1e-6)
    np.testing.assert_allclose(one.interval(), two.interval(), rtol=1e-4)


def test_pickled_tables():
    X, y = table()
    found = regressor().fit(X, y).interactions_
    pd.testing.assert_frame_equal(pickle.loads(pickle.dumps(found)).to_frame(), found.to_frame())
