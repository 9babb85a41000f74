import pickle

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import roc_auc_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from skgeh import BayesianInteractionRegressor
from skgeh.datasets import make_interactions
from skgeh.geh.effect import group_expected_hessian
from skgeh.geh.partition import Partition
from skgeh.tables.rows import held_out_rows, point_rows
from tests.estimators.runs import product, small

SAMPLE_WEIGHT = {
    "check_sample_weight_equivalence_on_dense_data": "a stochastic learner's batches and held-out "
    "rows are other ones when rows are repeated; tested below within Monte-Carlo error"
}


@parametrize_with_checks(
    [BayesianInteractionRegressor()], expected_failed_checks=lambda estimator: SAMPLE_WEIGHT
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def simulated():
    X, y, truth = make_interactions(2000, signal_to_noise=5, random_state=0)
    return BayesianInteractionRegressor(random_state=0).fit(X, y), X, y, truth


class TestAnswers:
    def test_true_pairs_come_first(self, simulated):
        model, _, _, truth = simulated
        assert roc_auc_score(truth.labels, model.interactions_.score) > 0.98
        assert roc_auc_score(truth.labels, model.interactions_.effect) > 0.95

    def test_effects_have_the_size_and_sign_of_the_truth(self, simulated):
        model, X, _, truth = simulated
        found = model.interactions(X[:500], n_groups=6)
        groups = model_groups(model, X[:500], 6)
        scales = found.target_scale / np.prod(found.feature_scales[found.pairs], axis=1)
        exact = groups.mean(truth.hessian(X[:500])) / scales
        true = truth.labels
        magnitude = group_expected_hessian(exact, groups.weights)
        assert np.abs(found.effect - magnitude)[true].max() < 0.35 * magnitude[true].max()
        assert np.corrcoef(found.effect, magnitude)[0, 1] > 0.9
        assert np.corrcoef(found.group_effects[:, true].ravel(), exact[:, true].ravel())[0, 1] > 0.9

    def test_a_product_gives_its_coefficient(self):
        rng = np.random.default_rng(0)
        X = rng.uniform(-1, 1, size=(1000, 3)) * [1.0, 10.0, 0.1]
        y = 2.5 * X[:, 0] * X[:, 1] + X[:, 2] + 0.1 * rng.normal(size=1000)
        found = small(max_epochs=55).fit(X, y).interactions_
        first = found.to_frame("original").iloc[0]
        assert (first.feature_i, first.feature_j) == ("x0", "x1")
        assert first.effect == pytest.approx(2.5, rel=0.15)
        assert (found.group_effects[:, 0] > 0).all()

    def test_noise_variance_is_that_of_the_target(self, simulated):
        model, X, y, truth = simulated
        noise = np.mean((y - truth.function(X)) ** 2)
        assert 0.8 * noise < model.noise_variance_ < 1.4 * noise

    def test_predictions_are_good_and_intervals_honest(self, simulated):
        model, *_ = simulated
        X, y, truth = make_interactions(2000, signal_to_noise=5, random_state=1)
        mean, std = model.predict(X, return_std=True)
        f = truth.function(X)
        assert 1 - np.mean((mean - f) ** 2) / f.var() > 0.95
        assert 0.92 < np.mean(np.abs(y - mean) < 1.96 * std) < 0.98

    def test_draws_are_summarised(self, simulated):
        found = simulated[0].interactions_
        assert found.draws.shape == (400, 28)
        np.testing.assert_array_equal(found.effect, found.draws.mean(0))
        np.testing.assert_allclose(found.std, found.draws.std(0, ddof=1))
        np.testing.assert_allclose(found.group_weights.sum(), 1)
        # |mean| <= mean of |.|: the effect is no smaller than that of the mean group effects
        assert (found.effect >= group_expected_hessian(found.group_effects, found.group_weights)
                - 1e-9).all()  # fmt: skip

    def test_points_are_held_out_rows_first(self, simulated):
        held_out = held_out_rows(100, 4, 0.1, np.random.default_rng(0))
        rows = point_rows(held_out, np.ones(100), np.random.default_rng(0))
        assert len(np.unique(held_out)) == held_out.size == 40
        assert set(rows[:40]) == set(held_out.ravel())
        assert sorted(rows) == list(range(100))
        assert len(simulated[0]._points) == 1000


def model_groups(model, X, n_groups):
    return Partition.kmeans(model._x_scaler.transform(X), n_groups, model._seed)


class TestInvariance:
    """Statistical for a fit: the same answer up to the networks' own randomness."""

    def spread(self, X, y, seeds=4, **parameters):
        fits = [small(max_epochs=40, random_state=s, **parameters).fit(X, y) for s in range(seeds)]
        effects = np.array([fit.interactions(n_groups=4).effect for fit in fits])
        return effects.mean(0), effects.std(0, ddof=1) * np.sqrt(2 / seeds)

    def test_order_of_features(self):
        X, y = product()
        mean, error = self.spread(X, y)
        turned, turned_error = self.spread(X[:, ::-1], y)
        np.testing.assert_array_less(
            np.abs(mean - turned[::-1]), 5 * (error + turned_error[::-1]) + 0.02
        )

    def test_order_of_rows(self):
        X, y = product()
        mean, error = self.spread(X, y)
        turned, turned_error = self.spread(X[::-1], y[::-1])
        np.testing.assert_array_less(np.abs(mean - turned), 5 * (error + turned_error) + 0.02)

    def test_units(self):
        X, y = product()
        model = small().fit(X, y)
        scale, shift = np.array([1000.0, 1e-6, 3.0]), np.array([0.0, 5e-6, -40.0])
        other = small().fit(X * scale + shift, 1e4 * y - 3e4)
        one, two = model.interactions(n_groups=4), other.interactions(n_groups=4)
        np.testing.assert_allclose(one.effect, two.effect, rtol=2e-3, atol=1e-4)
        columns = ["feature_i", "feature_j"]
        original = one.to_frame("original").set_index(columns).effect
        converted = two.to_frame("original").set_index(columns).effect
        for (i, j), effect in original.items():
            factor = 1e4 / (scale[int(i[1])] * scale[int(j[1])])
            assert converted[i, j] == pytest.approx(effect * factor, rel=2e-3, abs=1e-4 * factor)

    def test_weights_and_repeats_agree_within_monte_carlo_error(self):
        X, y = product(n=250)
        weight = np.random.default_rng(1).integers(0, 4, len(X))
        weighted, repeated = [], []
        for seed in range(4):
            fit = small(max_epochs=40, random_state=seed).fit(X, y, sample_weight=weight)
            weighted.append(fit.interactions_.effect)
            fit = small(max_epochs=40, random_state=seed)
            fit.fit(np.repeat(X, weight, 0), np.repeat(y, weight))
            repeated.append(fit.interactions_.effect)
        error = np.sqrt((np.var(weighted, 0, ddof=1) + np.var(repeated, 0, ddof=1)) / 4)
        difference = np.abs(np.mean(weighted, 0) - np.mean(repeated, 0))
        np.testing.assert_array_less(difference, 5 * error + 0.02)

    def test_rows_without_weight_are_not_there(self):
        X, y = product(n=100)
        weight = np.random.default_rng(1).integers(0, 3, len(X)).astype(float)
        one = small().fit(X, y, sample_weight=weight)
        two = small().fit(X[weight > 0], y[weight > 0], sample_weight=weight[weight > 0])
        np.testing.assert_array_equal(one.predict(X), two.predict(X))


class TestTables:
    def test_effects_of_two_features_that_cancel(self):
        rng = np.random.default_rng(0)
        X = rng.normal(size=(600, 2))
        y = X[:, 0] ** 2 * X[:, 1]
        found = small(max_epochs=55).fit(X, y).interactions_
        signed = found.group_effects[:, 0]
        assert signed.min() < -0.1 and signed.max() > 0.1
        assert found.effect[0] > 5 * abs(found.group_weights @ signed)

    def test_boolean_and_integer_targets(self):
        X, y = product()
        for target in (y > 0, np.round(3 * y).astype(int)):
            assert np.isfinite(small().fit(X, target).predict(X)).all()

    def test_column_as_target(self):
        X, y = product()
        with pytest.warns(UserWarning, match="column-vector"):
            small(max_epochs=1).fit(X, y[:, None])


class TestRefusals:
    def test_constant_target_is_warned_about(self):
        X, _ = product(n=60)
        with pytest.warns(UserWarning, match="target is constant"):
            model = small().fit(X, np.full(60, 3.0))
        np.testing.assert_allclose(model.predict(X), 3.0, atol=0.2)


class TestManners:
    @pytest.mark.parametrize("main_effects", ["linear", "spline", None])
    def test_main_effects(self, main_effects):
        rng = np.random.default_rng(0)
        X = rng.uniform(-2, 2, size=(400, 3))
        y = np.sin(2 * X[:, 0]) + X[:, 1] ** 2 + X[:, 1] * X[:, 2]
        model = small(max_epochs=40, main_effects=main_effects).fit(X, y)
        assert model.score(X, y) > LinearRegression().fit(X, y).score(X, y) + 0.3
        assert model.interactions_.top(1) == [("x1", "x2")]
        assert pickle.loads(pickle.dumps(model)).score(X, y) == model.score(X, y)
