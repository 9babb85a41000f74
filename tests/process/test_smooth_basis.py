import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from skgeh.process import _smooth_basis
from skgeh.process._smooth_basis import Scale, SmoothBasis, find_knots
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


every_feature = pytest.mark.parametrize("name", FEATURES)
seeds = pytest.mark.parametrize("seed", range(3))


@every_feature
@seeds
@pytest.mark.parametrize("m", [2, 5, 7])
def test_functions_are_orthonormal_on_the_sample(name, seed, m):
    x = feature(name, seed)
    basis = SmoothBasis.fit(x, m)
    values, size = basis(x), basis.n_functions
    assert values.shape == basis.derivative(x).shape == (len(x), size)
    assert 1 <= size <= m and basis.weights.shape == (size,)
    np.testing.assert_allclose(values.T @ values / len(x), np.eye(size), atol=1e-7)
    np.testing.assert_allclose(values.mean(0), 0, atol=1e-7)


@every_feature
def test_with_weights_they_are_orthonormal_under_these(name):
    x = feature(name)
    weight = np.random.default_rng(1).uniform(0.1, 3, len(x))
    weight /= weight.mean()
    basis = SmoothBasis.fit(x, 5, weight)
    values, size = basis(x), basis.n_functions
    gram = values.T @ (weight[:, None] * values) / len(x)
    np.testing.assert_allclose(gram, np.eye(size), atol=1e-7)
    np.testing.assert_allclose(weight @ values / len(x), 0, atol=1e-7)


@every_feature
@seeds
def test_prior_weights_are_shares_that_fall(name, seed):
    weights = SmoothBasis.fit(feature(name, seed), 7).weights
    assert np.isfinite(weights).all()
    assert (weights[:2] == 1).all()
    assert (np.diff(weights) <= 0).all() and (weights > 0).all()


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
    """On the scale of the feature."""
    x = feature(name)
    basis = SmoothBasis.fit(x, 5)
    for edge, side in ((x.min(), -1), (x.max(), 1)):
        beyond = edge + side * np.array([0.0, 1.0, 2.0, 5.0])
        moved = basis.scale(beyond)
        slope = basis.derivative(beyond) / basis.scale.slope(beyond)[:, None]
        assert_close(slope, np.repeat(slope[:1], 4, axis=0), 1e-9)
        expected = basis(beyond[:1]) + (moved - moved[0])[:, None] * slope[:1]
        assert_close(basis(beyond), expected, 1e-9)


@pytest.mark.parametrize("name", FEATURES)
def test_derivatives_against_finite_differences(name):
    """Also outside the knots."""
    x = feature(name)
    basis = SmoothBasis.fit(x, 5)
    step = 1e-5 * min(1, basis.scale.width)
    low, high = np.quantile(x, [0.02, 0.98])
    rng = np.random.default_rng(1)
    at = np.append(rng.uniform(low - 1, high + 1, 300), [x.min() - 2, x.max() + 2])
    expected = (basis(at + step) - basis(at - step)) / (2 * step)
    assert_close(basis.derivative(at), expected, 1e-4)


@pytest.mark.parametrize("name", ["binary", "rare"])
def test_two_values_have_one_line_through_both(name):
    x = feature(name)
    basis = SmoothBasis.fit(x, 5)
    low, high = np.unique(x)
    assert basis.n_functions == 1
    secant = (basis(np.array([high])) - basis(np.array([low]))) / (high - low)
    at = np.linspace(low - 3, high + 3, 11)
    assert_close(basis.derivative(at), np.full((11, 1), secant[0, 0]), 1e-12)


@pytest.mark.parametrize("name", ["integers", "three values", "binary"])
def test_weights_that_count_are_repeated_rows(name):
    """Where every value has a knot: quantiles do not look at weights."""
    x = feature(name)
    counts = np.random.default_rng(0).integers(1, 4, len(x))
    repeated = np.repeat(x, counts)
    one, two = SmoothBasis.fit(x, 9, counts / counts.mean()), SmoothBasis.fit(repeated, 9)
    assert_close(find_knots(repeated, 11), find_knots(x, 11), 1e-12)
    assert one.n_functions == two.n_functions
    assert_close(np.abs(one(x)), np.abs(two(x)), 1e-6)
    assert_close(one.weights, two.weights, 1e-6)


