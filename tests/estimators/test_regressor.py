import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import GammaRegressor, LinearRegression, PoissonRegressor
from sklearn.metrics import d2_tweedie_score, roc_auc_score
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
    [BayesianInteractionRegressor(max_epochs=10)],
    expected_failed_checks=lambda estimator: SAMPLE_WEIGHT,
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


def spread(X, y, seeds=4):
    fits = [small(max_epochs=40, random_state=seed).fit(X, y) for seed in range(seeds)]
    effects = np.array([fit.interactions(n_groups=4).effect for fit in fits])
    return effects.mean(0), effects.std(0, ddof=1) * np.sqrt(2 / seeds)


@pytest.fixture(scope="module")
def as_it_is():
    return spread(*product())


class TestInvariance:
    """Statistical for a fit: the same answer up to the networks' own randomness."""

    def test_order_of_features(self, as_it_is):
        X, y = product()
        mean, error = as_it_is
        turned, turned_error = spread(X[:, ::-1], y)
        np.testing.assert_array_less(
            np.abs(mean - turned[::-1]), 5 * (error + turned_error[::-1]) + 0.02
        )

    def test_order_of_rows(self, as_it_is):
        X, y = product()
        mean, error = as_it_is
        turned, turned_error = spread(X[::-1], y[::-1])
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

    @pytest.mark.filterwarnings("ignore:.*(rows are repeated|neighbouring rows)")
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


