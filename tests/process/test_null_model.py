"""Null models: which pairs enter, what is not shrunk, and weights for uneven noise."""

from dataclasses import replace

import numpy as np
import pytest

from skgeh.geh.likelihoods import CrossEntropy, SquaredError
from skgeh.geh.task import Task
from skgeh.process import _null_model
from skgeh.process._newton import Newton
from skgeh.process._null_model import (
    FREE,
    FREE_WAVES,
    ROWS_PER_PAIR,
    _Search,
    with_free_main_effects,
)
from skgeh.process._pair_statistics import Rows
from skgeh.process._screen import Sizes
from skgeh.process._variances import prior_variances
from tests.oracles import assert_close
from tests.process.cases import (
    CATEGORY,
    SIZES,
    asked,
    categories,
    entered,
    in_units,
    labels,
    models,
    table,
    task,
)
from tests.process.dense import (
    SPACES,
    Dense,
    main_effects,
    posterior_of,
    standard,
    weights_of,
)
from tests.process.dense import table as small_table

# Which pairs enter


@pytest.mark.parametrize("seed", range(3))
def test_a_real_pair_enters_and_is_found(seed):
    found = models(task(*table(seed=seed)))[0]
    assert 0 in entered(found)
    assert found.p_value.argmin() == 0 and found.p_value[0] < 0.01


def test_few_pairs_enter_by_chance():
    counts = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(300, 10))
        counts.append(len(entered(models(task(X, X[:, 0] + rng.normal(size=300)))[0])))
    assert np.mean(counts) < 2 * 2 * 300 / ROWS_PER_PAIR  # in both rounds, and twice of it
    assert min(counts) < 3


def search(n=300, d=10, **given):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, d))
    one = task(X, rng.normal(size=(n, given.get("c", 1))))
    if given.get("rare"):
        one = labels(X, np.arange(n) < given["rare"])
    return _Search(Newton(one, Sizes(0, 0)), asked(one), design_effect=given.get("together", 1.0))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, 0),  # 300 / 400
        ({"n": 1200}, 3),
        ({"n": 1200, "c": 2}, 1),  # of each output
        ({"n": 100_000, "d": 3}, 0),  # of three pairs no p-value is below 1 / 4
        ({"n": 1200, "rare": 600}, 3),
        ({"n": 1200, "rare": 60}, 0),  # labels that say little
        ({"n": 1200, "together": 3}, 1),  # rows of units
    ],
    ids=str,
)
def test_as_many_p_values_are_small_by_chance_as_there_are_rows(given, expected):
    found = search(**given)
    P = len(found.pairs.pairs)
    p = (np.random.default_rng(0).permutation(P) + 0.99) / P
    assert len(found._standing_out(p)) == expected


def test_the_least_p_values_enter():
    found = search()
    p = np.full(45, 0.5)
    p[[3, 9, 20]] = np.nan, 1e-9, 1e-3
    assert found._standing_out(p).tolist() == [9, 20]


def test_no_more_pairs_enter_than_there_is_room_for(monkeypatch):
    found = search()
    monkeypatch.setattr(_null_model, "MOST_WEIGHTS", len(found.pairs.main) + 5 * SIZES.pair**2)
    assert found._standing_out(np.linspace(1e-9, 1e-8, 45)).tolist() == [0, 1, 2, 3, 4]


def test_a_pair_enters_if_any_output_asks_for_it():
    X, y = table()
    other = X[:, 3] * X[:, 4] + 0.5 * np.random.default_rng(1).normal(size=len(X))
    one, two = models(task(X, np.column_stack([y, other])))
    assert entered(one) == entered(two) >= {0, 9}
    assert one.p_value.argmin() == 0 and two.p_value.argmin() == 9


def test_only_pairs_that_are_asked_about_enter():
    X, y = table()
    given = task(X, y)
    found = models(given, pairs=np.array([[0, 2], [1, 2]]))[0]
    assert entered(found) <= {1, 4} and found.p_value.shape == (2,)


# Main effects


@pytest.mark.parametrize("space", SPACES)
def test_lines_and_first_waves_are_not_shrunk(space):
    X, y = small_table(60, 4)
    weight = weights_of(60)
    products = main_effects(X, 5, weight).with_pairs(np.array([0, 4]), 2)
    variances = np.full(products.component.max() + 1, 0.01)
    variances[1] = variances[6] = 0  # even if they had left
    given = posterior_of(space, X, y, products, variances, weight=weight)
    free = with_free_main_effects(given)
    before = prior_variances(products, given.data, variances)
    prior = np.zeros(len(products))
    prior[free.solution.active] = free.solution.root**2
    wave = np.concatenate([np.arange(5)] * 4)
    assert_close(prior[:20][wave <= FREE_WAVES], np.full(8, FREE), 1e-12)
    np.testing.assert_allclose(prior[20:], before[20:])
    dense = Dense(given)
    square = dense.mean**2 + dense.covariance.diagonal()
    rest = np.flatnonzero(wave > FREE_WAVES)
    assert_close(prior[rest], np.maximum(before, square)[rest], 1e-7)
    half = dense.phi * np.sqrt(prior)
    inverse = np.linalg.inv(half @ half.T + given.noise_variance * np.eye(60))
    expected = half.T @ inverse @ dense.y
    assert_close(free.solution.mean, expected[free.solution.active], 1e-6)


