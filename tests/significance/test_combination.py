import numpy as np
import pytest
from scipy.stats import cauchy as cauchy_distribution
from scipy.stats import norm
from sklearn.linear_model import Ridge

from skgeh import BayesianInteractionRegressor, posteriors
from skgeh.significance._combination import VARIANCE_INFLATION, cauchy, combined, inflation
from skgeh.significance._refits import learner_of
from skgeh.tables.corrections import bonferroni
from tests.significance.oracles import combined_by_hand


def p_values(*shape, seed=0):
    return np.random.default_rng(seed).beta(0.3, 1, size=shape)


def weights(size, seed=0):
    return np.random.default_rng(seed).dirichlet(np.ones(size))


# Over kinds of evidence


@pytest.mark.parametrize("size", [1, 2, 7])
def test_cauchy_is_the_tail_of_the_weighted_quantiles(size):
    p, w = np.random.default_rng(0).uniform(1e-3, 0.9, size=(50, size)), weights(size)
    expected = cauchy_distribution.sf((w * cauchy_distribution.isf(p)).sum(1))
    np.testing.assert_allclose(cauchy(p, w), expected, rtol=1e-10)


@pytest.mark.parametrize("p", [1e-12, 1e-30, 1e-200, 1e-290])
def test_tiny_values_stay_exact(p):
    """With one tiny value, ``p_1 / w_1`` to first order."""
    w = np.array([0.2, 0.5, 0.3])
    assert cauchy(np.array([p, 0.3, 0.8]), w) == pytest.approx(p / 0.2, rel=1e-9)
    assert cauchy(np.array([p, p, p]), w) == pytest.approx(p, rel=1e-9)


@pytest.mark.parametrize("combine", [cauchy, bonferroni])
def test_zero_and_one_are_no_p_values(combine):
    w = np.array([0.5, 0.5])
    assert 0 < combine(np.array([0.0, 0.0]), w) < 1e-290
    assert 0 < combine(np.array([0.0, 1.0]), w) < 1e-280
    assert 0.9 <= combine(np.array([1.0, 1.0]), w) <= 1
    assert 0 < combine(np.array([1e-40, 1.0]), w) < 1e-10


@pytest.mark.parametrize("combine", [cauchy, bonferroni])
def test_many_values_at_once(combine):
    p, w = p_values(4, 3, 5), weights(5)
    found = combine(p, w)
    assert found.shape == (4, 3)
    assert found[2, 1] == combine(p[2, 1], w)


@pytest.mark.parametrize("combine", [cauchy, bonferroni])
def test_combined_uniform_values_keep_the_level(combine):
    """Equicorrelated: a third of the values are the same noise."""
    rng = np.random.default_rng(0)
    common, own = rng.normal(size=(40_000, 1)), rng.normal(size=(40_000, 6))
    z = np.sqrt(1 / 3) * common + np.sqrt(2 / 3) * own
    share = (combine(norm.sf(z), np.full(6, 1 / 6)) <= 0.01).mean()
    assert 0.004 < share < 0.0125


# One p-value from many scores


@pytest.mark.parametrize("sequential", [True, False])
@pytest.mark.parametrize("shape_scores", [(1, 6, 4), (3, 6, 4), (3, 6, 1), (1, 6, 0)])
def test_scores_are_combined(shape_scores, sequential):
    rng = np.random.default_rng(0)
    t, z = rng.normal(size=(3, 5, 6)), rng.normal(size=shape_scores)
    weights = (
        rng.dirichlet(np.ones(shape_scores[2]), size=6) if shape_scores[2] else np.zeros((6, 0))
    )
    p = combined(t, 1.5, z, 1.2, weights, sequential)
    np.testing.assert_allclose(p, combined_by_hand(t, 1.5, z, 1.2, weights, sequential))


