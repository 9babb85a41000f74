"""What every posterior owes, whatever its family: one harness for all of them."""

import pickle
from functools import cache

import numpy as np
import pytest
import torch

from skgeh import BayesianInteractionRegressor
from skgeh.functions import evaluate
from skgeh.networks import ConcreteDropout, Ensemble, GaussianProcess, MeanField

FAMILIES = {
    "concrete dropout": ConcreteDropout((20, 20)),
    "mean field": MeanField((20, 20)),
    "ensemble": Ensemble((20, 20)),
    "Gaussian process": GaussianProcess(),
}
FEW, MANY, D = 150, 1500, 3
each_family = pytest.mark.parametrize("name", FAMILIES)


def table(n, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, D))
    return X, X[:, 0] + X[:, 0] * X[:, 1] + 0.7 * rng.normal(size=n)


@cache
def fitted(name, n):
    given = {} if name == "Gaussian process" else {"n_networks": 4, "n_perturbed": 4}
    model = BayesianInteractionRegressor(
        posterior=FAMILIES[name], max_epochs=40, random_state=0, **given
    )
    return model.fit(*table(n, seed=1))


def draws(model, X, n_draws=200, seed=0):
    """Values (K, n) of draws in standard units."""
    function = model.posterior_.draw(n_draws, torch.Generator().manual_seed(seed))
    return evaluate(function, X, n_draws)[..., 0]


@each_family
def test_a_draw_is_a_function(name):
    """One row has the same value alone, among others and asked again."""
    posterior = fitted(name, FEW).posterior_
    function = posterior.draw(7, torch.Generator().manual_seed(0))
    x = torch.as_tensor(table(50, seed=2)[0], dtype=torch.float32)
    values = function(x)
    assert values.shape == (7, 50, 1)
    torch.testing.assert_close(function(x), values)
    for rows in (slice(3, 4), slice(10, 40)):
        torch.testing.assert_close(function(x[rows]), values[:, rows], rtol=1e-4, atol=1e-4)
    assert len(values[:, 0, 0].unique()) > 1


@each_family
def test_the_seed_makes_the_draw(name):
    X, _ = table(10, seed=2)
    model = fitted(name, FEW)
    np.testing.assert_array_equal(draws(model, X), draws(model, X))
    if name != "ensemble":  # whose draws are its networks in turn
        assert (draws(model, X) != draws(model, X, seed=1)).any()


@each_family
def test_the_mean_of_draws_is_the_prediction(name):
    """Up to what perturbed networks and masks move: less than the draws' own spread."""
    model, (X, _) = fitted(name, MANY), table(200, seed=2)
    scale = model._y_scaler
    mean = (model.predict(X) - scale.mean_[0]) / scale.scale_[0]
    values = draws(model, model._standardised(X))
    distance = np.sqrt(np.mean((values.mean(0) - mean) ** 2))
    assert distance < max(0.15, np.sqrt(values.var(0).mean()))


@each_family
def test_more_rows_make_narrower_intervals(name):
    """Ten times the rows: the spread of draws falls, ideally by sqrt(10)."""
    X, _ = table(200, seed=2)
    few, many = (
        np.sqrt(draws(model, model._standardised(X)).var(0).mean())
        for model in (fitted(name, FEW), fitted(name, MANY))
    )
    assert many < 0.8 * few


@each_family
def test_predictive_intervals_are_calibrated(name):
    """New rows in the 90 % interval, with room for 1000 of them and for a wide noise variance."""
    X, y = table(1000, seed=3)
    mean, std = fitted(name, MANY).predict(X, return_std=True)
    inside = np.mean(np.abs(y - mean) <= 1.645 * std)
    assert 0.85 <= inside <= 0.97


@each_family
def test_the_interaction_is_found_and_the_rest_is_smaller(name):
    found = fitted(name, MANY).interactions(n_groups=4, n_draws=50)
    assert found.top(1) == [("x0", "x1")]
    assert (found.std > 0).all()


@each_family
def test_a_posterior_is_pickled(name):
    X, _ = table(10, seed=2)
    model = fitted(name, FEW)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(draws(model, X), draws(again, X))