def test_constants_have_no_free_main_effect():
    X, y = small_table(60, 4)
    X[:, 2] = 0
    free = with_free_main_effects(posterior_of("weights", X, y))
    assert len(free.products.bases[2](X[:, 2])[0]) == 0
    assert np.isfinite(free.solution.mean).all()


def test_curves_of_correlated_features_do_not_leak_into_pairs():
    """Features are correlated by 0.8, so that a square is nearly a product."""
    p = []
    for seed in range(50):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(200, 3)) + 2 * rng.normal(size=(200, 1))
        y = X[:, 0] ** 2 + np.sin(X[:, 1]) + rng.normal(size=200)
        p.append(models(task(X, y))[0].p_value)
    p = np.concatenate(p)
    assert (p < 0.05).mean() < 0.09 and (p < 0.5).mean() < 0.65 and p.min() > 1e-5


# Noise


def noisy(noise, n=300, seed=0, slope=0.0):
    """Three features, and a target with noise of some kind."""
    rng = np.random.default_rng(seed)
    X, e = rng.normal(size=(n, 3)), rng.normal(size=n)
    e = {"tails": rng.standard_t(3, n), "uneven": np.exp(X[:, 1]) * e}.get(noise, e)
    return X, np.sin(X[:, 0]) + slope * X[:, 0] * X[:, 1] + e


@pytest.mark.parametrize(("noise", "least", "most"), [("normal", 0.6, 1), ("tails", 0, 0.1),
                                                      ("uneven", 0, 0.1)])  # fmt: skip
def test_normal_and_even_noise_is_taken_for_that(noise, least, most):
    even = [models(task(*noisy(noise, seed=seed)))[0].rows.even for seed in range(20)]
    assert least <= np.mean(even) <= most


@pytest.mark.parametrize("given", ["weights", "units", "labels"])
def test_only_plain_numbers_are_taken_for_even(given):
    X, y = noisy("normal")
    given = {
        "weights": task(X, y, weights_of(300)),
        "units": task(X, y, units=np.arange(300) // 2),
        "labels": labels(X, y > 0),
    }[given]
    assert not models(given)[0].rows.even


def test_normal_and_even_noise_keeps_its_level_and_gains_power():
    null, with_gate, without = [], [], []
    for seed in range(60):
        found = models(task(*noisy("normal", 100, seed)))[0]
        null.append(found.p_value)
        found = models(task(*noisy("normal", 100, seed, 0.3)))[0]
        with_gate.append(found.p_value[0])
        without.append(replace(found, rows=replace(found.rows, even=False)).p_value[0])
    null, with_gate, without = map(np.concatenate, ([*null], [with_gate], [without]))
    assert (null < 0.05).mean() < 0.11 and (null < 0.5).mean() < 0.62 and null.min() > 1e-5
    assert (with_gate < 0.05).mean() > (without < 0.05).mean()
    assert np.median(np.log(with_gate / without)) < 0


def test_noise_with_tails_keeps_its_level():
    p = np.concatenate([models(task(*noisy("tails", 100, seed)))[0].p_value for seed in range(60)])
    assert (p < 0.05).mean() < 0.11 and (p < 0.5).mean() < 0.62 and p.min() > 1e-5


def test_noise_that_depends_on_a_feature_makes_no_pairs():
    p, weights = [], []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(300, 3))
        found = models(task(X, X[:, 0] + np.exp(X[:, 1]) * rng.normal(size=300)))[0]
        p.append(found.p_value)
        weights.append(found.rows.model.observed.weight)
    p = np.concatenate(p)
    assert (np.ptp(weights, axis=1) > 1).mean() > 0.9  # noise that is even leaves all at 1
    assert (p < 0.05).mean() < 0.12 and p.min() > 1e-5


def test_given_weights_are_kept():
    X, y = table()
    weight = weights_of(400)
    found = models(task(X, y, 7 * weight))[0]
    assert_close(found.rows.model.observed.weight, weight, 1e-12)


# Features of several columns


