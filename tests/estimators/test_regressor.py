import pickle

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from skorch.callbacks import Callback
from threadpoolctl import threadpool_info

from skgeh import BayesianInteractionRegressor, posteriors
from skgeh.datasets import make_interactions
from skgeh.geh.effect import group_expected_hessian
from skgeh.geh.partition import Partition
from skgeh.geh.push_forward import push_forward
from skgeh.tables.rows import held_out_rows, point_rows

SAMPLE_WEIGHT = {
    "check_sample_weight_equivalence_on_dense_data": "a stochastic learner's batches and held-out "
    "rows are other ones when rows are repeated; tested below within Monte-Carlo error"
}


def small(**parameters):
    defaults = {"hidden_layer_sizes": (20, 20), "max_epochs": 10, "n_draws": 50, "random_state": 0}
    return BayesianInteractionRegressor(**{**defaults, **parameters})


def product(n=300, d=3, noise=0.1, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    return X, X[:, 0] * X[:, 1] + X[:, -1] + noise * rng.normal(size=n)


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


class TestRandomness:
    def test_same_seed_same_answer_whatever_the_jobs(self):
        X, y = product()
        one = small(n_draws=120).fit(X, y)
        two = small(n_draws=120, n_jobs=2).fit(X, y)
        np.testing.assert_array_equal(one.predict(X), two.predict(X))
        for backend in ("threading", "loky"):
            two._interactions = None
            with joblib.parallel_config(backend=backend):
                found = two.interactions_
            np.testing.assert_array_equal(one.interactions_.draws, found.draws)
            np.testing.assert_array_equal(one.interactions_.group_std, found.group_std)
            np.testing.assert_array_equal(one.interactions_.score, found.score)

    def test_seeds_differ(self):
        X, y = product()
        assert not np.array_equal(
            small(random_state=1).fit(X, y).predict(X), small(random_state=2).fit(X, y).predict(X)
        )

    def test_global_state_is_left_as_found(self):
        X, y = product()
        torch.manual_seed(3)
        np.random.seed(3)  # noqa: NPY002 - the global state is what is watched
        states = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
        threads = torch.get_num_threads(), threadpool_info()
        small(n_jobs=2).fit(X, y).interactions_  # noqa: B018 - computed when asked for
        assert torch.equal(states[0], torch.get_rng_state())
        np.testing.assert_array_equal(states[1], np.random.get_state()[1])  # noqa: NPY002
        assert threads == (torch.get_num_threads(), threadpool_info())

    def test_pickle_and_clone(self):
        X, y = product()
        model = small().fit(X, y)
        copy = pickle.loads(pickle.dumps(model))
        np.testing.assert_array_equal(model.predict(X), copy.predict(X))
        np.testing.assert_array_equal(model.interactions_.effect, copy.interactions_.effect)
        again = clone(model).fit(X, y)
        np.testing.assert_array_equal(model.interactions_.effect, again.interactions_.effect)

    def test_interactions_are_the_same_whenever_asked_for(self):
        X, y = product()
        early, late = small().fit(X, y), small().fit(X, y)
        effect = early.interactions_.effect
        late.predict(X, return_std=True)
        late.interactions(X, n_groups=2, n_draws=10)
        np.testing.assert_array_equal(effect, late.interactions_.effect)


class TestTables:
    def test_pandas_and_polars_names_come_back(self):
        X, y = product()
        columns = {"age": X[:, 0], "weight": X[:, 1], "dose": X[:, 2]}
        pandas = small().fit(pd.DataFrame(columns), y).interactions_
        polars = small().fit(pl.DataFrame(columns), y).interactions_
        assert pandas.feature_names == polars.feature_names == ("age", "weight", "dose")
        assert isinstance(pandas.to_frame(), pd.DataFrame)
        assert isinstance(polars.to_frame(), pl.DataFrame)
        np.testing.assert_array_equal(pandas.effect, polars.effect)

    @pytest.mark.parametrize("dtype", [np.float32, np.int64, bool])
    def test_dtypes(self, dtype):
        rng = np.random.default_rng(0)
        X = rng.integers(0, 2, size=(200, 3)).astype(dtype)
        y = 2.0 * X[:, 0] * X[:, 1] + 0.1 * rng.normal(size=200)
        model = small(max_epochs=40).fit(X, y)
        assert model.interactions_.top(1) == [("x0", "x1")]

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

    def test_constant_duplicate_and_collinear_columns(self):
        X, y = product()
        X = np.column_stack([X, np.full(len(X), 7.0), X[:, 0], X[:, 1] + X[:, 2]])
        model = small().fit(X, y)
        found = model.interactions_
        assert np.isfinite(found.to_frame()[["score", "effect", "std"]].to_numpy()).all()
        constant = (found.pairs == 3).any(1)
        assert (found.effect[constant] == 0).all()

    def test_two_features(self):
        X, y = product(d=2)
        found = small().fit(X, y).interactions_
        assert found.effect.shape == (1,)
        assert len(found.to_frame()) == 1

    def test_more_points_than_a_fit_measures_at(self):
        X, y = product(n=1600)
        model = small(max_epochs=3).fit(X, y)
        found = model.interactions(X, n_groups=1)
        x = torch.as_tensor(model._x_scaler.transform(X), dtype=torch.float32)
        pushed = push_forward(
            model.posterior_, x, Partition.one_group(1600), n_draws=50, seed=model._seed
        )
        np.testing.assert_array_equal(found.effect, pushed.draws.mean(0))
        assert np.isfinite(model.interactions(X).score).all()

    def test_few_rows(self):
        X, y = product(n=8)
        assert np.isfinite(small().fit(X, y).interactions_.effect).all()

    def test_column_as_target(self):
        X, y = product()
        with pytest.warns(UserWarning, match="column-vector"):
            small(max_epochs=1).fit(X, y[:, None])


class TestRefusals:
    @pytest.mark.parametrize(
        ("parameters", "words"),
        [
            ({"activation": "relu"}, "second derivative"),
            ({"activation": "sine"}, "'gelu'.*got 'sine'"),
            ({"posterior": "laplace"}, "concrete_dropout.*got 'laplace'"),
            ({"posterior": posteriors.Ensemble()}, "brings its own architecture"),
            ({"posterior": None, "hidden_layer_sizes": None}, "an object of skgeh.posteriors"),
            ({"posterior": LinearRegression()}, "an object of skgeh.posteriors"),
            ({"hidden_layer_sizes": ()}, "one or more"),
            ({"hidden_layer_sizes": (10, 0)}, "whole numbers above 0"),
            ({"main_effects": "cubic"}, "'linear', 'spline' or None"),
            ({"n_networks": 0}, "n_networks"),
            ({"n_draws": 1}, "n_draws"),
            ({"n_groups": 0}, "n_groups"),
            ({"max_epochs": 0}, "max_epochs"),
            ({"learning_rate": 0.0}, "learning_rate"),
            ({"validation_fraction": 1.0}, "validation_fraction"),
            ({"patience": 0}, "patience"),
            ({"length_scale": -1.0}, "length_scale"),
            ({"batch_size": 0}, "batch_size"),
        ],
    )
    def test_parameters(self, parameters, words):
        X, y = product(n=30)
        with pytest.raises(ValueError, match=words):
            small(**parameters).fit(X, y)

    def test_missing_values(self):
        X, y = product(n=30)
        X[3, 1] = np.nan
        with pytest.raises(ValueError, match="contains NaN"):
            small().fit(X, y)

    def test_too_few_rows(self):
        X, y = product(n=7)
        with pytest.raises(ValueError, match="minimum of 8 is required"):
            small().fit(X, y)
        X, y = product(n=30)
        with pytest.raises(ValueError, match="Found 5 rows with a sample weight above zero"):
            small().fit(X, y, sample_weight=np.arange(30) < 5)

    def test_one_feature(self):
        X, y = product(n=30)
        with pytest.raises(ValueError, match=r"1 feature\(s\)"):
            small().fit(X[:, :1], y)

    def test_text(self):
        X, y = product(n=30)
        with pytest.raises(ValueError, match="could not convert string"):
            small().fit(pd.DataFrame(X).assign(city="Oslo").rename(columns=str), y)

    def test_constant_target_is_warned_about(self):
        X, _ = product(n=60)
        with pytest.warns(UserWarning, match="target is constant"):
            model = small().fit(X, np.full(60, 3.0))
        np.testing.assert_allclose(model.predict(X), 3.0, atol=0.2)

    def test_weights_that_are_no_counts_are_warned_about(self):
        X, y = product(n=60)
        with pytest.warns(UserWarning, match="Divide them by their mean"):
            small().fit(X, y, sample_weight=np.full(60, 1 / 60))

    def test_a_fit_that_fails_leaves_no_fitted_model(self):
        X, y = product(n=60)
        model = small().fit(X, y)
        with pytest.raises(ValueError, match="contains NaN"):
            model.fit(X, np.where(y > 1, np.nan, y))
        with pytest.raises(NotFittedError):
            model.predict(X)

    def test_unfitted(self):
        with pytest.raises(NotFittedError):
            small().interactions()
        assert not hasattr(small(), "interactions_")

    def test_questions_that_cannot_be_answered(self):
        X, y = product(n=60)
        model = small().fit(X, y)
        with pytest.raises(ValueError, match="n_draws"):
            model.interactions(n_draws=1)
        with pytest.raises(TypeError, match="n_groups"):
            model.interactions(n_groups=2.5)
        with pytest.raises(ValueError, match="features"):
            model.interactions(X[:, :2])


class TestManners:
    def test_pipeline_and_search(self):
        X, y = product()
        pipeline = make_pipeline(StandardScaler(), small())
        assert cross_val_score(pipeline, X, y, cv=2).mean() > 0.5
        search = GridSearchCV(
            small(posterior=posteriors.Ensemble((10,)), hidden_layer_sizes=None),
            {"posterior__hidden_layer_sizes": [(5,), (20,)]},
            cv=2,
        ).fit(X, y)
        assert search.best_params_["posterior__hidden_layer_sizes"] in [(5,), (20,)]

    @pytest.mark.parametrize("main_effects", ["linear", "spline", None])
    def test_main_effects(self, main_effects):
        rng = np.random.default_rng(0)
        X = rng.uniform(-2, 2, size=(400, 3))
        y = np.sin(2 * X[:, 0]) + X[:, 1] ** 2 + X[:, 1] * X[:, 2]
        model = small(max_epochs=40, main_effects=main_effects).fit(X, y)
        assert model.score(X, y) > LinearRegression().fit(X, y).score(X, y) + 0.3
        assert model.interactions_.top(1) == [("x1", "x2")]
        assert pickle.loads(pickle.dumps(model)).score(X, y) == model.score(X, y)

    def test_skorch_net_history_and_callbacks(self):
        class Watch(Callback):
            def on_train_begin(self, net, **kwargs):
                self.batches_ = 0

            def on_batch_end(self, net, training=False, **kwargs):
                self.batches_ += training

        X, y = product()
        watch = Watch()
        model = small(callbacks=[("watch", watch)]).fit(X, y)
        assert len(model.history_) == 10
        assert watch.batches_ == 10 * model.history_[-1]["train_batch_count"]
        assert model.history_[-1, "valid_loss"] < model.history_[0, "valid_loss"]
        assert model.net_.module_.weights[0].shape == (4 + 4, 3, 20)

    def test_patience_stops_and_keeps_the_best_state(self):
        X, y = product(n=100, noise=2.0)
        model = small(max_epochs=200, patience=3).fit(X, y)
        losses = np.array(model.history_[:, "valid_loss"])
        assert len(losses) < 200
        assert len(losses) > 0.4 * 200  # the search starts after the ramps
        best = dict(model.net_.callbacks_)["best"].best_
        assert best.mean() <= losses[81:].min() + 1e-6

    def test_verbose_shows_bars(self, capsys):
        X, y = product(n=60)
        small(verbose=True).fit(X, y).interactions_  # noqa: B018
        shown = capsys.readouterr().err
        assert "training" in shown and "draws" in shown
        small().fit(X, y).interactions_  # noqa: B018
        assert capsys.readouterr().err == ""

    def test_parameters_are_as_given(self):
        parameters = BayesianInteractionRegressor().get_params(deep=False)
        assert len(parameters) <= 20
        model = small().fit(*product(n=30))
        assert model.get_params()["batch_size"] == "auto"
