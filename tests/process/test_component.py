"""The interaction of a pair as a function, against sums and least squares over all rows."""

import numpy as np
import pytest
from scipy.stats import t as student

from skgeh.geh.likelihoods import SquaredError
from skgeh.geh.task import Task
from skgeh.process._screen import Sizes
from skgeh.process.component import PairComponent
from skgeh.process.decide import PairTests
from skgeh.tables.features import Features
from tests.process.dense import column, standard

NAMES, SIZES = "abcdefgh", Sizes(8, 3)


def pair_tests(X, y, features=None, weight=None, sizes=SIZES):
    given = Task(
        standard(X),
        standard(y.reshape(len(X), -1)),
        np.ones(len(X)) if weight is None else weight,
        SquaredError(),
    )
    features = [[j] for j in range(X.shape[1])] if features is None else features
    return PairTests.of(
        given, Features.named(given.X, dict(zip(NAMES, features, strict=False))), sizes=sizes
    )


def numbers(n=1600, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    X[:, 1] += 0.5 * X[:, 0]
    return X, X[:, 0] * X[:, 1] + np.sin(3 * X[:, 2]) + rng.normal(size=n)


def levels(n=1600, seed=0):
    """A category whose slopes of a number differ, and another without an interaction."""
    rng = np.random.default_rng(seed)
    one, two, x = rng.integers(0, 3, n), rng.integers(0, 4, n), rng.normal(size=n)
    y = np.array([1.0, -1.0, 0.0])[one] * x + two + 0.3 * rng.normal(size=n)
    X = np.column_stack([np.eye(3)[one], x, np.eye(4)[two]])
    return X, y, [[0, 1, 2], [3], [4, 5, 6, 7]]


def residual(values, columns, weight=None):
    """What weighted least squares on columns leaves."""
    root = np.ones(len(values)) if weight is None else np.sqrt(weight)
    found = np.linalg.lstsq(root[:, None] * columns, root * values)[0]
    return values - columns @ found


def functions(tests, own, most=8):
    """The constant and the functions of some columns, at the table's rows."""
    main, X = tests.models[0].pairs.main, tests.task.X
    parts = [main.bases[j](X[:, j])[:, :most] for j in own]
    return np.column_stack([np.ones(len(X)), *parts])


@pytest.mark.parametrize("weighed", [False, True])
@pytest.mark.parametrize("pair", [(0, 1), (1, 2)])
def test_values_are_the_dense_sums(pair, weighed):
    X, y = numbers()
    weight = np.random.default_rng(1).uniform(0.5, 2, len(X)) if weighed else None
    tests = pair_tests(X, y, weight=weight)
    given = tests.weights_of(pair, 0)
    main = tests.models[0].pairs.main
    alone = functions(tests, pair)
    dense = np.column_stack(
        [
            residual(column(main, tests.task.X, one), alone, tests.task.weight)
            for one in given.factors.T
        ]
    )
    found = PairComponent.of(tests, pair)
    values, sd = found.estimate(tests.task.X)
    np.testing.assert_allclose(values, dense @ given.shrunken, atol=1e-7)
    expected = np.sqrt(np.einsum("na,ab,nb->n", dense, given.covariance, dense))
    np.testing.assert_allclose(sd, expected, atol=1e-7)
    inside, low, high = found.band(tests.task.X, 0.9)
    np.testing.assert_array_equal(inside, np.clip(values, low, high))
    np.testing.assert_allclose((low + high) / 2, dense @ given.wide, atol=1e-7)
    half = student.ppf(0.95, given.freedom) * sd
    np.testing.assert_allclose((high - low) / 2, half, atol=1e-7)


@pytest.mark.parametrize("pair", [(0, 1), (1, 2), (0, 2)])
def test_at_the_rows_it_has_nothing_of_one_feature_alone(pair):
    X, y, features = levels()
    tests = pair_tests(X, y, features)
    values, _ = PairComponent.of(tests, pair).estimate(tests.task.X)
    for feature in pair:
        alone = functions(tests, features[feature])
        np.testing.assert_allclose(values @ alone / len(values), 0, atol=1e-8)


def test_of_levels_it_has_no_means_of_levels():
    """Neither of the category nor, at its levels, of the number."""
    X, y, features = levels()
    tests = pair_tests(X, y, features)
    values, _ = PairComponent.of(tests, (0, 1)).estimate(tests.task.X)
    for one, slope in zip(X[:, :3].T, (1, -1, 0), strict=True):
        assert abs(values[one == 1].mean()) < 1e-8
        own = np.polyfit(X[one == 1, 3], values[one == 1] * y.std(), 1)[0]
        assert own == pytest.approx(slope, abs=0.15)  # but slopes differ


def test_few_rows_have_few_functions_projected_out():
    """All of them would explain much of any product by chance."""
    X, y = numbers(300)
    tests = pair_tests(X, y, sizes=Sizes(24, 4))
    found = PairComponent.of(tests, (0, 1))
    assert len(found.alone) == 1 + 2 * 4
    values, _ = found.estimate(tests.task.X)
    for j in (0, 1):
        assert np.abs(values @ functions(tests, [j], 4) / 300).max() < 1e-8
    many = PairComponent.of(pair_tests(*numbers(1200), sizes=Sizes(24, 4)), (0, 1))
    assert len(many.alone) == 1 + 2 * 6


@pytest.mark.parametrize("seed", range(3))
def test_a_planted_product_is_recovered(seed):
    X, y = numbers(1500, seed)
    tests = pair_tests(X, y, sizes=Sizes(24, 4))
    powers = np.column_stack([X[:, :2] ** k for k in range(4)])
    truth = residual(X[:, 0] * X[:, 1], powers[:, 1:]) / y.std()
    found = PairComponent.of(tests, (0, 1))
    values, _ = found.estimate(tests.task.X)
    assert np.corrcoef(values, truth)[0, 1] > 0.95
    assert np.polyfit(truth, values, 1)[0] == pytest.approx(1, abs=0.15)


def test_bands_cover_as_often_as_they_say():
    inside = []
    for seed in range(20):
        X, y = numbers(400, seed)
        tests = pair_tests(X, y, sizes=Sizes(12, 3))
        powers = np.column_stack([X[:, :2] ** k for k in range(4)])
        truth = residual(X[:, 0] * X[:, 1], powers[:, 1:]) / y.std()
        _, low, high = PairComponent.of(tests, (0, 1)).band(tests.task.X, 0.9)
        inside.append(np.mean((low < truth) & (truth < high)))
    assert 0.8 < np.mean(inside) < 0.99


def test_a_planted_category_is_recovered():
    X, y, features = levels()
    tests = pair_tests(X, y, features)
    values, _ = PairComponent.of(tests, (0, 1)).estimate(tests.task.X)
    slope = X[:, :3] @ [1.0, -1.0, 0.0]
    main = np.column_stack([X[:, :3], X[:, 3]])
    truth = residual(slope * X[:, 3], main) / y.std()
    assert np.corrcoef(values, truth)[0, 1] > 0.98
    assert np.polyfit(truth, values, 1)[0] == pytest.approx(1, abs=0.05)
    nothing, wide = PairComponent.of(tests, (0, 2)).estimate(tests.task.X)
    assert nothing.std() < 0.2 * values.std() and (wide > 0).all()


def test_each_output_has_its_own():
    X, y = numbers()
    both = np.column_stack([y, -2 * y])
    tests = pair_tests(X, both)
    one, two = (PairComponent.of(tests, (0, 1), k).estimate(tests.task.X)[0] for k in (0, 1))
    np.testing.assert_allclose(one, -two, atol=1e-6)


def test_blocks_of_rows_do_not_matter(monkeypatch):
    X, y = numbers()
    tests = pair_tests(X, y)
    found = PairComponent.of(tests, (0, 1))
    whole = found.estimate(tests.task.X)
    monkeypatch.setattr("skgeh.process.component.BLOCK", 10)
    monkeypatch.setattr("skgeh.process.component.LEAST_ROWS", 7)
    again = PairComponent.of(tests, (0, 1)).estimate(tests.task.X)
    for a, b in zip(whole, again, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-9)


def test_only_the_columns_of_the_pair_are_read():
    X, y, features = levels()
    tests = pair_tests(X, y, features)
    found, rows = PairComponent.of(tests, (1, 2)), tests.task.X[:20].copy()
    values, _ = found.estimate(rows)
    rows[:, :3] = np.nan
    np.testing.assert_array_equal(found.estimate(rows)[0], values)


def test_a_pair_that_was_not_tested_has_none():
    X, y = numbers()
    X = np.column_stack([X, X[:, 0]])
    tests = pair_tests(X, y)
    with pytest.raises(ValueError, match=r"\(0, 3\) was not tested"):
        PairComponent.of(tests, (0, 3))
    few = pair_tests(*numbers(30))
    with pytest.raises(ValueError, match="30 rows"):
        PairComponent.of(few, (0, 1))
