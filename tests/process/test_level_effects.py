"""Signed effects at levels of categories and at places on a circle."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from skgeh.geh.levels import LevelPoints
from skgeh.geh.partition import Partition
from skgeh.geh.views.blocks import Blocks
from skgeh.process._level_effects import without_means
from skgeh.process._screen import Sizes
from skgeh.process.decide import PairTests
from skgeh.tables.feature import Feature
from skgeh.tables.features import Features
from tests.process.cases import labels as task_of_labels
from tests.process.cases import task as task_of

AGE = Feature("age", "number", (0,))
COLOR = Feature("color", "category", (1, 2, 3), ("red", "green", "blue"))
SEX = Feature("sex", "category", (4,), ("female", "male"))
HOUR = Feature("hour", "cycle", (5, 6), tuple(map(str, range(12))))
DOSE = Feature("dose", "number", (7, 8), neutral=(0.0,), has_missing=True)
FEATURES = (AGE, COLOR, SEX, HOUR, DOSE)


def table(n=1500, seed=0, balanced=False):
    """Values of every feature, and their encoded columns."""
    rng = np.random.default_rng(seed)
    values = [
        rng.normal(50, 10, n),
        rng.choice(3, n, p=[0.5, 0.3, 0.2]).astype(float),
        (rng.random(n) < 0.4).astype(float),
        rng.integers(0, 12, n).astype(float),
        np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n)),
    ]
    if balanced:
        values[1], values[2] = np.arange(n) % 3 * 1.0, np.arange(n) // 3 % 2 * 1.0
    columns = [one.encode(own) for one, own in zip(FEATURES, values, strict=True)]
    return values, np.column_stack(columns), rng.normal(size=n)


def decided(X, y, labels=False, sign=1.0, output=None, pairs=None):
    """Tests of encoded columns, and their decisions."""
    given = (task_of_labels if labels else task_of)(X, y)
    names = {one.name: list(one.columns) for one in FEATURES}
    features = Features.named(given.X, names)
    tests = PairTests.of(given, features, pairs=pairs, sizes=Sizes(8, 3))
    mean, scale = X.mean(0), X.std(0)
    levels = LevelPoints(FEATURES, X, lambda rows: (rows - mean) / scale)
    at = given.X, Partition.one_group(len(X)), Blocks.of(list(names.values()), given.X)
    return tests, tests.decided(*at, output=output, sign=sign, levels=levels)


def place_of(tests, *names):
    pair = sorted([one.name for one in FEATURES].index(name) for name in names)
    return int(np.flatnonzero((tests.pairs == pair).all(1))[0])


def centred(values, counts):
    return values - np.average(values, weights=counts)


# What is left of means


@pytest.mark.parametrize("seed", range(3))
def test_means_over_rows_and_columns_are_zero(seed):
    rng = np.random.default_rng(seed)
    shares, values = rng.dirichlet(np.ones(12)).reshape(3, 4), rng.normal(size=(12, 5))
    left = without_means(values, shares, [False, False]).reshape(3, 4, 5)
    for axis in (0, 1):
        np.testing.assert_allclose((shares[..., None] * left).sum(axis), 0, atol=1e-10)
    additive = (rng.normal(size=3)[:, None] + rng.normal(size=4)).reshape(12, 1)
    np.testing.assert_allclose(without_means(additive, shares, [False, False]), 0, atol=1e-10)
    again = without_means(left.reshape(12, 5), shares, [False, False])
    np.testing.assert_allclose(again, left.reshape(12, 5), atol=1e-10)


def test_slopes_lose_their_mean():
    shares = np.array([[0.5, 0.3, 0.2]])
    left = without_means(np.array([[1.0], [2.0], [4.0]]), shares, [True, False])
    np.testing.assert_allclose(left[:, 0], np.array([1, 2, 4]) - 1.9)


def test_cells_without_points_do_not_count():
    shares = np.array([[0.4, 0.3], [0.3, 0.0]])
    one, two = (np.array([[1.0], [2.0], [3.0], [far]]) for far in (0.0, 1e6))
    left = [without_means(some, shares, [False, False])[:3] for some in (one, two)]
    np.testing.assert_allclose(left[0], left[1], atol=1e-6)


# Against what was planted


def test_signs_of_slopes_in_a_category():
    values, X, noise = table()
    slope = np.array([1.0, -1.0, 0.5])[values[1].astype(int)]
    y = slope * X[:, 0] / 10 + np.sin(X[:, 7]) + 0.3 * noise
    tests, found = decided(X, y)
    one = found.at_levels(place_of(tests, "age", "color"), 0)
    assert one.effect.shape == one.counts.shape == (1, 3)
    np.testing.assert_array_equal(one.counts[0], np.bincount(values[1].astype(int)))
    expected = centred(np.array([1.0, -1.0, 0.5]), one.counts[0]) / y.std()
    np.testing.assert_allclose(one.effect[0], expected, atol=0.05)
    low, high, p = one.pointwise(0.95)
    assert (low < one.effect).all() and (one.effect < high).all() and (p[0, :2] < 1e-4).all()
    other = found.at_levels(place_of(tests, "dose", "color"), 0)
    assert np.abs(other.effect).max() < 0.1 and other.pointwise(0.95)[2].min() > 1e-3


def test_a_number_with_gaps_has_its_slopes():
    values, X, noise = table()
    dose = np.nan_to_num(values[4])
    y = np.where(values[2] == 1, 2.0, -1.0) * dose + 0.3 * noise
    tests, found = decided(X, y)
    one = found.at_levels(place_of(tests, "sex", "dose"), 0)
    expected = centred(np.array([-1.0, 2.0]), one.counts[:, 0]) * X[:, 7].std() / y.std()
    np.testing.assert_allclose(one.effect[:, 0], expected, rtol=0.1)


def test_slopes_along_a_circle():
    values, X, noise = table(2000)
    angle = 2 * np.pi * values[3] / 12
    y = np.cos(angle) * (X[:, 0] - 50) / 10 + 0.3 * noise
    tests, found = decided(X, y)
    one = found.at_levels(place_of(tests, "age", "hour"), 0)
    assert one.effect.shape == (1, 12)
    expected = centred(np.cos(2 * np.pi * np.arange(12) / 12), one.counts[0]) / y.std()
    np.testing.assert_allclose(one.effect[0], expected, atol=0.1)


def test_cells_of_two_categories():
    values, X, noise = table()
    color, sex = values[1].astype(int), values[2].astype(int)
    y = 2.0 * ((color == 2) & (sex == 0)) + color - sex + X[:, 0] / 10 + 0.5 * noise
    tests, found = decided(X, y)
    one = found.at_levels(place_of(tests, "sex", "color"), 0)
    counts = np.array([[((color == c) & (sex == s)).sum() for s in (0, 1)] for c in range(3)])
    np.testing.assert_array_equal(one.counts, counts)
    planted = np.zeros((6, 1))
    planted[4] = 2.0
    expected = without_means(planted, counts / counts.sum(), [False, False])[:, 0] / y.std()
    np.testing.assert_allclose(one.effect.ravel(), expected, atol=0.05)
    assert one.effect[2, 0] > 0 > one.effect[2, 1]
    np.testing.assert_allclose((one.counts * one.effect).sum(0), 0, atol=1e-8)


def test_cells_are_those_of_least_squares():
    """With effects and errors of an ordinary regression on cells."""
    values, X, noise = table(1200, balanced=True)
    color, sex = values[1].astype(int), values[2].astype(int)
    y = 1.0 * ((color == 1) & (sex == 1)) + color + noise
    tests, found = decided(X, y)
    one = found.at_levels(place_of(tests, "sex", "color"), 0)
    cell = 2 * color + sex
    means = np.array([y[cell == c].mean() for c in range(6)]).reshape(3, 2)
    expected = means - means.mean(0) - means.mean(1)[:, None] + means.mean()
    np.testing.assert_allclose(one.effect, expected / y.std(), atol=0.02)
    error = np.sqrt(np.mean((y - means.ravel()[cell]) ** 2) / 200 * (2 / 3) * (1 / 2))
    np.testing.assert_allclose(one.error, error / y.std(), rtol=0.1)


def test_levels_make_the_norm():
    """The effect in the table is the spread of the effects of levels."""
    values, X, noise = table(1200, balanced=True)
    color = values[1].astype(int)
    y = np.array([1.0, -1, 0])[color] * X[:, 0] / 10 + (color == 1) * values[2] + noise
    tests, found = decided(X, y)
    for pair in (("age", "color"), ("color", "sex")):
        place = place_of(tests, *pair)
        one = found.at_levels(place, 0)
        norm = np.sqrt(np.average(one.effect**2, weights=one.counts))
        assert found.effects[0].effect[place, -1] == pytest.approx(norm, rel=1e-6)


@pytest.mark.parametrize("labels", [False, True])
def test_intervals_cover_what_was_planted(labels):
    inside = []
    for seed in range(8):
        values, X, noise = table(600, seed)
        color = values[1].astype(int)
        f = np.array([1.0, -1.0, 0.5])[color] * (X[:, 0] - 50) / 10
        if labels:
            y = np.random.default_rng(seed).random(600) < 1 / (1 + np.exp(-f))
        else:
            y = f + 2 * noise
        tests, found = decided(X, y, labels, pairs=np.array([[0, 1]]))
        one = found.at_levels(place_of(tests, "age", "color"), 0)
        scale = X[:, 0].std() / 10 / (1 if labels else y.std())
        expected = centred(np.array([1.0, -1.0, 0.5]), one.counts[0]) * scale
        low, high, _ = one.pointwise(0.9)
        inside += ((low < expected) & (expected < high))[0].tolist()
    assert 0.7 < np.mean(inside) <= 1


# How they are asked for


def test_the_opposite_of_an_output_and_several():
    values, X, noise = table(500)
    y = np.where(values[2] == 1, 1.0, -1.0) * X[:, 0] + noise
    tests, found = decided(X, np.column_stack([noise, y]))
    place = place_of(tests, "age", "sex")
    first, second = (found.at_levels(place, which) for which in (0, 1))
    assert np.abs(first.effect).max() < 0.1 < np.abs(second.effect).min()
    alone = decided(X, np.column_stack([noise, y]), output=1, sign=-1.0)[1].at_levels(place, 0)
    np.testing.assert_allclose(alone.effect, -second.effect)
    np.testing.assert_allclose(alone.error, second.error)


def test_pairs_that_were_not_tested_have_no_effects():
    _, X, noise = table(30)
    tests, found = decided(X, noise)
    one = found.at_levels(place_of(tests, "age", "color"), 0)
    assert np.isnan(one.effect).all() and one.counts.sum() == 30
    assert np.isnan(one.pointwise(0.95)).all()


def test_combinations_without_points_have_no_effect():
    values, X, noise = table(600)
    values[1][(values[1] == 0) & (values[2] == 1)] = 1
    X[:, 1:4] = COLOR.encode(values[1])
    tests, found = decided(X, noise + X[:, 0])
    one = found.at_levels(place_of(tests, "color", "sex"), 0)
    np.testing.assert_array_equal(np.isnan(one.effect), one.counts == 0)
    assert (one.counts == 0).sum() == 1


def unchanged(rows):
    return rows


def test_they_travel():
    _, X, noise = table(200)
    _, found = decided(X, noise)
    levels = replace(found.at_levels.levels, standardise=unchanged)
    found = replace(found, at_levels=replace(found.at_levels, levels=levels))
    travelled = pickle.loads(pickle.dumps(found))
    one, two = (some.at_levels(1, 0) for some in (found, travelled))
    np.testing.assert_array_equal(one.effect, two.effect)
