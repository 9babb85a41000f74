import numpy as np
import pytest

from skgeh.geh.measure import Axes, Question, measure
from skgeh.geh.pairs import pair_index
from tests.oracles import Finite, assert_close


def product_of(scale):
    return lambda x: scale * x[:, :1] * x[:, 1:2] + x[:, 2:] ** 3


def measured(n=200, posterior=None, **given):
    points = np.random.default_rng(0).normal(size=(n, 3))
    products = [product_of(scale) for scale in (-2.0, -3.0)]
    posterior = posterior or Finite(products, n_features=3, n_outputs=1)
    axes = Axes(["a", "b", "c"], np.array([1.0, 2.0, 4.0]), 10.0, "pandas")
    return measure(posterior, points, Question(**{"n_groups": 5, "n_draws": 4, **given}), axes)


def test_effects_of_a_posterior_that_is_known():
    found = measured()
    assert found.feature_names == ("a", "b", "c")
    assert_close(found.pairs, pair_index(3))
    assert_close(found.draws, np.outer([2, 3, 2, 3], [1, 0, 0]), 1e-6)
    assert_close(found.effect, [2.5, 0, 0], 1e-6)
    assert_close(found.std, [1 / 3**0.5, 0, 0], 1e-6)
    assert_close(found.group_effects, np.outer(np.ones(5), [-2.5, 0, 0]), 1e-6)
    assert found.group_weights.sum() == pytest.approx(1)
    assert found.order[0] == 0 and np.isfinite(found.score).all()
    assert found.to_frame("original").effect[0] == pytest.approx(2.5 * 10 / 2)


def test_the_number_of_groups_is_given_or_found():
    assert len(measured(n_groups=3).group_weights) == 3
    assert len(measured(n_groups="auto").group_weights) >= 8
    assert_close(measured(n_groups="auto").effect, measured().effect, 1e-6)


def test_effects_are_means_over_all_points():
    points = np.random.default_rng(0).normal(size=(1700, 3))
    posterior = Finite([lambda x: x[:, :1] ** 2 * x[:, 2:]], n_features=3, n_outputs=1)
    found = measured(1700, n_groups=1, posterior=posterior)
    assert_close(found.effect, [0, abs(2 * points[:, 0].mean()), 0], 1e-4)


def test_groups_have_all_points_and_scores_a_thousand():
    found = measured(1700, n_groups=2)
    counts = found.group_weights * 1700
    np.testing.assert_allclose(counts, counts.round(), atol=1e-6)
    assert not np.allclose(found.group_weights * 1000, (found.group_weights * 1000).round())
    assert np.isfinite(found.score).all()


def test_draws_are_shown_if_asked(capsys):
    measured()
    assert capsys.readouterr().err == ""
    measured(verbose=True)
    assert "draws" in capsys.readouterr().err