def log_linear(loss, n=500, interaction=0.0, base=1.0, seed=0):
    """Counts or amounts whose log mean is additive, up to one product; and that log mean."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4))
    eta = base + X @ [0.6, -0.4, 0.4, 0.0] + interaction * X[:, 0] * X[:, 1]
    mu = np.exp(eta)
    y = rng.poisson(mu).astype(float) if loss == "poisson" else mu * rng.gamma(2, 0.5, n)
    return X, y, eta


def log_fit(loss, **parameters):
    given = {"posterior": "concrete_dropout", "hidden_layer_sizes": (40, 40), "max_epochs": 40}
    return small(loss=loss, **{**given, **parameters})


@pytest.fixture(scope="module", params=["poisson", "gamma"])
def additive(request):
    X, y, eta = log_linear(request.param)
    return request.param, log_fit(request.param).fit(X, y), X, y, eta


class TestLogLinks:
    """The losses "poisson" and "gamma", which learn the log of the mean."""

    def test_predictions_are_near_those_of_a_generalised_linear_model(self, additive):
        loss, model, *_ = additive
        X, y, eta = log_linear(loss, seed=1)
        power = {"poisson": 1, "gamma": 2}[loss]
        glm = {"poisson": PoissonRegressor, "gamma": GammaRegressor}[loss](alpha=1e-3)
        known, target, _ = log_linear(loss)
        found, expected = model.predict(X), glm.fit(known, target).predict(X)
        assert (found > 0).all()
        mine, its = (d2_tweedie_score(y, mean, power=power) for mean in (found, expected))
        assert mine > its - 0.03 > 0.4
        assert np.corrcoef(np.log(found), eta)[0, 1] > 0.98

    def test_intervals_are_honest_and_the_dispersion_true(self, additive):
        loss, model, *_ = additive
        X, y, _ = log_linear(loss, n=2000, seed=1)
        assert model.noise_variance_ == pytest.approx({"poisson": 1, "gamma": 0.5}[loss], rel=0.3)
        mean, std = model.predict(X, return_std=True)
        assert 0.91 < np.mean(np.abs(y - mean) < 1.96 * std) < 0.99

    def test_factors_of_the_mean_do_not_interact(self, additive):
        loss, model, *_ = additive
        X, y, _ = log_linear(loss, interaction=0.5)
        found = log_fit(loss).fit(X, y).interactions_
        assert found.top(1) == [("x0", "x1")]
        assert 0.25 < found.effect[0] < 0.65  # the product has 0.5
        assert model.interactions_.effect.max() < 0.35 * found.effect[0]

    def test_effects_are_in_logs(self, additive):
        found = additive[1].interactions_
        assert found.target_scale == 1.0
        for posterior, effects in ((True, found.effect), (False, found.decisions.effect)):
            frame = found.to_frame("original", posterior=posterior)
            frame = frame.set_index(["feature_i", "feature_j"]).effect
            for (i, j), effect in zip(found.pairs, effects, strict=True):
                scale = found.feature_scales[i] * found.feature_scales[j]
                assert frame[f"x{i}", f"x{j}"] == pytest.approx(effect / scale)

    def test_quality_is_a_share_of_the_deviance(self, additive):
        loss, model, *_ = additive
        quality = model.fit_quality_
        assert quality.believable
        assert 0.4 < quality.r2 < 0.9
        assert quality.r2_main_effects == pytest.approx(quality.r2, abs=0.1)
        if loss == "poisson":
            X, y, _ = log_linear(loss, interaction=0.5)
            assert log_fit(loss).fit(X, y).fit_quality_.over_main_effects[0] > 0

    def test_the_unit_of_the_target_is_free(self, additive):
        loss, model, X, y, _ = additive
        other = log_fit(loss).fit(X, 8 * y)
        np.testing.assert_allclose(other.predict(X), 8 * model.predict(X), rtol=1e-6)
        factor = 8 if loss == "poisson" else 1
        assert other.noise_variance_ == pytest.approx(factor * model.noise_variance_)

    def test_weights_are_exposures(self, additive):
        loss, model, X, y, _ = additive
        weighed = log_fit(loss).fit(X, y, sample_weight=np.full(len(X), 4.0))
        np.testing.assert_allclose(weighed.predict(X), model.predict(X), rtol=1e-6)
        assert weighed.noise_variance_ == pytest.approx(4 * model.noise_variance_)

    def test_clones_and_pickles(self, additive):
        loss, model, X, *_ = additive
        assert clone(model).loss == loss and f"loss='{loss}'" in repr(model)
        again = pickle.loads(pickle.dumps(model))
        np.testing.assert_array_equal(again.predict(X), model.predict(X))
        assert again.fit_quality_ == model.fit_quality_

    def test_tags_say_that_targets_are_positive(self):
        for loss, positive in (("gamma", True), ("poisson", True), ("squared_error", False)):
            tags = BayesianInteractionRegressor(loss=loss).__sklearn_tags__()
            assert tags.target_tags.positive_only is positive


def test_rates_with_exposures():
    rng = np.random.default_rng(0)
    X, _, eta = log_linear("poisson", n=600)
    exposure = rng.uniform(1, 9, 600)
    y = rng.poisson(exposure * np.exp(eta - 1)) / exposure
    model = log_fit("poisson").fit(X, y, sample_weight=exposure)
    assert model.noise_variance_ == pytest.approx(1, rel=0.3)
    assert np.corrcoef(np.log(model.predict(X)), eta)[0, 1] > 0.98


@pytest.mark.parametrize("posterior", ["mean_field", "ensemble"])
def test_other_networks_learn_log_links(posterior):
    X, y, eta = log_linear("poisson", n=300)
    model = small(
        loss="poisson", posterior=posterior, hidden_layer_sizes=(20, 20), main_effects="spline",
        max_epochs=30,
    ).fit(X, y)  # fmt: skip
    assert np.corrcoef(np.log(model.predict(X)), eta)[0, 1] > 0.95


@pytest.mark.parametrize("loss", ["poisson", "gamma"])
def test_several_targets_of_a_log_link(loss):
    X, y, eta = log_linear(loss, n=400, interaction=0.5)
    other = log_linear(loss, n=400, seed=3)[1]
    rng = np.random.default_rng(5)
    second = rng.permutation(other) * 100
    model = log_fit(loss).fit(X, np.column_stack([y, second]))
    mean, std = model.predict(X, return_std=True)
    assert mean.shape == std.shape == (400, 2) and model.noise_variance_.shape == (2,)
    assert np.corrcoef(np.log(mean[:, 0]), eta)[0, 1] > 0.9
    assert mean[:, 1].mean() == pytest.approx(second.mean(), rel=0.3)
    assert model.interactions(target=0).top(1) == [("x0", "x1")]
    assert model.interactions(target=0).effect[0] > 3 * model.interactions(target=1).effect[0]
    assert model.interactions_.target_scale == 1.0


@pytest.mark.parametrize(
    ("loss", "values", "words"),
    [
        ("poisson", [-1, 2], "at least 0, and some above 0; got values from -1 to 2, and 10 of 20"),
        ("poisson", [0, 0], "some above 0; got values from 0 to 0"),
        ("gamma", [0, 2], "above 0; got values from 0 to 2.*or, for zeros, 'poisson'"),
        ("tweedie", [1, 2], "loss must be one of 'squared_error', 'poisson', 'gamma'"),
    ],
)
def test_targets_without_a_log_mean_are_refused(loss, values, words):
    X = np.random.default_rng(0).normal(size=(20, 2))
    with pytest.raises(ValueError, match=words):
        log_fit(loss).fit(X, np.tile(values, 10))
    if loss != "tweedie":
        with pytest.raises(ValueError, match="target 1"):
            log_fit(loss).fit(X, np.column_stack([np.ones(20), np.tile(values, 10)]))


def test_rows_without_weight_may_have_any_target():
    X, y, _ = log_linear("gamma", n=60)
    y[:5], weight = -1, np.r_[np.zeros(5), np.ones(55)]
    model = log_fit("gamma", max_epochs=2).fit(X, y, sample_weight=weight)
    assert (model.predict(X) > 0).all()


def test_a_constant_count_is_warned_of():
    X = np.random.default_rng(0).normal(size=(30, 2))
    with pytest.warns(UserWarning, match="constant"):
        model = log_fit("poisson", max_epochs=5).fit(X, np.full(30, 7.0))
    np.testing.assert_allclose(model.predict(X), 7, rtol=0.2)
