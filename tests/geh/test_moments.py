from functools import reduce

import numpy as np
import pytest

from skgeh.geh.moments import Moments

SPLITS = [[40], [1, 39], [39, 1], [10, 10, 20], [1] * 40, [3, 1, 16, 20]]


def merged(values, sizes):
    parts = np.split(values, np.cumsum(sizes)[:-1])
    return reduce(Moments.merged, map(Moments.of, parts))


@pytest.mark.parametrize("sizes", SPLITS, ids=str)
@pytest.mark.parametrize("shape", [(), (3,), (2, 5)])
def test_merged_blocks_are_the_whole(shape, sizes):
    values = np.random.default_rng(0).gamma(1.0, size=(40, *shape))
    moments = merged(values, sizes)
    assert moments.count == 40
    np.testing.assert_allclose(moments.mean, values.mean(0), rtol=1e-13)
    np.testing.assert_allclose(moments.variance, values.var(0, ddof=1), rtol=1e-12)


@pytest.mark.parametrize("sizes", SPLITS, ids=str)
def test_a_small_spread_about_a_large_mean_is_kept(sizes):
    """Sums of squares would lose it: 1e12 beside 1e-6 is beyond 16 digits."""
    values = 1e6 + 1e-3 * np.random.default_rng(0).normal(size=(40, 7))
    moments = merged(values, sizes)
    np.testing.assert_allclose(moments.variance, values.var(0, ddof=1), rtol=1e-6)


@pytest.mark.parametrize("sizes", SPLITS, ids=str)
def test_single_precision_values_have_moments_in_double(sizes):
    values = (1e4 + np.random.default_rng(0).normal(size=(40, 7))).astype(np.float32)
    moments = merged(values, sizes)
    assert moments.mean.dtype == moments.variance.dtype == np.float64
    exact = values.astype(np.float64)
    np.testing.assert_allclose(moments.mean, exact.mean(0), rtol=1e-14)
    np.testing.assert_allclose(moments.variance, exact.var(0, ddof=1), rtol=1e-10)


@pytest.mark.parametrize("shape", [(), (3,), (2, 5)])
def test_nothing_drawn_before_changes_nothing(shape):
    moments = Moments.of(np.random.default_rng(0).gamma(1.0, size=(4, *shape)))
    after = Moments.none(*shape).merged(moments)
    assert after.count == 4
    assert np.array_equal(after.mean, moments.mean)
    assert np.array_equal(after.variance, moments.variance)


def test_a_single_draw_has_no_variance():
    moments = Moments.of(np.array([[3.0, -1.0]]))
    assert moments.mean.tolist() == [3, -1]
    assert moments.variance.tolist() == [0, 0]


def test_equal_draws_have_no_variance():
    assert not merged(np.full((40, 3), 0.5), [7, 33]).variance.any()


def test_the_order_of_blocks_does_not_matter():
    a, b = (Moments.of(np.random.default_rng(seed).normal(size=(9 + seed, 4))) for seed in (0, 1))
    np.testing.assert_allclose(a.merged(b).variance, b.merged(a).variance, rtol=1e-13)
    np.testing.assert_allclose(a.merged(b).mean, b.merged(a).mean, rtol=1e-13)