def test_a_pair_with_a_category_enters_and_is_found():
    found = models(task(*categories()), CATEGORY)[0]
    assert entered(found) >= {2, 5, 7}
    assert found.p_value.argmin() == 0 and found.p_value[0] < 1e-4


def test_a_column_of_a_category_may_be_constant():
    """A level that no row has: the pair is still left out where it is asked about."""
    X, y = categories()
    one = models(task(X, y), CATEGORY)[0]
    given = task(X, y)
    with_zero = Task(
        np.column_stack([given.X, np.zeros(300)]), given.y, given.weight, SquaredError()
    )
    two = models(with_zero, [[0, 1, 2, 5], [3], [4]])[0]
    np.testing.assert_allclose(two.p_value, one.p_value, rtol=1e-5)


# Outputs, units, and long tables


def test_the_order_of_units_does_not_matter():
    X, y = table(200)
    units = np.random.default_rng(0).integers(0, 30, 200)
    order = np.random.default_rng(1).permutation(200)
    one = models(task(X, y, units=units))[0]
    two = models(task(X[order], y[order], units=units[order]))[0]
    np.testing.assert_allclose(two.p_value, one.p_value, rtol=1e-5)
    np.testing.assert_array_equal(np.diff(one.rows.starts, append=200), np.bincount(units))


def test_the_variance_of_units_is_their_own():
    """Rows of a unit count less where they are alike; residuals are what they are."""
    X, y, units = in_units(copies=True)
    once, apart = task(X[::5], y[::5]), task(X, y, units=units)
    one, two = (models(given)[0].rows for given in (once, apart))
    scale = two.model.observed.weight
    assert np.ptp(scale) == 0
    noise = two.model.noise_variance / scale[0]  # of a row
    assert noise > 2 * one.model.noise_variance


@pytest.mark.parametrize("size", [2, 10])
def test_copies_in_units_are_units_of_one_row(size):
    """Of each, p-values are nearly those of the rows without copies."""
    p = []
    for seed in range(8):
        X, y, units = in_units(100, size, copies=True, seed=seed)
        y = y + X[:, 0] * X[:, 1] / 2
        copied, once = task(X, y, units=units), task(X[::size], y[::size], units=np.arange(100))
        p.append([models(given)[0].p_value for given in (copied, once)])
    many, one = np.log10(np.array(p)).swapaxes(0, 1).reshape(2, -1)
    assert np.corrcoef(many, one)[0, 1] > 0.8
    assert np.median(np.abs(many - one)) < 0.3
    assert (many.reshape(8, 3)[:, 1:] < -2).mean() < 0.13


def test_weights_that_differ_leave_the_noise_of_labels_unknown():
    X, y = table(200)
    even = labels(X, y > 0)
    uneven = Task(even.X, even.y, weights_of(200), CrossEntropy(0.69))
    assert models(even)[0].rows.known == 1
    assert models(uneven)[0].rows.known is None
    np.testing.assert_allclose(
        models(Task(even.X, even.y, np.full(200, 3.0), CrossEntropy(0.69)))[0].p_value,
        models(even)[0].p_value,
    )


def test_the_noise_of_several_classes_is_less_than_their_curvature():
    X, y = table(200)
    one = np.eye(3)[np.digitize(y, [-1, 1])]
    given = Task(standard(X), one, np.ones(200), CrossEntropy(1.0))
    assert [model.rows.known for model in models(given)] == [2 / 3] * 3


@pytest.mark.parametrize("kind", ["numbers", "labels"])
def test_long_tables_start_from_some_of_their_rows(kind, monkeypatch):
    X, y = table(600)
    given = task(X, y) if kind == "numbers" else labels(X, y > 0)
    whole = models(given)[0]
    monkeypatch.setattr(_null_model, "MANY", 300)
    monkeypatch.setattr(_null_model, "FEW", 150)
    started = models(given)[0]
    assert 0 in entered(started)
    assert np.corrcoef(np.log(whole.p_value), np.log(started.p_value))[0, 1] > 0.95


def test_quick_p_values_believe_the_noise_of_the_model():
    found = models(task(*table(noise=2.0)))[0]
    quick, robust = found.quick_p_value, found.p_value
    assert quick.shape == robust.shape and not np.allclose(quick, robust)
    assert np.corrcoef(np.log(quick), np.log(robust))[0, 1] > 0.9


def test_the_number_of_jobs_does_not_matter():
    one, two = (models(task(*table()), n_jobs=k)[0] for k in (1, 2))
    np.testing.assert_array_equal(one.p_value, two.p_value)


def test_rows_of_a_model_that_is_even_leave_it_unchanged():
    X, y = table()
    found = models(task(X, y))[0]
    assert isinstance(found.rows, Rows)
    np.testing.assert_array_equal(found.rows.model.observed.weight, 1)