def test_learned_shapes_count_on_one_side_and_smooth_ones_on_both():
    t, z = np.full((1, 5, 1), 3.0), np.full((1, 1, 1), 6.0)

    def p(t, z):
        return combined(t, 1.0, z, 1.0, np.ones((1, 1)), sequential=False)

    assert p(t, 0.1 * z) < 1e-9
    assert p(-t, 0.1 * z) > 0.5
    assert p(0 * t, z) < 1e-8
    assert p(0 * t, -z) < 1e-8


@pytest.mark.parametrize("sequential", [True, False])
def test_a_score_test_is_half_of_the_evidence(sequential):
    """Where it says nothing, the other two share its weight."""
    rng = np.random.default_rng(0)
    t, z = rng.normal(size=(3, 5, 6)), rng.normal(size=(1, 6, 4))
    weights = rng.dirichlet(np.ones(4), size=6)
    score = np.array([1e-12, 0.3, np.nan, 0.02, 1.0, np.nan])
    p = combined(t, 1.5, z, 1.0, weights, sequential, score)
    expected = combined_by_hand(t, 1.5, z, 1.0, weights, sequential, score)
    np.testing.assert_allclose(p, expected, rtol=1e-4)
    without = combined(t, 1.5, z, 1.0, weights, sequential)
    assert (p[[2, 5]] == without[[2, 5]]).all() and p[0] == pytest.approx(2e-12)


def test_values_near_1_do_not_undo_a_small_one():
    """Two that say no leave about twice the third."""
    t, z = np.full((1, 5, 1), -4.0), np.full((1, 1, 1), 1e-6)
    for small in (1e-2, 1e-3, 1e-6):
        p = combined(t, 1.0, z, 1.0, np.ones((1, 1)), False, np.array([small]))
        assert 2 * small <= p <= 3 * small


@pytest.mark.parametrize("sequential", [True, False])
def test_overwhelming_scores_are_no_zero(sequential):
    t, z = np.full((3, 5, 1), 100.0), np.full((1, 1, 1), 100.0)
    p = combined(t, 1, z, 1, np.ones((1, 1)), sequential)
    assert 0 < p < 1e-290


@pytest.mark.parametrize(
    "posterior", ["concrete_dropout", posteriors.ConcreteDropout((8,))], ids=["name", "object"]
)
@pytest.mark.parametrize(("n_repeats", "calibrated"), [(1, 1), (2, 1), (3, 3), (10, 3)])
def test_the_inflation_of_our_networks_is_calibrated(posterior, n_repeats, calibrated):
    model = learner_of(BayesianInteractionRegressor(posterior=posterior), None)
    expected = VARIANCE_INFLATION["concrete_dropout"][calibrated]
    assert inflation(model, "auto", 5, n_repeats) == expected
    assert inflation(model, 1.7, 5, n_repeats) == 1.7


def test_other_models_and_folds_are_assumed_to_be_inflated_most():
    with pytest.warns(UserWarning, match="Ridge .* was not calibrated: 2 is assumed"):
        assert inflation(Ridge(), "auto", 5, 3) == 2
    with pytest.warns(UserWarning, match=r"\(concrete_dropout\) with cv=4 was not calibrated"):
        assert inflation(learner_of(BayesianInteractionRegressor(), None), "auto", 4, 3) == 2
    assert inflation(Ridge(), 1, 5, 3) == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (0, "got 0"),
        (-1.0, "got -1.0"),
        (np.nan, "got nan"),
        (np.inf, "got inf"),
        ("high", "got 'high'"),
    ],
)
def test_inflations_that_cannot_be_used(given, message):
    with pytest.raises(ValueError, match=message):
        inflation(Ridge(), given, 5, 3)


def test_a_sequence_is_not_inflated_whatever_is_given():
    for given in ("auto", 1.7):
        assert inflation(Ridge(), given, "sequential", 1) == 1
    with pytest.raises(ValueError, match="got 0"):
        inflation(Ridge(), 0, "sequential", 1)
