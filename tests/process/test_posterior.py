"""Draws of the process, against the dense posterior."""

import copy
import pickle

import numpy as np
import pytest
import torch

from skgeh.geh.hessians import group_mean_hessians
from skgeh.geh.partition import Partition
from skgeh.geh.score import rank_pairs
from tests.oracles import assert_close, assert_mean, hessians
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
copies = pytest.mark.parametrize("copied", [lambda a: pickle.loads(pickle.dumps(a)), copy.deepcopy])


def posterior(space, n=20, d=3, pruned=(1,)):
    X, y = table(n, d)
    products = products_of(X, n_functions=3, m=2)
    variances = variances_of(products)
    variances[list(pruned)] = 0
    return posterior_of(space, X, y, products, variances, weight=weights_of(n))


def draws(of, k, seed=0, first=0):
    return of.draw(k, torch.Generator().manual_seed(seed), first)


@spaces
@pytest.mark.parametrize("n", [8, 40])
def test_draws_have_mean_and_covariance_of_the_posterior(space, n):
    given = posterior(space, n)
    dense, found = Dense(given), draws(given, 20_000).weights
    assert found.shape == (20_000, len(given.products))
    assert_mean(found, dense.mean)
    away = found - dense.mean
    assert_mean(away[:, :, None] * away[:, None, :], dense.covariance)


@spaces
def test_values_of_draws_know_that_the_intercept_is_uncertain(space):
    given = posterior(space)
    at = table(6, seed=4)[0]
    values = draws(given, 20_000).values(at)
    seen, dense = given.observed, Dense(given)
    phi = given.products.design(at).T - np.average(
        given.products.design(seen.X).T, axis=0, weights=seen.weight
    )
    mean = np.average(seen.y, weights=seen.weight) + phi @ dense.mean
    covariance = phi @ dense.covariance @ phi.T + given.noise_variance / seen.weight.sum()
    assert_mean(values, mean)
    away = values - mean
    assert_mean(away[:, :, None] * away[:, None, :], covariance)


@spaces
def test_the_only_mean_function_is_the_posterior_mean(space):
    given = posterior(space)
    x = torch.tensor(given.observed.X)
    values = given.members()(x)
    assert values.shape == (1, 20, 1) and len(given.members()) == 1
    assert_close(values[0, :, 0], given.fitted, 1e-12)
    assert (given.n_features, given.n_outputs) == (3, 1)


@spaces
def test_draws_follow_their_generator(space):
    given = posterior(space)
    one, again, other = (draws(given, 4, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.weights, again.weights)
    np.testing.assert_array_equal(one.shift, again.shift)
    active = given.solution.active
    assert np.abs(one.weights - other.weights)[:, active].min() > 0
    assert np.abs(one.weights[0] - one.weights[1])[active].min() > 0
    np.testing.assert_array_equal(draws(given, 4, 0, first=9).weights, one.weights)


@spaces
def test_draws_without_any_columns_left(space):
    given = posterior(space, pruned=range(9))
    found = draws(given, 5000)
    assert not found.weights.any()
    level = np.average(given.observed.y, weights=given.observed.weight)
    assert_mean(found.shift, level)
    assert np.var(found.shift) == pytest.approx(0.3 / 20, rel=0.1)


def quadratic(space, n=50):
    """Features of three values each: their functions are parabolas between the knots' ends."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 3))
    y = X[:, 0] * X[:, 1] + 0.3 * rng.normal(size=n)
    return posterior_of(space, X, y, products_of(X, 3, 1))


@spaces
def test_hessians_of_draws_are_those_of_automatic_differentiation(space):
    """With one function per feature in products, these are bilinear: coded anew in torch."""
    given = quadratic(space)
    found = draws(given, 3)
    x = torch.tensor(given.observed.X[:7])
    lines = [basis(np.array([0.0, 1.0]))[:, 0] for basis in given.products.bases]
    level, slope = (torch.tensor([f(line) for line in lines]) for f in (
        lambda line: line[0], lambda line: line[1] - line[0]))  # fmt: skip
    weights = torch.tensor(found.weights[:, given.products.pair >= 0])

    def function(points):
        z = level + slope * points
        products = torch.stack([z[:, 0] * z[:, 1], z[:, 0] * z[:, 2], z[:, 1] * z[:, 2]])
        return (weights @ products)[..., None]

    expected = hessians(function, x)[:, 0]
    hessian = group_mean_hessians(found, x, Partition.singletons(7)).full()[:, 0].numpy()
    off = ~np.eye(3, dtype=bool)
    assert_close(hessian[..., off], expected[..., off], 1e-9)


@copies
@spaces
def test_copies_are_the_same(space, copied):
    given = posterior(space)
    before = draws(given, 3)
    x = torch.tensor(given.observed.X)
    group_mean_hessians(before, x, Partition.one_group(20))  # keeps mean slopes
    scores = given.scores
    other = copied(given)
    np.testing.assert_array_equal(draws(other, 3).weights, before.weights)
    np.testing.assert_array_equal(other.scores, scores)
    np.testing.assert_array_equal(copied(before).values(x.numpy()), before.values(x.numpy()))


@spaces
def test_scores_depend_on_nothing_else(space):
    given = posterior(space)
    x = torch.zeros(2, 3)
    found = rank_pairs(given, x, np.ones(3), target=0, seed=3)
    np.testing.assert_array_equal(found, given.scores)
    assert found.shape == (3,) and (found > 0).all()
