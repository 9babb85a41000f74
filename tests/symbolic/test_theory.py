import numpy as np
import pytest

from skgeh.symbolic import fit_noise_level, row_norm_ratio, theoretical_interactions
from skgeh.symbolic.theory import _theoretical_distribution
from tests.symbolic.oracles import dense_theory


@pytest.mark.parametrize("n", range(1, 7))
@pytest.mark.parametrize("sigma2", [1e-6, 1e-3, 0.1, 10.0])
def test_against_the_dense_solve(n, sigma2):
    w = np.random.default_rng(n).normal(size=(3, 1 << n))
    np.testing.assert_allclose(
        theoretical_interactions(w, sigma2), w @ dense_theory(n, sigma2).T, atol=1e-12
    )


@pytest.mark.parametrize("sigma2", [1e-4, 1e-2, 1.0])
def test_row_norms_against_the_dense_matrix(sigma2):
    norms = np.linalg.norm(dense_theory(6, sigma2), axis=1)[[0, 1, 3, 7, 15, 31, 63]]
    np.testing.assert_allclose(row_norm_ratio(6, sigma2), norms[:-1] / norms[1:], rtol=1e-10)


@pytest.mark.parametrize("n", [3, 6, 9, 12])
def test_the_ratio_rises_with_noise(n):
    # the corner of tiny noise and many players is left out: there it falls a little
    levels = np.logspace(-4, 1, 20)
    ratios = np.array([row_norm_ratio(n, level) for level in levels])
    assert (np.diff(ratios, axis=0) > 0).all()


def test_without_noise_all_is_learned_and_with_much_nothing():
    w = np.random.default_rng(0).normal(size=256)
    np.testing.assert_allclose(theoretical_interactions(w, 0.0), w, atol=1e-12)
    assert np.abs(theoretical_interactions(w, 1e9)).max() < 1e-6


def test_noise_moves_strength_to_low_orders():
    w = np.random.default_rng(0).normal(size=(4, 256))
    shares = [_theoretical_distribution(w, level) @ np.arange(1, 9) for level in (1e-6, 1e-3, 0.1)]
    assert shares[0] > shares[1] > shares[2]


@pytest.mark.parametrize("level", [1e-7, 1e-4, 1e-2, 1.0])
def test_a_known_level_is_found(level):
    w = np.random.default_rng(1).normal(size=(2, 3, 128))
    fit = fit_noise_level(w, 17 * _theoretical_distribution(w, level))
    assert fit.distance < 1e-3
    np.testing.assert_allclose(np.log10(fit.sigma2), np.log10(level), atol=0.3)
    np.testing.assert_allclose(fit.distribution.sum(), 1)


def test_bad_arguments():
    with pytest.raises(ValueError, match="sigma2 must be"):
        theoretical_interactions(np.zeros(4), -1.0)
    with pytest.raises(ValueError, match="n must be"):
        row_norm_ratio(0, 1.0)
    for measured in ([1.0], [0.0, 0.0], [1.0, -1.0]):
        with pytest.raises(ValueError, match="measured must hold"):
            fit_noise_level(np.ones(4), measured)
