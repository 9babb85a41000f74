"""Gaussian processes that learn labels, against what defines them."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import expit, log_softmax

from skgeh.posteriors import GaussianProcess
from skgeh.process._anova import Anova
from skgeh.process._gaussian_process import some_rows
from skgeh.process._laplace import (
    AllRows,
    FewRows,
    WorkingResponse,
    last_step,
    learn_logits,
    newton,
    probabilities,
)
from tests.oracles import assert_close, assert_mean

THETA = np.log([2.0, 0.5, 1.0, 0.3, 0.1, 0.1, 1.0])
counts = pytest.mark.parametrize("n", [14, 80])  # fewer and more than the 26 products
classes = pytest.mark.parametrize("n_classes", [2, 3])


def table(n=80, n_classes=2, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    logits = np.column_stack([2 * X[:, 0] * X[:, 1], X[:, 2], 0 * X[:, 0]])[:, :n_classes]
    codes = (logits + rng.gumbel(size=logits.shape)).argmax(1)
    y = np.eye(n_classes)[codes]
    return X, y[:, 1:] if n_classes == 2 else y


def solved(X, y, weight=None):
    """Posteriors at given variances, Newton's method run to its end."""
    basis = Anova.fit(X, 2, True, np.ones(len(X)))
    weight = np.ones(len(X)) if weight is None else weight
    logits, theta = np.zeros(y.shape), np.tile(THETA, (y.shape[1], 1))
    for _ in range(30):  # the package stops earlier
        logits, _ = newton(AllRows(basis, X), y, weight, logits, theta, searches=0)
    return last_step(basis, X, y, weight, logits, theta), logits


def log_likelihood(logits, y, weight):
    if y.shape[1] == 1:
        return weight * (y * logits - np.logaddexp(0, logits))[:, 0]
    return weight * (y * log_softmax(logits, axis=1)).sum(1)


def negative_log_posterior(flat, design, prior, y, weight):
    """Of intercepts and weights (q + 1, c), intercepts without a prior."""
    w = flat.reshape(-1, y.shape[1])
    likely = log_likelihood(w[0] + design @ w[1:], y, weight).sum()
    return (w[1:] ** 2 / prior[:, None]).sum() / 2 - likely


def centred(weights):
    """Of several classes the mean is what no label tells."""
    return weights - weights.mean(1, keepdims=True) if weights.shape[1] > 1 else weights


# Newton's method


@counts
@classes
@pytest.mark.parametrize("weighted", [False, True])
def test_it_ends_at_the_most_probable_logits(n, n_classes, weighted):
    X, y = table(n, n_classes)
    weight = np.random.default_rng(1).uniform(0.3, 3, n) if weighted else np.ones(n)
    found, logits = solved(X, y, weight)
    basis = Anova.fit(X, 2, True, np.ones(n))
    design, prior = basis.design(X), np.exp(THETA)[basis.groups] * basis.weights
    given = design, prior, y, weight
    start = np.zeros((1 + len(prior)) * y.shape[1])
    best = minimize(negative_log_posterior, start, args=given, options={"maxiter": 3000})
    w = best.x.reshape(-1, y.shape[1])
    expected = w[0] + design @ w[1:]
    assert_close(probabilities(logits), probabilities(expected), 2e-3)
    means = np.column_stack([one.posterior.mean for one in found])
    np.testing.assert_allclose(centred(means), centred(w[1:]), rtol=0.02, atol=5e-3)


@classes
def test_few_rows_are_the_same_in_either_space(n_classes):
    X, y = table(20, n_classes)
    basis, rng = Anova.fit(X, 3, True, np.ones(20)), np.random.default_rng(0)
    logits, weight = rng.normal(size=y.shape), rng.uniform(0.5, 2, 20)
    by_rows, by_products = FewRows.of(basis, X), AllRows(basis, X)
    for response in WorkingResponse.of(y, logits, weight):
        assert_close(by_rows(response, THETA), by_products(response, THETA), 1e-4)
        (one,), (two,) = by_rows.observed(response), by_products.observed(response)
        order = some_rows(20, 20)  # in which a sample is cut into blocks
        assert_close(one.kernels[:, order][:, :, order], two.kernels, 1e-6)
        assert_close(one.target[order], two.target, 1e-6)


@classes
def test_a_working_response_has_the_slope_of_the_likelihood(n_classes):
    _, y = table(9, n_classes)
    logits, step = np.random.default_rng(0).normal(size=y.shape), 1e-5
    weight = np.linspace(0.5, 2, 9)
    for k, response in enumerate(WorkingResponse.of(y, logits, weight)):
        move = step * np.eye(y.shape[1])[k]
        above, below = (log_likelihood(logits + m, y, weight) for m in (move, -move))
        slope = response.weight * (response.value - logits[:, k])
        np.testing.assert_allclose(slope, (above - below) / (2 * step), atol=1e-6)


def test_the_curvature_of_two_classes():
    _, y = table(9)
    logits, step, weight = np.linspace(-3, 3, 9)[:, None], 1e-4, np.linspace(0.5, 2, 9)
    (response,) = WorkingResponse.of(y, logits, weight)
    above, here, below = (log_likelihood(logits + m, y, weight) for m in (step, 0, -step))
    np.testing.assert_allclose((above - 2 * here + below) / step**2, -response.weight, rtol=1e-4)


