from itertools import combinations

import numpy as np
import pytest
from scipy.stats import false_discovery_control

from skgeh.tables.corrections import _holm, adjust, bonferroni


def p_values(*shape, seed=0):
    return np.random.default_rng(seed).beta(0.3, 1, size=shape)


# Over tests of one hypothesis


def test_bonferroni_is_the_least_over_its_weight():
    assert bonferroni(np.array([0.02, 0.03]), np.array([0.2, 0.8])) == pytest.approx(0.0375)
    assert bonferroni(np.array([0.5, 0.9]), np.array([0.2, 0.8])) == 1


# Over hypotheses


def test_holm_by_hand():
    """0.01 x 4, 0.015 x 3, 0.03 x 2 and 0.04, which may not be less than the one before."""
    p = np.array([0.03, 0.01, 0.04, 0.015])
    np.testing.assert_allclose(_holm(p), [0.06, 0.04, 0.06, 0.045])


@pytest.mark.parametrize("seed", range(10))
def test_holm_is_the_closed_test_by_bonferroni(seed):
    """Adjusted p of a pair: the largest Bonferroni p over all sets of pairs that contain it."""
    p = p_values(6, seed=seed)
    p[3] = p[1]  # a tie
    expected = [
        max(
            min(1, size * p[list(members)].min())
            for size in range(1, 7)
            for members in combinations(range(6), size)
            if one in members
        )
        for one in range(6)
    ]
    np.testing.assert_allclose(_holm(p), expected, rtol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_corrections_are_the_known_ones(seed):
    p = p_values(40, seed=seed)
    np.testing.assert_array_equal(adjust(p, "fdr"), false_discovery_control(p))
    np.testing.assert_array_equal(adjust(p, "fdr_by"), false_discovery_control(p, method="by"))
    np.testing.assert_array_equal(adjust(p, "fwer"), _holm(p))


@pytest.mark.parametrize("control", ["fdr", "fdr_by", "fwer"])
class TestAdjusted:
    def test_outputs_are_corrected_together(self, control):
        p = p_values(10, 3)
        expected = adjust(p.ravel(), control).reshape(10, 3)
        np.testing.assert_array_equal(adjust(p, control), expected)

    @pytest.mark.parametrize("shape", [(12,), (6, 2)])
    def test_missing_ones_count_as_ones_and_stay_missing(self, control, shape):
        p, tested = p_values(*shape), np.arange(12).reshape(shape) % 3 > 0
        adjusted = adjust(np.where(tested, p, np.nan), control)
        expected = adjust(np.where(tested, p, 1.0), control)
        np.testing.assert_array_equal(adjusted[tested], expected[tested])
        assert np.isnan(adjusted[~tested]).all()

    def test_nothing_tested(self, control):
        assert np.isnan(adjust(np.full(4, np.nan), control)).all()
        assert adjust(np.ones((0, 3)), control).shape == (0, 3)

    def test_order_does_not_matter(self, control):
        p, order = p_values(30), np.random.default_rng(1).permutation(30)
        np.testing.assert_array_equal(adjust(p[order], control), adjust(p, control)[order])

    def test_adjusted_values_are_no_smaller_and_at_most_one(self, control):
        p = p_values(30)
        adjusted = adjust(p, control)
        assert (adjusted >= p).all()
        assert adjusted.max() <= 1
        assert (np.diff(adjusted[np.argsort(p)]) >= 0).all()

    def test_one_value_stays(self, control):
        assert adjust(np.array([0.03]), control).tolist() == [0.03]


@pytest.mark.parametrize("control", ["holm", "FDR", "", None])
def test_unknown_controls_are_named(control):
    with pytest.raises(ValueError, match=r"'fdr', 'fdr_by', 'fwer'; got"):
        adjust(p_values(3), control)
