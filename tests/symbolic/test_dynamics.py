import math
import pickle
import random
import warnings

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier
from torch import nn

from skgeh import BayesianInteractionClassifier, BayesianInteractionRegressor
from skgeh.datasets import make_interactions
from skgeh.symbolic import InteractionDynamics

X = np.random.default_rng(0).normal(size=(80, 4)).astype(np.float32)
Y = (X[:, 0] * X[:, 1] > 0).astype(np.int64)


class Restless(nn.Module):
    """Every kind of state and chance a module may have."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 2)
        )

    def forward(self, x):
        jitter = random.random() + np.random.random() + torch.rand(()).item()  # noqa: NPY002
        return self.layers(x) * (1 + 0.01 * jitter)


def fitted(callbacks, **options):
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002
    random.seed(0)
    defaults = {"max_epochs": 6, "batch_size": 16, "verbose": 0, "iterator_train__shuffle": True}
    net = NeuralNetClassifier(
        Restless, criterion=nn.CrossEntropyLoss, callbacks=callbacks, **(defaults | options)
    )
    # a part that is not trained stays as its owner has put it
    net.initialize().module_.layers[1].eval()
    net.fit(X, Y)
    return net


def test_watching_leaves_the_training_as_it_is():
    state = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    alone, after_alone = fitted([]), (random.random(), torch.rand(1).item())
    watched = fitted([InteractionDynamics(X[:3], Y[:3], every=1)])
    after = random.random(), torch.rand(1).item()
    assert after == after_alone
    for (name, a), b in zip(
        alone.module_.state_dict().items(), watched.module_.state_dict().values(), strict=True
    ):
        assert torch.equal(a, b), name
    assert alone.history[:, "train_loss"] == watched.history[:, "train_loss"]
    assert alone.history[:, "valid_loss"] == watched.history[:, "valid_loss"]
    modes = [[part.training for part in net.module_.modules()] for net in (alone, watched)]
    assert modes[0] == modes[1]
    random.setstate(state[0])
    np.random.set_state(state[1])  # noqa: NPY002
    torch.set_rng_state(state[2])


def test_watching_the_stack_leaves_it_as_it_is():
    X, y, _ = make_interactions(200, random_state=0)
    Z = StandardScaler().fit_transform(X)[:3]
    options = {"posterior": "concrete_dropout", "max_epochs": 4, "random_state": 0}
    options |= {"hidden_layer_sizes": None, "patience": 2}
    alone = BayesianInteractionRegressor(**options).fit(X, y)
    watch = InteractionDynamics(Z, every=1, baseline=0.0)
    model = BayesianInteractionRegressor(callbacks=[watch], **options).fit(X, y)
    np.testing.assert_array_equal(alone.predict(X), model.predict(X))
    assert alone.noise_variance_ == model.noise_variance_
    assert [one["epoch"] for one in watch.records_] == [0, 1, 2, 3, 4]
    assert len(model.history_[:, "mean_order"]) == 4
    # the value of no absent player is the mean prediction of all copies, in standard units
    v = watch.interactions_.reconstruct()[:, -1]
    members = model.net_.module_(torch.as_tensor(Z, dtype=torch.float32).expand(8, -1, -1))
    np.testing.assert_allclose(v, members.mean(0)[:, 0].detach().numpy(), atol=0.05)
    assert np.isfinite(watch.records_[-1]["gap"])


@pytest.mark.parametrize("n_classes", [2, 3])
def test_watching_networks_that_learn_labels(n_classes):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    logits = np.outer(3 * X[:, 0] * X[:, 1], np.arange(n_classes))
    y = (logits + rng.gumbel(size=logits.shape)).argmax(1)
    options = {"posterior": "concrete_dropout", "max_epochs": 3, "random_state": 0}
    Z = StandardScaler().fit_transform(X)[:2]
    watch = InteractionDynamics(Z, y[:2], every=1, baseline=0.0)
    model = BayesianInteractionClassifier(callbacks=[watch], **options).fit(X, y)
    alone = BayesianInteractionClassifier(**options).fit(X, y)
    np.testing.assert_array_equal(alone.predict_proba(X), model.predict_proba(X))
    assert [one["epoch"] for one in watch.records_] == [0, 1, 2, 3]
    v = watch.interactions_.reconstruct()[:, -1]
    found = model.net_.module_(torch.as_tensor(Z, dtype=torch.float32).expand(8, -1, -1))
    outputs = found.mean(0).detach().numpy() / 5  # in training networks put out a fifth of a logit
    expected = outputs[:, 0]
    if n_classes == 3:
        expected = outputs[[0, 1], y[:2]]
        expected = expected - np.log(np.exp(outputs).sum(1) - np.exp(expected))
    np.testing.assert_allclose(v, expected, atol=0.05)


def test_spline_inputs_are_refused():
    X, y, _ = make_interactions(200, random_state=0)
    model = BayesianInteractionRegressor(
        posterior="concrete_dropout",
        main_effects="spline",
        max_epochs=1,
        callbacks=[InteractionDynamics(X[:2])],
    )
    with pytest.raises(ValueError, match="spline main effects"):
        model.fit(X, y)


def test_what_is_recorded():
    watch = InteractionDynamics(X[:3], Y[:3], every=[2, 5], test=(X[40:], Y[40:]))
    net = fitted([watch])
    assert [one["epoch"] for one in watch.records_] == [0, 2, 5]
    events = net.history[:, "event_interactions"]
    assert [event is not None for event in events] == [False, True, False, False, True, False]
    assert net.history[5]["mean_order"] == watch.records_[2]["mean_order"]
    last = watch.records_[-1]
    found = watch.interactions_
    np.testing.assert_allclose(last["strength"], found.order_strength().mean(0))
    np.testing.assert_allclose(
        np.add(last["positive"], np.negative(last["negative"])), last["strength"]
    )
    assert last["total"] == pytest.approx(sum(last["strength"]))
    assert last["gap"] == last["test_loss"] - last["train_loss"]
    assert math.isnan(watch.records_[0]["train_loss"])
    assert watch.to_frame().shape[0] == 3
    assert "order 4" in watch.to_frame()
    again = pickle.loads(pickle.dumps(watch))
    assert again.records_[1:] == watch.records_[1:]  # NaN is not itself


def test_training_that_goes_on_keeps_its_records():
    watch = InteractionDynamics(X[:2], Y[:2], every=1)
    net = fitted([watch], max_epochs=2)
    net.partial_fit(X, Y)
    assert [one["epoch"] for one in watch.records_] == [0, 1, 2, 3, 4]


def test_a_clone_watches_anew():
    watch = InteractionDynamics(X[:2], Y[:2], every=3)
    again = clone(watch)
    assert again.every == 3
    assert not hasattr(again, "records_")


def test_a_network_that_diverges_is_still_trained():
    watch = InteractionDynamics(X[:2], Y[:2], every=1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        net = fitted([watch], lr=1e30, max_epochs=3)
    assert len(net.history) == 3
    assert math.isnan(watch.records_[-1]["mean_order"])
    assert any("not finite" in str(one.message) for one in caught)


@pytest.mark.parametrize("every", [0, "linear"])
def test_every_what(every):
    with pytest.raises(ValueError, match="every must be"):
        fitted([InteractionDynamics(X[:2], Y[:2], every=every)])


def test_the_monitor_speaks_once_and_never_stops(monkeypatch):
    monkeypatch.setattr("skgeh.symbolic.dynamics.switch_of_phases", lambda *_: 1)
    monkeypatch.setattr("skgeh.symbolic.dynamics.overfits", lambda *_: True)
    watch = InteractionDynamics(X[:2], Y[:2], every=1)
    with pytest.warns(UserWarning, match="training goes on") as caught:
        net = fitted([watch])
    assert len([one for one in caught if "training goes on" in str(one.message)]) == 1
    assert len(net.history) == 6


def test_verbose_shows_bars(capsys):
    fitted([InteractionDynamics(X[:2], Y[:2], every=[1])], max_epochs=1)
    assert capsys.readouterr().err == ""
    fitted([InteractionDynamics(X[:2], Y[:2], every=[1], verbose=1)], max_epochs=1)
    assert "AND and OR" in capsys.readouterr().err