def test_the_curvature_of_centred_logits_that_are_equal():
    """``diag(p) - p p'`` on vectors that sum to 0."""
    X, y = table(30, 3)
    basis, logits = Anova.fit(X, 2, True, np.ones(30)), np.zeros((30, 3))
    found = last_step(basis, X, y, np.ones(30), logits, np.tile(THETA, (3, 1)))
    p = np.full(3, 1 / 3)
    away = np.array([1.0, 1.0, -2.0])
    exact = away @ (np.diag(p) - np.outer(p, p)) @ away / (away @ away)
    for one in found:
        np.testing.assert_allclose(one.response.weight, exact)


def test_rows_that_count_twice_are_repeated_rows():
    X, y = table(60)
    counts = np.random.default_rng(0).integers(1, 4, 60)
    again = np.repeat(np.arange(60), counts)
    basis = Anova.fit(X, 2, True, np.ones(60))
    logits = 0.3 * np.ones((60, 1))
    one = last_step(basis, X, y, counts.astype(float), logits, THETA[None])[0]
    two = last_step(basis, X[again], y[again], np.ones(len(again)), logits[again], THETA[None])[0]
    assert_close(one.at(X), two.at(X), 1e-5)
    assert one.posterior.intercept_variance == pytest.approx(two.posterior.intercept_variance)


# Laplace's approximation


def test_draws_have_the_curvature_at_the_most_probable_logits():
    """Weights and intercept: the inverse of the negative log posterior's second derivative."""
    X, y = table(40)
    (one,), logits = solved(X, y)
    basis, p = one.posterior.basis, expit(logits[:, 0])
    prior = np.exp(THETA)[basis.groups] * basis.weights
    design = np.column_stack([np.ones(40), basis.design(X)])
    precision = design.T @ ((p * (1 - p))[:, None] * design) + np.diag([0, *(1 / prior)])
    draws = one.posterior.draw(20_000, torch.Generator().manual_seed(0))
    assert_mean(draws.weights, one.posterior.mean)
    away = draws.weights - one.posterior.mean
    covariance = np.linalg.inv(precision)
    assert_mean(away[:, :, None] * away[:, None, :], covariance[1:, 1:])
    assert np.var(draws.shift) == pytest.approx(covariance[0, 0], rel=0.05)
    assert np.mean(draws.shift) == pytest.approx(one.posterior.intercept, abs=0.02)
    x = torch.tensor(X[:5])
    values = draws(x)[..., 0].numpy()
    assert_mean(values, logits[:5, 0])


def test_rows_left_out_are_predicted_as_by_a_process_without_them():
    X, y = table(50)
    (one,), _ = solved(X, y)
    response = one.response
    left_out = one.posterior.left_out(X, response.value, response.weight)
    for row in range(0, 50, 10):
        rest = np.delete(np.arange(50), row)
        (other,), _ = solved(X[rest], y[rest])
        expected = other.at(X[row : row + 1])[0]
        assert left_out[row] == pytest.approx(expected, abs=0.15 + 0.1 * abs(expected))


# Variances


def test_strong_logits_have_large_variances():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 2))
    found = []
    for strength in (0.3, 6.0):
        y = (strength * X[:, 0] + rng.logistic(size=600) > 0).astype(float)[:, None]
        (one,) = learn_logits(GaussianProcess(2).basis(X, np.ones(600)), X, y, np.ones(600))
        found.append(one.posterior.variances)
    assert found[1][0] > 20 * found[0][0]
    assert found[0][-1] == found[1][-1] == 1  # of a working response


@classes
def test_many_rows_start_from_few(n_classes, monkeypatch):
    """And end where all of them end."""
    X, y = table(500, n_classes)
    found = []
    for few in (150, 500):
        monkeypatch.setattr("skgeh.process._laplace.BLOCK", few)
        monkeypatch.setattr("skgeh.process._laplace.some_rows", lambda n: np.arange(150))
        logits = learn_logits(GaussianProcess(2).basis(X, np.ones(500)), X, y, np.ones(500))
        found.append(probabilities(np.column_stack([one.at(X) for one in logits])))
    assert np.abs(found[0] - found[1]).mean() < 0.02


@pytest.mark.parametrize("case", ["separable", "rare", "one row of a class", "eight rows"])
def test_hard_tables_have_finite_logits(case):
    X, _ = table(200)
    y = X[:, 0] > 0
    if case == "rare":
        y = np.arange(200) < 3
    elif case == "one row of a class":
        y = np.arange(200) == 7
    elif case == "eight rows":
        X, y = X[:8], np.arange(8) % 2 == 0
    ones = np.ones(len(X))
    basis = GaussianProcess(3).basis(X, ones)
    (one,) = learn_logits(basis, X, y.astype(float)[:, None], ones)
    logits = one.at(X)
    assert np.isfinite(logits).all() and np.abs(logits).max() < 100
    if case == "separable":
        assert ((logits > 0) == y).all()
