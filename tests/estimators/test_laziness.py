"""A fit, and showing a fitted estimator, computes nothing that nobody has asked for."""

import pickle

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skgeh import BayesianInteractionClassifier, BayesianInteractionRegressor
from skgeh.estimators import base, fit_quality
from skgeh.estimators.fit_quality import FitQuality, _FitSample
from skgeh.posteriors import ConcreteDropout
from skgeh.process.decide import PairTests

FEW = {"max_epochs": 2, "n_networks": 1, "n_draws": 10, "random_state": 0}
NETWORKS = ConcreteDropout((20, 20), n_perturbed=0)
MODELS = {
    "stack": BayesianInteractionRegressor(hidden_layer_sizes=(20, 20), **FEW),
    "process": BayesianInteractionRegressor(posterior="gaussian_process", random_state=0),
    "networks": BayesianInteractionRegressor(posterior=NETWORKS, **FEW),
    "labels": BayesianInteractionClassifier(posterior=NETWORKS, **FEW),
}


def table(n=120):
    X = np.random.default_rng(0).normal(size=(n, 3))
    return X, (X[:, 0] * X[:, 1] > 0).astype(int)


@pytest.fixture
def nothing_lazy(monkeypatch):
    """Whatever waits for a question fails."""

    def fails(*_, **__):
        raise AssertionError("computed though nobody asked")

    monkeypatch.setattr(base, "measure", fails)
    monkeypatch.setattr(PairTests, "of", fails)
    monkeypatch.setattr(_FitSample, "quality", fails)
    monkeypatch.setattr(fit_quality, "boosted_predictions", fails)


@pytest.mark.parametrize("kind", MODELS)
def test_a_fit_predicts_and_is_shown_without_interactions(kind, nothing_lazy):
    X, y = table()
    model = MODELS[kind].fit(X, y)
    model.predict(X)
    repr(model)
    for shown in (model, make_pipeline(StandardScaler(), model)):
        html = shown._repr_html_()
        assert type(model).__name__ in html
        shown._repr_mimebundle_()
    assert "posterior_" in model._repr_html_() and "interactions_" not in vars(model)
    pickle.dumps(model)


@pytest.mark.parametrize("kind", ["networks", "labels"])
def test_held_out_rows_are_predicted_with_the_first_question(kind, monkeypatch):
    X, y = table()
    model = MODELS[kind].fit(X, y)
    assert "predictions" not in vars(model._fit_sample.held_out)
    assert isinstance(model.fit_quality_, FitQuality)
    monkeypatch.setattr(fit_quality, "_additive_predictions", None)
    monkeypatch.setattr(fit_quality, "boosted_predictions", None)
    assert model.fit_quality_ is model.fit_quality_
    travelled = pickle.loads(pickle.dumps(model))
    assert travelled.fit_quality_ == model.fit_quality_


@pytest.mark.parametrize("kind", MODELS)
def test_interactions_do_not_wait_for_boosting(kind, monkeypatch):
    monkeypatch.setattr(fit_quality, "boosted_predictions", None)
    X, y = table()
    assert len(MODELS[kind].fit(X, y).interactions_.pairs) == 3


def test_attributes_that_are_there_are_shown():
    X, y = table()
    model = MODELS["networks"].fit(X, y)
    assert "interactions_" not in model._repr_html_()
    _ = model.interactions_
    html = model._repr_html_()
    assert "interactions_" in html and "fit_quality_" not in html
    _ = model.fit_quality_
    html = model._repr_html_()
    assert all(name in html for name in ("interactions_", "fit_quality_", "net_"))