def test_columns_in_blocks_of_rows(monkeypatch):
    x = feature("normal")
    whole = SmoothBasis.fit(x, 5)
    monkeypatch.setattr(_smooth_basis, "BLOCK", 70)
    assert_close(SmoothBasis.fit(x, 5)(x), whole(x), 1e-9)


# The scale


LONG_TAILS = ("one outlier", "log-normal", "Cauchy", "mostly zero", "equal up to rounding")


@every_feature
def test_long_tails_have_a_scale_of_their_own(name):
    x = feature(name)
    scale = Scale.of(x, 7)
    first, third = np.quantile(x, [0.25, 0.75])
    if name in LONG_TAILS:
        assert scale.centre == np.median(x)
        if first < third:
            assert scale.width == pytest.approx(third - first)
        moved, order = scale(x), np.argsort(x, kind="stable")
        assert (np.diff(moved[order]) >= 0).all()
        assert np.ptp(moved) < np.ptp(x / scale.width)
    else:
        assert np.isinf(scale.width)
        np.testing.assert_array_equal(scale(x), x)
        np.testing.assert_array_equal(scale.slope(x), 1)


@pytest.mark.parametrize("name", LONG_TAILS)
def test_the_slope_of_a_scale(name):
    x = feature(name)
    scale = Scale.of(x, 7)
    at = scale.centre + scale.width * np.linspace(-20, 20, 101)
    step = 1e-5 * scale.width
    expected = (scale(at + step) - scale(at - step)) / (2 * step)
    assert_close(scale.slope(at), expected, 1e-6)


def test_few_values_have_their_own_scale_however_far():
    x = np.append(np.arange(50) % 3, [1000.0])
    assert np.isinf(Scale.of(x, 7).width) and not np.isinf(Scale.of(x, 3).width)


@pytest.mark.parametrize("name", LONG_TAILS)
def test_a_few_rows_far_out_do_not_decide(name):
    """No row has nearly all of the line's or a wave's variance."""
    x = feature(name)
    values = SmoothBasis.fit(x, 5)(x)[:, :2]
    assert (values**2 / (values**2).sum(0)).max() < (0.9 if name == "one outlier" else 0.5)


@pytest.mark.parametrize("n_values", range(1, 8))
@seeds
def test_at_most_one_function_less_than_distinct_values(n_values, seed):
    x = np.random.default_rng(seed).integers(0, n_values, 300).astype(float)
    basis = SmoothBasis.fit(x - x.mean(), 5)
    assert basis.n_functions <= n_values - 1
    assert n_values > 3 or basis.n_functions == n_values - 1
    assert basis(x).shape == (300, basis.n_functions)


@pytest.mark.parametrize("x", [np.zeros(50), np.full(50, 3.0), 1e-16 * np.arange(50)])
def test_a_constant_has_no_functions(x):
    """Nor has a feature whose values differ by rounding."""
    basis = SmoothBasis.fit(x, 5)
    at = np.linspace(-2, 2, 9)
    assert basis.n_functions == 0 and basis.weights.shape == (0,)
    assert basis(at).shape == basis.derivative(at).shape == (9, 0)


@pytest.mark.parametrize("name", ["normal", "integers", "log-normal"])
def test_neither_order_nor_direction_of_the_feature_matters(name):
    x = feature(name)
    values = np.abs(SmoothBasis.fit(x, 4)(x))
    order = np.random.default_rng(0).permutation(len(x))
    for moved, back in ((x[order], order), (-x, slice(None))):
        assert_close(np.abs(SmoothBasis.fit(moved, 4)(moved)), values[back], 1e-6)
