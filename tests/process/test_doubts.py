"""What speaks against p-values, and tables of which nothing is said."""

import numpy as np
import pandas as pd
import pytest

from skgeh import score_test
from skgeh.geh.likelihoods import SquaredError
from skgeh.geh.task import Task
from skgeh.process._doubts import CORRELATED, REPEATED, doubts
from skgeh.process._screen import Sizes
from skgeh.process.decide import PairTests
from skgeh.tables.features import Features
from tests.process.dense import standard

NAMES = ("age", "dose", "size")


def table(n=300, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    return X, X[:, 0] + rng.normal(size=n)


def asked(X, y, units=None, names=NAMES):
    given = Task(standard(X), standard(y)[:, None], np.ones(len(X)), SquaredError(), units)
    tests = PairTests.of(given, Features.alone(given.X), sizes=Sizes(8, 3))
    return tests.doubts(names)


@pytest.mark.parametrize("seed", range(10))
def test_nothing_is_said_of_a_table_without_flaws(seed):
    assert asked(*table(seed=seed)) == []


# Repeated rows


def repeated(share):
    X, y = table()
    some = np.arange(round(share * 300))
    return np.vstack([X, X[some]]), np.append(y, y[some])


def test_repeated_rows():
    (said,) = asked(*repeated(0.1))
    assert said.startswith("30 of 330 rows are repeated") and "groups=" in said
    assert asked(*repeated(REPEATED / 2)) == []


def test_nothing_is_said_where_nothing_is_tested():
    X, y = table(16)
    assert asked(np.vstack([X, X]), np.append(y, y)) == []


def test_rows_of_the_same_features_are_no_repetition():
    """Measured twice, with noise of their own."""
    X, y = repeated(0.5)
    assert "repeated" not in " ".join(asked(X, y + np.random.default_rng(1).normal(size=len(y))))


def test_rows_of_few_values_are_equal_by_chance():
    rng = np.random.default_rng(0)
    X = rng.integers(0, 3, (300, 3)).astype(float)
    assert asked(X, (X[:, 0] + rng.integers(0, 2, 300)).astype(float)) == []


# Units


def of_units(n_units=30, size=10, seed=0):
    """An age and a dose of every unit, and a size of every row."""
    rng = np.random.default_rng(seed)
    units = np.repeat(np.arange(n_units), size)
    X = np.column_stack([rng.normal(size=(n_units, 2))[units], rng.normal(size=len(units))])
    order = rng.permutation(len(units))
    return X[order], rng.normal(size=len(units)), units[order]


def test_columns_that_rows_of_a_unit_share():
    X, y, units = of_units()
    (said,) = asked(X, y)
    assert said.startswith("Rows that share a value of age also share that of dose.")
    assert "pass age, or what names the units, as groups=" in said
    assert asked(X, y, np.unique(units, return_inverse=True)[1]) == []  # they are known


def test_columns_that_rows_do_not_share():
    X, y, _ = of_units()
    X[:, 1] += 0.01 * np.random.default_rng(1).normal(size=len(X))
    assert asked(X, y) == []


def test_categories_and_few_rows_of_a_value_are_no_units():
    rng = np.random.default_rng(0)
    X, y = table()
    level = rng.integers(0, 12, 300)
    X[:, 1], X[:, 2] = level, level % 3  # a column of few values depends on another
    assert asked(X, y) == []
    X, y, _ = of_units(200, 1)
    X[:20], y = X[20:40], rng.normal(size=200)
    assert asked(X, y) == []


@pytest.mark.parametrize("kind", ["covariates", "groups"])
def test_units_that_are_covariates(kind):
    X, y, units = of_units()
    own = np.random.default_rng(0).normal(size=(len(X), 2))
    if kind == "groups":
        assert np.isfinite(score_test(own, y, covariates=X, groups=units).p_value).all()
        return
    with pytest.warns(UserWarning, match="value of covariate 0 also share that of covariate 1"):
        score_test(own, y, covariates=X[:, :2])


# Order


def in_time(r, n=400, seed=0):
    X, _ = table(n, seed)
    noise = np.random.default_rng(seed + 1).normal(size=n)
    for k in range(1, n):
        noise[k] = r * noise[k - 1] + np.sqrt(1 - r**2) * noise[k]
    return X, X[:, 0] + noise


def test_neighbours_that_are_alike():
    (said,) = asked(*in_time(0.7))
    assert "have a correlation of 0." in said and "such as the day of every row" in said
    assert 0.4 < float(said.split("correlation of ")[1].split(". If")[0]) < 0.8
    X, y = in_time(0.7)
    order = np.random.default_rng(0).permutation(400)
    assert asked(X[order], y[order]) == []
    assert asked(*in_time(-0.7)) == []  # p-values are not too small
    assert asked(*in_time(0.5 * CORRELATED / 20)) == []


def test_outputs_are_asked_one_by_one():
    X, y = in_time(0.7)
    other = np.random.default_rng(5).normal(size=400)
    given = Task(standard(X), standard(np.column_stack([other, y, y])), np.ones(400),
                 SquaredError())  # fmt: skip
    tests = PairTests.of(given, Features.alone(given.X), sizes=Sizes(8, 3))
    assert len(doubts(given, NAMES, tests.models)) == len(tests.doubts(NAMES)) == 1


def test_tests_warn():
    X, y = in_time(0.7)
    with pytest.warns(UserWarning, match="Residuals of neighbouring rows"):
        score_test(pd.DataFrame(X, columns=NAMES), y)
