"""What both estimators share, asked of the one of numbers."""

import pickle
import warnings

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback
from threadpoolctl import threadpool_info

from skgeh import BayesianInteractionRegressor, posteriors
from skgeh.geh.partition import Partition
from skgeh.geh.push_forward import push_forward
from tests.estimators.runs import product, small


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

    @pytest.mark.filterwarnings("ignore:Constant features", "ignore:Some features are copies")
    def test_constant_duplicate_and_collinear_columns(self):
        X, y = product()
        X = np.column_stack([X, np.full(len(X), 7.0), X[:, 0], X[:, 1] + X[:, 2]])
        model = small().fit(X, y)
        found = model.interactions_
        shown = found.to_frame(posterior=True)
        assert np.isfinite(shown[["score", "effect", "std"]].to_numpy()).all()
        constant = (found.pairs == 3).any(1)
        assert (found.effect[constant] == 0).all()
        reason = dict(zip(map(tuple, found.pairs.tolist()), found.decisions.reason, strict=True))
        assert reason[0, 3] == "x3 is constant" and reason[1, 4] == "x4 is a copy of x0"
        np.testing.assert_array_equal(found.tested, found.decisions.reason == "")

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


class TestRefusals:
    def test_missing_targets(self):
        X, y = product(n=30)
        y[3] = np.nan
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
        names = [f"street {k}" for k in range(30)]
        with pytest.raises(ValueError, match="'street': texts that are all different"):
            small().fit(pd.DataFrame(X).assign(street=names).rename(columns=str), y)

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
        assert "training" in shown and "draws" in shown and "score test, pairs" in shown
        model = small(posterior="gaussian_process", hidden_layer_sizes=None, verbose=2).fit(X, y)
        assert "process, variances" in capsys.readouterr().err
        model.interactions_  # noqa: B018
        pickle.loads(pickle.dumps(model))
        capsys.readouterr()
        small().fit(X, y).interactions_  # noqa: B018
        assert capsys.readouterr().err == ""


def test_doubts_are_what_was_warned_of():
    X, y = product(n=80)
    twice = np.repeat(np.arange(40), 2)
    model = BayesianInteractionRegressor(posterior="gaussian_process").fit(X[twice], y[twice])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert model.interactions_ is not None and model.fit_quality_ is not None
    said = [str(one.message) for one in caught]
    assert any("rows are repeated" in one for one in said)
    assert sorted(model.doubts()) == sorted(said)
    assert sorted(model.doubts()) == sorted(said)  # at any time, and without a warning
