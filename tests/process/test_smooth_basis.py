import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from skgeh.process._smooth_basis import SmoothBasis
from tests.oracles import assert_close

FEATURES = {
    "normal": lambda rng: rng.normal(size=400),
    "uniform": lambda rng: rng.uniform(size=400),
    "few rows": lambda rng: rng.normal(size=12),
    "integers": lambda rng: rng.integers(0, 10, 400).astype(float),
    "three values": lambda rng: rng.integers(0, 3, 400).astype(float),
    "binary": lambda rng: rng.integers(0, 2, 400).astype(float),
    "rare": lambda rng: (np.arange(400) % 200 == 7).astype(float),
    "mostly zero": lambda rng: np.where(rng.random(400) < 0.8, 0, rng.exponential(size=400)),
    "one outlier": lambda rng: np.append(rng.normal(size=400), 1e4),
    "log-normal": lambda rng: np.exp(3 * rng.normal(size=1000)),
    "Cauchy": lambda rng: rng.standard_cauchy(1000),
    "repeated rows": lambda rng: np.repeat(rng.normal(size=60), 5),
    "equal up to rounding": lambda rng: np.where(
        rng.random(400) < 0.5, 0.3 + 1e-16 * rng.normal(size=400), rng.normal(size=400)
    ),
}


def standard(x):
    return (x - x.mean()) / x.std()


def feature(name, seed=0):
    return standard(FEATURES[name](np.random.default_rng(seed)))


def count(basis):
    """Functions that there are; those behind them are zero."""
    size = int((basis.weights > 0).sum())
    assert (basis.weights[:size] > 0).all()
    return size


every_feature = pytest.mark.parametrize("name", FEATURES)
seeds = pytest.mark.parametrize("seed", range(3))


@every_feature
@seeds
@pytest.mark.parametrize("m", [2, 5, 7])
def test_functions_are_orthonormal_on_the_sample(name, seed, m):
    x = feature(name, seed)
    basis = SmoothBasis.fit(x, m)
    values, size = basis(x), count(basis)
    assert values.shape == (len(x), m)
    gram = np.zeros((m, m))
    gram[:size, :size] = np.eye(size)
    np.testing.assert_allclose(values.T @ values / len(x), gram, atol=1e-7)
    np.testing.assert_allclose(values.mean(0), 0, atol=1e-7)


@every_feature
def test_with_weights_they_are_orthonormal_under_these(name):
    x = feature(name)
    weight = np.random.default_rng(1).uniform(0.1, 3, len(x))
    weight /= weight.mean()
    basis = SmoothBasis.fit(x, 5, weight)
    values, size = basis(x)[:, : count(basis)], count(basis)
    gram = values.T @ (weight[:, None] * values) / len(x)
    np.testing.assert_allclose(gram, np.eye(size), atol=1e-7)
    np.testing.assert_allclose(weight @ values / len(x), 0, atol=1e-7)


@every_feature
@seeds
def test_prior_weights_are_shares_that_fall(name, seed):
    weights = SmoothBasis.fit(feature(name, seed), 7).weights
    assert np.isfinite(weights).all()
    assert (weights[:2] == 1).all() or (weights[0] == 1 and not weights[1:].any())
    assert (np.diff(weights) <= 0).all() and (weights >= 0).all()


def test_the_first_function_is_the_standardised_feature():
    x = 3 * np.random.default_rng(0).normal(size=50) + 7
    weight = np.random.default_rng(1).uniform(0, 2, 50)
    weight /= weight.mean()
    mean = np.average(x, weights=weight)
    expected = (x - mean) / np.sqrt(np.average((x - mean) ** 2, weights=weight))
    assert_close(SmoothBasis.fit(x, 4, weight)(x)[:, 0], expected, 1e-12)


def roughness(function, low, high):
    """Mean products of second derivatives, from differences on a fine grid."""
    grid = np.linspace(low, high, 40_001)
    values = function(grid)
    bends = np.diff(values, 2, axis=0) / (grid[1] - grid[0]) ** 2
    return bends.T @ bends / len(bends)


