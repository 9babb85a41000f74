"""The default posterior as users meet it: a process and networks, stacked."""

import pickle

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from skgeh import BayesianInteractionClassifier, BayesianInteractionRegressor
from skgeh.geh.functions import evaluate
from skgeh.posteriors.stacking import StackedPosterior
from tests.estimators.runs import product

KINDS = [BayesianInteractionRegressor, BayesianInteractionClassifier]
FEW = {"hidden_layer_sizes": (20, 20), "max_epochs": 15, "n_draws": 60, "random_state": 0}


def labels(n=200, n_classes=2, seed=0):
    X, y = product(n, noise=1.0, seed=seed)
    return X, np.digitize(y, np.quantile(y, np.arange(1, n_classes) / n_classes))


@pytest.fixture(scope="module")
def numbers():
    X, y = product(200, noise=0.5)
    return BayesianInteractionRegressor(**FEW).fit(X, y), X, y


@pytest.fixture(scope="module")
def two_classes():
    X, y = labels(n_classes=2)
    return BayesianInteractionClassifier(**FEW).fit(X, y), X, y


@pytest.fixture(scope="module")
def three_classes():
    X, y = labels(n_classes=3)
    return BayesianInteractionClassifier(**FEW).fit(X, y), X, y


@pytest.fixture(params=["numbers", "two_classes", "three_classes"])
def case(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def model(case):
    return case[0]


def test_both_parts_have_a_weight(model):
    weights = model.stacking_weights_
    assert sorted(weights) == ["networks", "process"]
    assert sum(weights.values()) == pytest.approx(1)
    assert all(0 < weight < 1 for weight in weights.values())
    assert isinstance(model.posterior_, StackedPosterior)
    assert model.posterior_.weight == weights["networks"]


@pytest.mark.parametrize("posterior", ["gaussian_process", "ensemble"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_posterior_that_is_not_stacked_has_no_weights(kind, posterior):
    X, y = labels(60)
    fitted = kind(posterior=posterior, max_epochs=1, n_networks=2).fit(X, y)
    with pytest.raises(AttributeError, match=r"There are no weights: .* Fit with posterior='auto'"):
        fitted.stacking_weights_  # noqa: B018 - the access is what is tried
    assert not hasattr(fitted, "stacking_weights_")
    with pytest.raises(NotFittedError):
        kind().stacking_weights_  # noqa: B018


def test_the_networks_and_their_history_are_there(model):
    assert len(model.history_) == 15
    assert model.net_.module_.weights[0].shape == (4 + 4, 3, 20)


def test_predictions_are_the_weighted_mean_of_both_parts(numbers):
    model, X, _ = numbers
    x, posterior, units = model._standardised(X), model.posterior_, model._units
    parts = [
        evaluate(part.members(), x, 4, torch.float64).mean(0)[:, 0] * units.scale[0] + units.mean[0]
        for part in (posterior.process, posterior.networks)
    ]
    weights = model.stacking_weights_
    expected = weights["process"] * parts[0] + weights["networks"] * parts[1]
    np.testing.assert_allclose(model.predict(X), expected, atol=1e-10)
    assert np.abs(parts[0] - parts[1]).max() > 0.01


def test_draws_are_those_of_both_parts_in_proportion(model):
    """Each draw of 100 from a part whose outputs are moved far away, counted."""
    posterior = model.posterior_
    x = torch.zeros(1, posterior.n_features, dtype=torch.float64)
    moved = StackedPosterior(_Moved(posterior.process), posterior.networks, posterior.weight)
    generator, n_far = torch.Generator().manual_seed(0), 0
    for first in range(0, 100, 7):
        values = moved.draw(min(7, 100 - first), generator, first)(x)
        n_far += int((values[:, 0, 0] > 500).sum())
    assert n_far == 100 - round(100 * posterior.weight)


class _Moved:
    """A random function far away from another one."""

    def __init__(self, posterior):
        self.posterior = posterior
        self.n_features, self.n_outputs = posterior.n_features, posterior.n_outputs

    def draw(self, n_draws, generator, first=0):
        drawn = self.posterior.draw(n_draws, generator, first)
        return lambda x: drawn(x) + 1000


@pytest.mark.parametrize("name", ["two_classes", "three_classes"])
def test_probabilities_come_from_the_process_and_unperturbed_networks(name, request):
    model, X, _ = request.getfixturevalue(name)
    predictive = model._predictive
    assert predictive.weight == model.stacking_weights_["networks"]
    assert len(predictive.networks.members()) == len(predictive.networks.means) == 4
    assert predictive.process is model.posterior_.process or len(model.classes_) == 3  # centred
    p = model.predict_proba(X)
    np.testing.assert_allclose(p.sum(1), 1)
    np.testing.assert_array_equal(model.predict(X), model.classes_[p.argmax(1)])


@pytest.mark.parametrize("kind", KINDS)
def test_answers_do_not_depend_on_jobs(kind):
    X, y = labels(120)
    one, two = (kind(n_jobs=n, **FEW | {"n_draws": 120}).fit(X, y) for n in (None, 2))
    assert one.stacking_weights_ == two.stacking_weights_
    np.testing.assert_array_equal(one.predict(X), two.predict(X))
    with joblib.parallel_config(backend="threading"):
        found = two.interactions_
    np.testing.assert_array_equal(one.interactions_.draws, found.draws)
    np.testing.assert_array_equal(one.interactions_.score, found.score)


def test_clones_and_pickles(case):
    model, X, y = case
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert again.stacking_weights_ == model.stacking_weights_
    assert again.fit_quality_ == model.fit_quality_
    fresh = clone(model)
    assert not hasattr(fresh, "posterior_")
    fresh.fit(X, y)
    assert fresh.stacking_weights_ == model.stacking_weights_
    np.testing.assert_array_equal(fresh.interactions_.draws, model.interactions_.draws)


def test_the_interaction_comes_first(model):
    assert model.interactions_.top(1) == [("x0", "x1")]


@pytest.mark.filterwarnings("ignore:Constant features")
@pytest.mark.parametrize("kind", KINDS)
def test_a_column_that_never_varies_has_no_effect(kind):
    X, y = labels(100)
    found = kind(**FEW).fit(np.column_stack([X, np.ones(100)]), y).interactions_
    assert np.isfinite(found.score).all()
    assert (found.effect[(found.pairs == 3).any(1)] == 0).all()
