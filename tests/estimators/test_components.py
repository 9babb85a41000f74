"""Contributions of pairs, row by row, in the units of the table that was given."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from skgeh import BayesianInteractionClassifier, BayesianInteractionRegressor, interactions_of

QUICK = {"posterior": "gaussian_process", "n_groups": 2, "n_draws": 10, "random_state": 0}


def table(n=800, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    return X, X[:, 0] * X[:, 1] + X[:, 2] + 0.5 * rng.normal(size=n), X[:, 0] * X[:, 1]


def fitted(X, y, **options):
    return BayesianInteractionRegressor(**QUICK, **options).fit(X, y)


@pytest.fixture(scope="module")
def regressor():
    X, y, _ = table()
    return fitted(X, y)


def test_a_product_row_by_row(regressor):
    X, _, truth = table()
    values, sd = regressor.interactions_.local(X, 0, 1)
    assert values.shape == sd.shape == (800,)
    assert np.corrcoef(values, truth)[0, 1] > 0.95
    assert np.polyfit(truth, values, 1)[0] == pytest.approx(1, abs=0.1)
    assert np.mean(np.abs(values - truth) < 2 * sd) > 0.8
    nothing, _ = regressor.interactions_.local(X, "x0", "x2")
    assert nothing.std() < 0.1 * values.std()
    swapped = regressor.interactions_.local(X, "x1", "x0")
    np.testing.assert_array_equal(swapped[0], values)


def test_new_rows_are_taken_one_by_one(regressor):
    X, _, _ = table(50, 1)
    values, sd = regressor.interactions_.local(X, 0, 1)
    for row in (0, 49):
        one = regressor.interactions_.local(X[[row]], 0, 1)
        np.testing.assert_allclose(one, [[values[row]], [sd[row]]], rtol=1e-9)


def test_units_of_target_and_features(regressor):
    X, y, _ = table()
    moved = X * [10, 0.1, 3] + [5, -2, 0]
    other = fitted(moved, 100 * y - 7)
    expected = regressor.interactions_.local(X, 0, 1)
    found = other.interactions_.local(moved, 0, 1)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, 100 * b, rtol=1e-4, atol=1e-3)


def test_labels_are_in_log_odds_and_the_other_class_has_the_other_sign():
    X, _, _ = table(2500)
    truth = 2 * X[:, 0] * X[:, 1]
    y = np.where(np.random.default_rng(1).random(len(X)) < expit(truth), "yes", "no")
    model = BayesianInteractionClassifier(**QUICK).fit(X, y)
    values, sd = model.interactions_.local(X, 0, 1)
    assert np.corrcoef(values, truth)[0, 1] > 0.95
    assert np.polyfit(truth, values, 1)[0] == pytest.approx(1, abs=0.25)
    opposite = model.interactions(target="no", n_draws=10).local(X, 0, 1)
    np.testing.assert_allclose(opposite[0], -values)
    np.testing.assert_allclose(opposite[1], sd)


def test_counts_are_in_log_ratios():
    X, _, _ = table(2500)
    truth = 0.5 * X[:, 0] * X[:, 1]
    y = np.random.default_rng(1).poisson(4 * np.exp(truth))
    values, _ = fitted(X, y, loss="poisson").interactions_.local(X, 0, 1)
    assert np.corrcoef(values, truth)[0, 1] > 0.95
    assert np.polyfit(truth, values, 1)[0] == pytest.approx(1, abs=0.2)


def test_several_targets_are_asked_for_one_by_one():
    X, y, truth = table()
    model = fitted(X, np.column_stack([y, -10 * y]))
    with pytest.raises(ValueError, match=r"interactions\(target=0\)"):
        model.interactions_.local(X, 0, 1)
    for target, factor in ((0, 1), (1, -10)):
        values, _ = model.interactions(target=target, n_draws=10).local(X, 0, 1)
        assert np.polyfit(truth, values / factor, 1)[0] == pytest.approx(1, abs=0.1)


def test_models_trained_elsewhere_have_none(regressor):
    X, _, _ = table(60)
    found = interactions_of(lambda x: x[:, 0] * x[:, 1], X, n_groups=1)
    with pytest.raises(ValueError, match="Fit a BayesianInteractionRegressor"):
        found.local(X, 0, 1)


def test_untested_pairs_say_why():
    X, y, _ = table()
    X = np.column_stack([X, X[:, 0]])
    with pytest.warns(UserWarning, match="copies"):
        found = fitted(X, y).interactions_
    with pytest.raises(ValueError, match="x0 and x3 were not tested: x3 is a copy of x0"):
        found.local(X, 0, 3)
    with pytest.raises(ValueError, match="A pair is two names"):
        found.local(X, 0, "nobody")


def test_pickled_contributions_are_the_same_and_later_fits_do_not_change_them():
    X, y, _ = table()
    model = fitted(X, y)
    found = model.interactions_
    before = found.local(X, 0, 1)[0]
    for one in (pickle.loads(pickle.dumps(found)), pickle.loads(pickle.dumps(model)).interactions_):
        np.testing.assert_array_equal(one.local(X, 0, 1)[0], before)
    assert len(pickle.dumps(found)) < 0.3 * len(pickle.dumps(model))  # without the posterior
    model.fit(X, -y)
    np.testing.assert_array_equal(found.local(X, 0, 1)[0], before)
    np.testing.assert_allclose(model.interactions_.local(X, 0, 1)[0], -before, atol=1e-3)


def test_frames_and_groups_of_columns():
    X, _, _ = table(1000)
    level = np.random.default_rng(3).integers(0, 3, 1000)
    truth = np.array([1.0, -1.0, 0.0])[level] * X[:, 0]
    y = truth + X[:, 2] + 0.3 * np.random.default_rng(2).normal(size=1000)
    frame = pd.DataFrame(np.column_stack([X, np.eye(3)[level]]), columns=list("abcdef"))
    model = fitted(frame, y, feature_groups={"kind": ["d", "e", "f"]})
    values, _ = model.interactions_.local(frame, "a", "kind")
    assert np.corrcoef(values, truth)[0, 1] > 0.95
    assert np.polyfit(truth, values, 1)[0] == pytest.approx(1, abs=0.1)
    for one in range(3):
        assert abs(values[level == one].mean()) < 1e-6


def test_a_surface_is_what_rows_have(regressor):
    """On values of two features, with a band around it, in order also for an opposite."""
    X, _, _ = table()
    components, pair = regressor.interactions_.component(1, 0)
    assert pair == (0, 1)
    values, low, high = components.surface(pair, X[:, 0], X[:, 1], 0.95)
    np.testing.assert_allclose(values, regressor.interactions_.local(X, 0, 1)[0], atol=1e-9)
    assert (low < high).all()
    np.testing.assert_allclose(np.column_stack(components.rows(pair)), X[:, :2], atol=1e-9)


def test_columns_are_found_by_name():
    X, y, _ = table()
    frame = pd.DataFrame(X, columns=["age", "bmi", "dose"])
    frame["sex"] = np.where(X[:, 2] > 0, "female", "male")
    found = fitted(frame, y).interactions_
    assert found.local(frame, "age", "bmi")[0].std() > 0.5
    with pytest.raises(ValueError, match="feature names"):
        found.local(frame[["bmi", "age", "dose", "sex"]], "age", "bmi")
