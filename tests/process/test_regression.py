"""Regressions of several responses on the same columns."""

import numpy as np
import pytest

from skgeh.process import _regression
from skgeh.process._linear_model import FewRows, Sums
from skgeh.process._posterior import ProcessPosterior
from skgeh.process._regression import regress
from skgeh.process._variances import NOISE, find_variances, typical_variances
from tests.oracles import assert_close
from tests.process.dense import main_effects, products_of, standard, table, weights_of

rows = pytest.mark.parametrize("n", [15, 70])


def given(n=70, shared=True):
    X, y = table(n)
    value = np.column_stack([y, standard(X[:, 1] * X[:, 2] - X[:, 0])])
    one, two = weights_of(n), weights_of(n, seed=0 if shared else 1)
    return products_of(X), X, value, np.column_stack([one, two])


@rows
@pytest.mark.parametrize("shared", [True, False], ids=["the same weights", "own weights"])
def test_outputs_together_are_outputs_alone(n, shared):
    products, X, value, weight = given(n, shared)
    both = regress(products, X, value, weight)
    assert len(both) == 2
    for k, found in enumerate(both):
        assert isinstance(found, ProcessPosterior)
        (alone,) = regress(products, X, value[:, [k]], weight[:, [k]])
        assert_close(found.variances, alone.variances, 1e-7)
        assert_close(found.fitted, alone.fitted, 1e-7)
        assert_close(found.scores, alone.scores, 1e-6)
        assert found.noise_variance == pytest.approx(alone.noise_variance, rel=1e-7)
        np.testing.assert_array_equal(found.observed.y, value[:, k])
        np.testing.assert_array_equal(found.observed.weight, weight[:, k])
    assert (both[0].data is both[1].data) is shared
    assert isinstance(both[0].data, FewRows if n == 15 else Sums)


def test_it_starts_from_typical_variances():
    products, X, value, weight = given()
    (found,) = regress(products, X, value[:, :1], weight[:, :1])
    data = Sums.of(products, X, value[:, :1], weight[:, 0])
    expected, solution = find_variances(products, data, typical_variances(products), NOISE)
    assert_close(found.variances, expected, 1e-9)
    assert found.noise_variance == pytest.approx(solution.noise)


def test_known_noise_is_that_of_a_weight_of_one():
    products, X, value, weight = given()
    found = regress(products, X, 5 * value, weight, known_noise=True, unit=25.0)
    assert [one.noise_variance for one in found] == [1.0, 1.0]


def test_many_steps_in_parts_are_many_steps():
    products, X, value, weight = given()
    whole = regress(products, X, value, weight, steps=7)
    part = regress(products, X, value, weight, steps=7, start=())
    first = regress(products, X, value, weight, steps=1)
    np.testing.assert_array_equal(first[0].variances, typical_variances(products))
    again = regress(products, X, value, weight, start=whole, steps=1)
    for one, two, three in zip(whole, part, again, strict=True):
        assert_close(two.variances, one.variances, 1e-12)
        np.testing.assert_array_equal(three.variances, one.variances)
        assert_close(three.fitted, one.fitted, 1e-9)


def test_a_start_on_fewer_columns():
    X, y = table(70)
    main = main_effects(X)
    some = main.with_pairs(np.array([1]), 2)
    value, weight = y[:, None], np.ones((70, 1))
    start = regress(some, X, value, weight)
    (found,) = regress(main.with_pairs(np.arange(3), 2), X, value, weight, start=start, steps=1)
    assert_close(found.variances[:6], start[0].variances[:6], 1e-12)
    assert found.variances[7] == start[0].variances[6]
    np.testing.assert_array_equal(found.variances[[6, 8]], 0.003)
    assert found.noise_variance == start[0].noise_variance


@pytest.mark.parametrize("unit", [1.0, 25.0])
def test_new_columns_start_from_the_typical_variance_of_the_unit(unit):
    X, y = table(70)
    main = main_effects(X)
    value, weight = np.sqrt(unit) * y[:, None], np.ones((70, 1))
    start = regress(main, X, value, weight, unit=unit)
    every = main.with_pairs(np.arange(3), 2)
    (found,) = regress(every, X, value, weight, unit=unit, start=start, steps=1)
    np.testing.assert_allclose(found.variances[6:], 0.003 * unit)


def test_all_outputs_are_read_once(monkeypatch):
    calls = []
    monkeypatch.setattr(_regression, "read", lambda *given: calls.append(given) or Sums.of(*given))
    products, X, value, weight = given()
    regress(products, X, value, weight)
    assert len(calls) == 1
    regress(products, X, value, given(shared=False)[3])
    assert len(calls) == 3
