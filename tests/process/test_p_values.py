"""Tails against known laws and simulations, and the combination of a pair's tests."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import chi2, f, norm, t

from skgeh.process._p_values import (
    LEAST_RELATIVE,
    MOST_FREEDOM,
    SEEN,
    degrees_of_freedom,
    of_quadratic_form,
    p_values,
    tail,
)
from skgeh.process._pair_statistics import PairColumns, PairStatistics
from skgeh.tables.corrections import LEAST


@pytest.mark.parametrize("p", [0.9, 0.6, 0.4, 0.1, 1e-2, 1e-4, 1e-8, 1e-20])
@pytest.mark.parametrize("k", [1, 2, 5, 30])
def test_tails_of_chi_squares(p, k):
    shares = np.full(k, 0.7)
    assert tail(0.7 * chi2.isf(p, k), shares, MOST_FREEDOM) == pytest.approx(p, rel=0.15)


@pytest.mark.parametrize("p", [0.9, 0.5, 0.1, 1e-2, 1e-4, 1e-8])
@pytest.mark.parametrize(("k", "freedom"), [(1, 8.0), (4, 20.0), (16, 5.0), (3, 200.0)])
def test_tails_of_estimated_variances_are_those_of_f(p, k, freedom):
    assert tail(3 * k * f.isf(p, k, freedom), np.full(k, 3.0), freedom) == pytest.approx(
        p, rel=0.15
    )


@pytest.mark.parametrize("freedom", [7.0, 1e7])
def test_tails_of_mixtures(freedom):
    rng = np.random.default_rng(0)
    shares = np.array([1, 0.5, 0.3, 0.1, 0.1, 0.01, 1e-4])
    mixture = (shares * rng.chisquare(1, size=(400_000, 7))).sum(1)
    mixture = mixture / (rng.chisquare(freedom, size=len(mixture)) / freedom)
    for p in (0.8, 0.3, 0.05, 0.01, 1e-3):
        q = np.quantile(mixture, 1 - p)
        assert tail(q, shares, freedom) == pytest.approx(p, rel=0.08 if p > 1e-3 else 0.2)


def test_tails_fall_and_do_not_jump():
    shares = np.array([1.0, 0.4, 0.2])
    found = np.array([tail(q, shares, 50.0) for q in np.linspace(0.01, 30, 3000)])
    assert (np.diff(found) <= 1e-9).all() and np.diff(found).min() > -0.02
    assert 0.95 < found[0] <= 1 and found[-1] < 1e-3


def test_tails_at_the_ends():
    assert tail(0.0, np.ones(3), 20.0) > 0.99
    assert tail(1e30, np.ones(3), 1e7) == pytest.approx(LEAST, rel=1e-6)
    assert tail(5.0, np.zeros(0), 20.0) == 1
    assert tail(3.0, np.ones(3), 1e7) == pytest.approx(chi2.sf(3, 3), rel=0.01)


def test_tails_do_not_depend_on_the_unit():
    shares = np.array([1.0, 0.4, 0.2])
    found = [tail(4.0 * unit, shares * unit, 12.0) for unit in (1e-9, 1, 1e9)]
    assert found == pytest.approx([found[1]] * 3, rel=1e-6)


def test_a_quadratic_form_takes_its_law_from_the_covariance():
    rng = np.random.default_rng(0)
    half, root = rng.normal(size=(4, 6)), np.array([1, 0.5, 0.5, 0.2])
    M = half @ half.T
    draws = half @ rng.normal(size=(6, 4000))
    found = np.array([of_quadratic_form(u, M, root, 0.0) for u in draws.T])
    for level in (0.5, 0.1, 0.02):
        error = np.sqrt(level * (1 - level) / len(found))
        assert abs((found < level).mean() - level) < 4 * error + 0.03 * level


def test_degrees_of_freedom():
    """Those of a variance whose estimate has the variance that its law says."""
    variance, df = 3.0, 12.0
    assert degrees_of_freedom(variance, 2 * variance**2 / df) == pytest.approx(df)
    assert degrees_of_freedom(variance, 0.0) == pytest.approx(MOST_FREEDOM)
    assert degrees_of_freedom(variance, -1.0) == pytest.approx(MOST_FREEDOM)
    assert degrees_of_freedom(variance, 1e9) == 1


# Pairs


def asked(u, M, relative=None, waves=None, freedom=np.inf, C=None, seen=None):
    """Statistics of p pairs (p, m) with one covariance, and its degrees of freedom."""
    u = np.atleast_2d(u)
    p, m = u.shape
    relative = np.tile(np.ones(m) if relative is None else relative, (p, 1))
    waves = np.tile(np.zeros(m, dtype=int) if waves is None else waves, (p, 1))
    M = np.broadcast_to(M, (p, m, m))
    variance = np.einsum("pmm->pm", M)
    columns = PairColumns(np.arange(p), np.zeros((2, p, m), int), relative, waves, 0 * relative)
    fourth = 2 * (relative * variance).sum(1) ** 2 / freedom
    C = M if C is None else np.broadcast_to(C, M.shape)
    seen = np.tile(np.ones(m) if seen is None else seen, (p, 1))
    return PairStatistics(columns, u, C, M, M, seen, fourth, 2 * variance**2 / freedom)


GRID = np.array(list(np.ndindex(4, 4)))
WAVES, RELATIVE = GRID.sum(1), 0.4 ** GRID.sum(1)  # as products of four functions have


@pytest.mark.parametrize("freedom", [np.inf, 15.0])
def test_p_values_are_uniform_if_the_covariance_is_right(freedom):
    rng = np.random.default_rng(1)
    half = rng.normal(size=(16, 40)) / 6
    u = (half @ rng.normal(size=(40, 6000))).T
    if np.isfinite(freedom):
        u /= np.sqrt(rng.chisquare(freedom, size=6000) / freedom)[:, None]
    p = p_values(asked(u, half @ half.T, RELATIVE, WAVES, freedom))
    assert ((p > 0) & (p <= 1)).all()
    for level in (0.2, 0.05, 0.01):
        error = np.sqrt(level * (1 - level) / len(p))
        assert abs((p < level).mean() - level) < 4 * error + 0.15 * level


def test_one_column_is_tested_alone():
    """Twice, together and as a product of lines; both are nearly the same."""
    for z in (0.3, 1.5, 3.0, 6.0):
        found = p_values(asked([2 * z], np.array([[4.0]])))
        assert found == pytest.approx(2 * norm.sf(z), rel=0.06, abs=0.01)
        found = p_values(asked([2 * z], np.array([[4.0]]), freedom=9.0))
        assert found == pytest.approx(2 * t.sf(z, 9), rel=0.06, abs=0.01)


def test_every_form_is_found():
    M = np.eye(16)
    spread = np.sqrt(np.full(16, 3.0))  # no column alone would be
    line, wave = (6.0 * np.eye(16)[k] for k in (0, 1))
    p = p_values(asked([spread, line, wave], M, RELATIVE, WAVES))
    assert p[0] < 2 * norm.sf(np.sqrt(3)) / 2 and (p[1:] < 1e-6).all()


def test_columns_that_are_expected_to_be_small_are_not_tested_alone():
    M, small = np.eye(16), int(np.flatnonzero(RELATIVE < LEAST_RELATIVE)[0])
    p = p_values(asked([8.0 * np.eye(16)[small]], M, RELATIVE, WAVES))
    assert p > 1e-4


def test_the_order_of_columns_does_not_matter():
    rng = np.random.default_rng(0)
    half, u, order = rng.normal(size=(16, 30)), rng.normal(size=16) * 9, rng.permutation(16)
    M = half @ half.T
    one = p_values(asked(u, M, RELATIVE, WAVES))
    two = p_values(asked(u[order], M[np.ix_(order, order)], RELATIVE[order], WAVES[order]))
    np.testing.assert_allclose(two, one, rtol=1e-8)


@pytest.mark.parametrize("unit", [1e-12, 1e-3, 1e8])
def test_the_unit_of_a_target_does_not_matter(unit):
    rng = np.random.default_rng(0)
    u, M = rng.normal(size=(5, 16)), np.eye(16)
    one = p_values(asked(u, M, RELATIVE, WAVES))
    np.testing.assert_allclose(
        p_values(asked(unit * u, unit**2 * M, RELATIVE, WAVES)), one, rtol=1e-6
    )


def test_no_p_value_is_zero():
    p = p_values(asked([np.full(16, 1e10)], np.eye(16), RELATIVE, WAVES))
    assert 0 < p < 1e-200


def test_where_nothing_is_left_there_is_no_p_value():
    nothing = np.zeros((16, 16))
    assert np.isnan(p_values(asked([np.zeros(16)], nothing, RELATIVE, WAVES))).all()
    assert np.isnan(p_values(asked([np.ones(16)], nothing, RELATIVE, WAVES, C=np.eye(16)))).all()


def test_columns_of_which_nothing_is_left_do_not_count():
    """A product of two functions that no row has together."""
    rng = np.random.default_rng(0)
    there = np.arange(16) % 3 != 1
    half = rng.normal(size=(16, 30)) * there[:, None]
    M, u = half @ half.T, np.where(there, 4 * rng.normal(size=16), 0.0)
    one = p_values(asked(u, M, RELATIVE, WAVES))
    two = p_values(asked(u[there], M[np.ix_(there, there)], RELATIVE[there], WAVES[there]))
    np.testing.assert_allclose(one, two, rtol=1e-6)
    assert np.isfinite(one).all()


@pytest.mark.parametrize("share", [0.5, 0.99])
def test_columns_that_others_explain_do_not_count(share):
    """Whatever their statistics are."""
    rng = np.random.default_rng(0)
    there = np.arange(16) % 3 != 1
    half, u = rng.normal(size=(16, 30)), 4 * rng.normal(size=16)
    M, seen = half @ half.T, np.where(there, 2 * SEEN, share * SEEN)
    one = p_values(asked(u, M, RELATIVE, WAVES, seen=seen))
    two = p_values(asked(u[there], M[np.ix_(there, there)], RELATIVE[there], WAVES[there]))
    np.testing.assert_allclose(one, two, rtol=1e-6)
    u[~there] = 1e6
    np.testing.assert_allclose(p_values(asked(u, M, RELATIVE, WAVES, seen=seen)), two, rtol=1e-6)


def test_pairs_that_others_explain_have_no_p_value():
    u = np.random.default_rng(0).normal(size=(3, 16))
    seen = np.full((3, 16), 0.5)
    seen[1] = 0.9 * SEEN
    p = p_values(replace(asked(u, np.eye(16), RELATIVE, WAVES), seen=seen))
    assert np.isnan(p).tolist() == [False, True, False]
