"""Predictions, and those of rows that are left out, against refits without them."""

import numpy as np
import pytest

from skgeh.process._linear_model import Sums
from tests.oracles import assert_close
from tests.process.dense import (
    SPACES,
    Dense,
    posterior_of,
    products_of,
    table,
    variances_of,
    weights_of,
)

spaces = pytest.mark.parametrize("space", SPACES)
rows = pytest.mark.parametrize("n", [14, 60])  # fewer and more than the 24 columns
weighted = pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])


def given(n, weighted=True, seed=0):
    """A table, its columns, and variances, of which one has left."""
    X, y = table(n, seed=seed)
    weight = weights_of(n) if weighted else np.ones(n)
    products = products_of(X)
    variances = variances_of(products)
    variances[2] = 0
    return X, y, weight, products, variances


def predicted(at, X, y, weight, products, variances, noise=0.3, flat=1e7):
    """Means and variances of functions at rows: a dense process whose intercept varies freely."""
    prior = np.append(flat, variances[products.component] * products.relative)
    one = np.column_stack([np.ones(len(X)), products.design(X).T])
    new = np.column_stack([np.ones(len(at)), products.design(at).T])
    precision = one.T @ (weight[:, None] * one) / noise + np.diag(1 / np.maximum(prior, 1e-12))
    covariance = np.linalg.inv(precision)
    mean = covariance @ one.T @ (weight * y) / noise
    return new @ mean, np.einsum("nq,qp,np->n", new, covariance, new)


@spaces
@rows
@weighted
def test_predictions(space, n, weighted):
    X, y, weight, products, variances = given(n, weighted)
    posterior = posterior_of(space, X, y, products, variances, weight=weight)
    at = table(8, seed=5)[0]
    expected, _ = predicted(at, X, y, weight, products, variances)
    assert_close(posterior.predict(at), expected, 1e-5)
    dense = Dense(posterior)
    values = dense.phi @ dense.mean / np.sqrt(weight) + np.average(y, weights=weight)
    assert_close(posterior.fitted, values, 1e-7)
    assert posterior.fitted is posterior.fitted
    assert posterior.intercept == pytest.approx(np.average(y, weights=weight), abs=1e-12)
    assert posterior.noise_variance == 0.3


@spaces
@rows
@weighted
def test_rows_left_out_are_predicted_by_the_others(space, n, weighted):
    X, y, weight, products, variances = given(n, weighted)
    posterior = posterior_of(space, X, y, products, variances, weight=weight)
    chosen = np.random.default_rng(0).permutation(n)[:9]
    means, spread = posterior.left_out(chosen, list(np.arange(9)[:, None]))
    for place, row in enumerate(chosen):
        rest = np.delete(np.arange(n), row)
        mean, variance = predicted(X[[row]], X[rest], y[rest], weight[rest], products, variances)
        assert means[place] == pytest.approx(mean[0], abs=1e-5)
        assert spread[place] == pytest.approx(variance[0] + 0.3 / weight[row], rel=1e-5)


@spaces
@rows
@weighted
def test_rows_are_left_out_with_their_unit(space, n, weighted):
    X, y, weight, products, variances = given(n, weighted)
    posterior = posterior_of(space, X, y, products, variances, weight=weight)
    chosen = np.random.default_rng(0).permutation(n)[:9]
    units = [np.array([0, 4]), np.array([1]), np.array([2, 3, 5, 8]), np.array([6, 7])]
    means, spread = posterior.left_out(chosen, units)
    for unit in units:
        rest = np.setdiff1d(np.arange(n), chosen[unit])
        mean, variance = predicted(
            X[chosen[unit]], X[rest], y[rest], weight[rest], products, variances
        )
        assert_close(means[unit], mean, 1e-5)
        assert_close(spread[unit], variance + 0.3 / weight[chosen[unit]], 1e-5)


@spaces
def test_a_unit_may_have_most_of_the_rows(space):
    """More than there are weights; the rows that are left say little."""
    X, y, weight, products, variances = given(60)
    posterior = posterior_of(space, X, y, products, variances, weight=weight)
    units = [np.arange(45), np.arange(45, 60)]
    means, spread = posterior.left_out(np.arange(60), units)
    for unit in units:
        rest = np.setdiff1d(np.arange(60), unit)
        mean, variance = predicted(X[unit], X[rest], y[rest], weight[rest], products, variances)
        assert_close(means[unit], mean, 1e-5)
        assert_close(spread[unit], variance + 0.3 / weight[unit], 1e-5)


@spaces
@pytest.mark.parametrize("units", [1, 4, 30], ids=["rows", "small", "large"])
def test_a_row_may_have_nearly_all_of_the_weight(space, units):
    X, y, _, products, variances = given(60)
    weight = np.where(np.arange(60) == 7, 1e18, 1e-3)
    posterior = posterior_of(space, X, y, products, variances, weight=weight)
    together = list(np.arange(60).reshape(-1, units))
    for found in posterior.left_out(np.arange(60), together):
        assert np.isfinite(found).all()