@pytest.mark.parametrize("name", ["normal", "uniform", "integers"])
def test_waves_come_in_the_order_of_their_roughness(name):
    """The matrix is diagonal, and the weights are the smallest entry over each."""
    x = feature(name)
    basis = SmoothBasis.fit(x, 6)
    found = roughness(basis, x.min(), x.max())[1:, 1:]
    wavy = np.diag(found)
    np.testing.assert_allclose(found / np.sqrt(np.outer(wavy, wavy)), np.eye(5), atol=1e-3)
    np.testing.assert_allclose(basis.weights[1:], wavy[0] / wavy, rtol=1e-3)


def test_no_spline_is_smoother_than_the_first_wave():
    """Of those with unit variance that are uncorrelated with the line, on the same knots."""
    x = feature("uniform")
    basis = SmoothBasis.fit(x, 5)
    least = roughness(basis, x.min(), x.max())[1, 1]
    rng = np.random.default_rng(0)
    knots, line = np.quantile(x, np.linspace(0, 1, 8)), np.column_stack([np.ones_like(x), x])
    for _ in range(200):
        spline = CubicSpline(knots, rng.normal(size=8), bc_type="natural")
        rest = spline(x) - line @ np.linalg.lstsq(line, spline(x), rcond=None)[0]
        assert roughness(lambda u, s=spline: s(u)[:, None], x.min(), x.max())[0, 0] > (
            0.999 * least * rest.var()
        )


@every_feature
def test_straight_lines_outside_the_sample(name):
    x = feature(name)
    basis = SmoothBasis.fit(x, 5)
    for edge, side in ((x.min(), -1), (x.max(), 1)):
        beyond = edge + side * np.array([0.0, 1.0, 2.0, 5.0])
        slope = basis.derivative(beyond)
        assert_close(slope, np.repeat(slope[:1], 4, axis=0), 1e-9)
        expected = basis(beyond[:1]) + np.subtract.outer(beyond, edge)[:, None] * slope[:1]
        assert_close(basis(beyond), expected, 1e-9)


@pytest.mark.parametrize("name", ["normal", "uniform", "integers", "binary", "mostly zero"])
def test_derivatives_against_finite_differences(name):
    x = feature(name)
    basis, step = SmoothBasis.fit(x, 5), 1e-5
    at = np.random.default_rng(1).uniform(x.min() - 1, x.max() + 1, 300)
    expected = (basis(at + step) - basis(at - step)) / (2 * step)
    assert_close(basis.derivative(at), expected, 1e-6)


@pytest.mark.parametrize("n_values", range(1, 8))
@seeds
def test_at_most_one_function_less_than_distinct_values(n_values, seed):
    x = np.random.default_rng(seed).integers(0, n_values, 300).astype(float)
    basis = SmoothBasis.fit(x - x.mean(), 5)
    assert count(basis) <= n_values - 1
    assert n_values > 3 or count(basis) == n_values - 1
    assert basis(x).shape == (300, 5)


@pytest.mark.parametrize("x", [np.zeros(50), np.full(50, 3.0), 1e-16 * np.arange(50)])
def test_a_constant_has_no_functions(x):
    """Nor has a feature whose values differ by rounding."""
    basis = SmoothBasis.fit(x, 5)
    at = np.linspace(-2, 2, 9)
    for values in (basis.weights, basis(at), basis.derivative(at)):
        assert not values.any()


@pytest.mark.parametrize("name", ["normal", "integers", "log-normal"])
def test_neither_order_nor_direction_of_the_feature_matters(name):
    x = feature(name)
    values = np.abs(SmoothBasis.fit(x, 4)(x))
    order = np.random.default_rng(0).permutation(len(x))
    for moved, back in ((x[order], order), (-x, slice(None))):
        assert_close(np.abs(SmoothBasis.fit(moved, 4)(moved)), values[back], 1e-6)
