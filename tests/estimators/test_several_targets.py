import pickle

import numpy as np
import pytest
import torch
from sklearn.metrics import r2_score

from skgeh import BayesianInteractionRegressor
from skgeh.posteriors import ConcreteDropout
from skgeh.posteriors.stacking import StackedPosterior


def small(**parameters):
    defaults = {"posterior": "concrete_dropout", "hidden_layer_sizes": (20, 20), "max_epochs": 40}
    defaults |= {"n_draws": 50, "random_state": 0}
    return BayesianInteractionRegressor(**{**defaults, **parameters})


def table(n=600, seed=0):
    """x0 x1 in the first target, minus x1 x2 in the second, each with its own noise and unit."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    first = X[:, 0] * X[:, 1] + 0.1 * rng.normal(size=n)
    second = 100 + 10 * (X[:, 0] - X[:, 1] * X[:, 2] + rng.normal(size=n))
    return X, np.column_stack([first, second])


@pytest.fixture(scope="module")
def both():
    X, Y = table()
    return small().fit(X, Y), X, Y


def test_each_target_has_its_interactions(both):
    model, *_ = both
    first, second = (model.interactions(target=k, n_groups=4) for k in range(2))
    assert first.top(1) == [("x0", "x1")] and second.top(1) == [("x1", "x2")]
    assert (first.group_effects[:, 0] > 0).all() and (second.group_effects[:, 2] < 0).all()
    units = [one.to_frame("original").iloc[0].effect for one in (first, second)]
    assert units[0] == pytest.approx(1, rel=0.25) and units[1] == pytest.approx(10, rel=0.35)


def test_a_summary_is_the_mean_over_targets(both):
    model, *_ = both
    every, *each = (model.interactions(target=k, n_groups=4) for k in (None, 0, 1))
    for name in ("effect", "score", "draws"):
        expected = np.mean([getattr(one, name) for one in each], axis=0)
        np.testing.assert_allclose(getattr(every, name), expected, rtol=1e-5)
    assert (every.group_effects >= 0).all()
    with pytest.raises(ValueError, match="no original units"):
        every.to_frame("original")


def test_predictions_are_good_and_intervals_honest(both):
    model, *_ = both
    X, Y = table(seed=1)
    mean, std = model.predict(X, return_std=True)
    assert mean.shape == std.shape == Y.shape
    scores = r2_score(Y, mean, multioutput="raw_values")
    assert scores[0] > 0.9 and scores[1] > 0.5
    assert model.score(X, Y) == pytest.approx(scores.mean())
    covered = (np.abs(Y - mean) < 1.96 * std).mean(0)
    assert (covered > 0.9).all()


def test_noise_is_that_of_each_target(both):
    model, *_ = both
    assert model.noise_variance_.shape == (2,)
    assert 0.01 < model.noise_variance_[0] < 0.06
    assert 90 < model.noise_variance_[1] < 170


def test_a_noisy_target_does_not_drown_a_clean_one():
    """Squared errors alone would: the noisy one's gradients are a hundred times larger."""
    X, Y = table()
    beside = np.random.default_rng(1).normal(size=(len(X), 3))
    given = {"posterior": ConcreteDropout((20, 20), n_perturbed=0), "hidden_layer_sizes": None}
    alone = small(**given).fit(X, Y[:, 0])
    together = small(**given).fit(X, np.column_stack([Y[:, 0], beside]))
    new, target = table(seed=1)
    lost = [np.mean((model.predict(new).reshape(len(new), -1)[:, 0] - target[:, 0]) ** 2)
            for model in (alone, together)]  # fmt: skip
    assert lost[1] < 2.5 * lost[0] + 0.01


def test_one_column_is_one_target():
    X, Y = table(100)
    alone = small(max_epochs=2).fit(X, Y[:, 0])
    with pytest.warns(UserWarning, match="column-vector"):
        column = small(max_epochs=2).fit(X, Y[:, :1])
    np.testing.assert_array_equal(alone.predict(X), column.predict(X))
    np.testing.assert_array_equal(
        alone.interactions(target=0, n_groups=2).effect, column.interactions(n_groups=2).effect
    )


def test_by_default_networks_are_stacked_with_a_process_of_each_target():
    X, Y = table(120)
    model = small(posterior="auto", hidden_layer_sizes=None, max_epochs=10).fit(X, Y)
    assert isinstance(model.posterior_, StackedPosterior)
    assert model.posterior_.n_outputs == 2
    assert model.interactions(target=0).top(1) == [("x0", "x1")]
    assert set(model.interactions_.top(2)) == {("x0", "x1"), ("x1", "x2")}


def test_targets_that_are_not_there(both):
    for target in (2, -1, "first", 0.5):
        with pytest.raises(ValueError, match="from 0 to 1"):
            both[0].interactions(target=target)


def test_a_constant_target_is_named():
    X, Y = table(60)
    Y[:, 1] = 3
    with pytest.warns(UserWarning, match="target 1 is constant"):
        small(max_epochs=1).fit(X, Y)


def test_pickle(both):
    model, X, _ = both
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(model.predict(X), copy.predict(X))


def test_networks_know_the_noise_of_each_target():
    X, Y = table(200)
    family = ConcreteDropout((20, 20), n_perturbed=2)
    model = small(posterior=family, hidden_layer_sizes=None, max_epochs=10, n_networks=1).fit(X, Y)
    assert model.net_.criterion_.noise.shape == (3, 2)
    common = model.net_.module_.noise_variance
    expected = 2 / (1 / model.net_.criterion_.noise).sum(1)
    torch.testing.assert_close(common, expected)