@spaces
def test_the_intercept_is_estimated_anew(space):
    """Without any functions, a row is predicted by the mean of the others."""
    X, y, weight, products, variances = given(20)
    posterior = posterior_of(space, X, y, products, 0 * variances, weight=weight)
    means, spread = posterior.left_out(np.arange(20), list(np.arange(20)[:, None]))
    expected = [np.average(np.delete(y, k), weights=np.delete(weight, k)) for k in range(20)]
    assert_close(means, expected, 1e-7)
    assert_close(spread, 0.3 / weight + 0.3 / (weight.sum() - weight), 1e-7)


@spaces
@rows
def test_a_row_may_be_asked_for_twice(space, n):
    """As by two networks that hold it out."""
    X, y, weight, products, variances = given(n)
    posterior = posterior_of(space, X, y, products, variances, weight=weight)
    means, spread = posterior.left_out(np.array([3, 5, 3]), list(np.arange(3)[:, None]))
    assert means[0] == means[2] != means[1] and spread[0] == spread[2]


@spaces
def test_determined_shares_of_pairs(space):
    X, y, weight, products, variances = given(60)
    variances[7] = 0  # of the second pair
    posterior = posterior_of(space, X, y, products, variances, weight=weight)
    dense = Dense(posterior)
    share = 1 - dense.covariance.diagonal() / np.where(dense.prior, dense.prior, 1)
    expected = [share[products.pair == k].mean() if k != 1 else 0 for k in range(3)]
    assert_close(posterior.determined_pairs, expected, 1e-7)


def test_variances_of_other_columns():
    """Known components keep theirs, also 0; new ones have the typical one."""
    X, y, weight, products, variances = given(60)
    variances[7] = 0
    posterior = posterior_of("weights", X, y, products, variances, weight=weight)
    np.testing.assert_array_equal(posterior.variances_of(products, 60), variances)
    fine = posterior.variances_of(products.refined([1], 3), 60)
    np.testing.assert_allclose(fine, [*variances[:8], 0.003, variances[8]])
    of_fine = posterior_of("weights", X, y, products.refined([1, 2], 3))
    mine = of_fine.variances
    np.testing.assert_array_equal(of_fine.variances_of(of_fine.products, 60), mine)
    np.testing.assert_array_equal(of_fine.variances_of(products, 60), mine[[*range(8), 9]])
    np.testing.assert_array_equal(
        of_fine.variances_of(products.refined([0, 2], 3), 60),
        [*mine[:7], 0.003, mine[7], *mine[9:]],
    )
    main = products.part(np.flatnonzero(products.pair < 0))
    np.testing.assert_array_equal(posterior.variances_of(main, 60), variances[:6])
    some = main.with_pairs(np.array([0, 2]), 2)
    np.testing.assert_array_equal(posterior.variances_of(some, 60), variances[[*range(7), 8]])
    few = posterior_of("weights", X, y, some, variances[[*range(7), 8]], weight=weight)
    np.testing.assert_array_equal(
        few.variances_of(products, 60), [*variances[:7], 0.003, variances[8]]
    )


def test_more_rows_may_need_what_fewer_did_without():
    X, y, weight, products, variances = given(60)
    variances[[2, 7]] = 0, 1e-6
    posterior = posterior_of("weights", X, y, products, variances, weight=weight)
    typical = np.repeat([0.1, 0.05, 0.003], 3)
    for n_rows in (30, 60):
        np.testing.assert_array_equal(posterior.variances_of(products, n_rows), variances)
    for unit in (1.0, 25.0):
        expected = np.maximum(variances, 0.1 * unit * typical)
        np.testing.assert_allclose(posterior.variances_of(products, 61, unit), expected)
        fine = posterior.variances_of(products.refined([1], 3), 61, unit)
        np.testing.assert_allclose(fine, [*expected[:8], 0.003 * unit, expected[8]])


@spaces
@weighted
def test_columns_at_rows(space, weighted):
    X, y, weight, products, variances = given(30, weighted)
    posterior = posterior_of(space, X, y, products, variances, weight=weight)
    dense = Dense(posterior)
    some, active = np.array([4, 9, 11]), posterior.solution.active
    found = posterior.columns(products.values(X[some]), np.sqrt(weight[some]))
    assert_close(found, (dense.phi * np.sqrt(dense.prior))[some][:, active].T, 1e-9)


@spaces
def test_as_if_columns_had_nothing_in_common(space):
    X, y, weight, products, variances = given(30)
    posterior = posterior_of(space, X, y, products, variances, weight=weight)
    phi = np.random.default_rng(0).normal(size=(4, 30))
    parts = [(None, phi[:, :10]), (None, phi[:, 10:])]
    assert_close(posterior.unshared(parts), (phi**2).sum(1) / 0.3, 1e-12)


def test_predictions_of_many_rows():
    X, y, weight, products, variances = given(60)
    posterior = posterior_of("weights", X, y, products, variances, weight=weight)
    at = np.random.default_rng(0).normal(size=(3000, 3))
    one_by_one = np.concatenate([posterior.predict(at[k : k + 1]) for k in (0, 1500, 2999)])
    assert_close(posterior.predict(at)[[0, 1500, 2999]], one_by_one, 1e-9)
    assert isinstance(posterior.data, Sums)
