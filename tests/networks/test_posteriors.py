"""What every posterior owes, whatever its family: one harness for all of them."""

import pickle
from functools import cache

import numpy as np
import pytest
import torch

from skgeh import BayesianInteractionClassifier, BayesianInteractionRegressor, networks
from skgeh.functions import evaluate
from skgeh.networks import Committee, ConcreteDropout, Ensemble, GaussianProcess, MeanField

FAMILIES = {
    "concrete_dropout": ConcreteDropout((20, 20)),
    "mean_field": MeanField((20, 20)),
    "ensemble": Ensemble((20, 20)),
    "gaussian_process": GaussianProcess(),
    "committee": Committee(networks=Ensemble((8,)), n_networks=4),
}
FEW, MANY, D, NOISE = 150, 1500, 3, 0.7
NEW = 1000  # rows that predictive intervals are tried on
each_family = pytest.mark.parametrize("name", FAMILIES)


def function(X):
    return X[:, 0] + X[:, 0] * X[:, 1]


def table(n, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, D))
    return X, function(X) + NOISE * rng.normal(size=n)


@cache
def fitted(name, n):
    given = {"n_networks": 4, "n_perturbed": 4, "max_epochs": 40, "random_state": 0}
    return BayesianInteractionRegressor(posterior=FAMILIES[name], **given).fit(*table(n, seed=1))


def draws(model, X, n_draws=200, seed=0):
    """Values (K, n) of draws at rows in standard units, in those of the target."""
    drawn = model.posterior_.draw(n_draws, torch.Generator().manual_seed(seed))
    scale = model._y_scaler
    return evaluate(drawn, X, n_draws)[..., 0] * scale.scale_[0] + scale.mean_[0]


def test_no_family_is_missing():
    assert {*FAMILIES, "auto"} == {*networks.FAMILIES}  # which takes one of the others
    assert all(isinstance(FAMILIES[name], networks.FAMILIES[name]) for name in FAMILIES)


@each_family
def test_a_draw_is_a_function(name):
    """One row has the same value alone, among others, in another order and asked again."""
    posterior = fitted(name, FEW).posterior_
    drawn = posterior.draw(7, torch.Generator().manual_seed(0))
    x = torch.as_tensor(table(50, seed=2)[0], dtype=torch.float32)
    values = drawn(x)
    assert values.shape == (7, 50, 1)
    torch.testing.assert_close(drawn(x), values)
    order = torch.from_numpy(np.random.default_rng(0).permutation(50))
    for rows in (slice(3, 4), slice(10, 40), order):
        torch.testing.assert_close(drawn(x[rows]), values[:, rows], rtol=1e-4, atol=1e-4)
    assert len(values[:, 0, 0].unique()) > 1


@each_family
def test_the_seed_makes_the_draw(name):
    X, _ = table(10, seed=2)
    model = fitted(name, FEW)
    np.testing.assert_array_equal(draws(model, X), draws(model, X))
    if name != "ensemble":  # whose draws are its networks in turn
        assert (draws(model, X) != draws(model, X, seed=1)).any()


@each_family
def test_networks_take_turns_from_block_to_block(name):
    """The k-th draw is around the same network, however draws are cut into blocks."""
    posterior, (X, _) = fitted(name, MANY).posterior_, table(100, seed=2)

    def nearest(n_draws, first):
        """Which of the first four draws each one is nearest to, by mean distance."""
        values = [
            evaluate(posterior.draw(n, torch.Generator().manual_seed(n), first=at), X, n)[..., 0]
            for n, at in ((400, 0), (n_draws, first))
        ]
        means = values[0].reshape(100, 4, -1).mean(0)
        return np.square(values[1][:, None] - means).mean(-1).argmin(1)

    if name in ("gaussian_process", "committee"):
        assert len(posterior.members()(torch.zeros(2, D))) == 1  # there is nothing to take turns
    else:
        agree = nearest(40, first=3) == np.arange(3, 43) % 4
        assert agree.mean() > 0.75


@each_family
def test_the_mean_of_draws_is_the_prediction(name):
    """Up to what perturbed networks and masks move: less than the draws' own spread."""
    model, (X, _) = fitted(name, MANY), table(200, seed=2)
    values = draws(model, model._standardised(X))
    distance = np.sqrt(np.mean((values.mean(0) - model.predict(X)) ** 2))
    assert distance < max(0.2, np.sqrt(values.var(0).mean()))


@each_family
def test_more_rows_make_narrower_intervals(name):
    """Ten times the rows: the spread of draws falls, ideally to sqrt(1/10) = 0.32 of it."""
    X, _ = table(200, seed=2)
    few, many = (
        np.sqrt(draws(model, model._standardised(X)).var(0).mean())
        for model in (fitted(name, FEW), fitted(name, MANY))
    )
    assert 0.2 < many / few < 0.55


@each_family
@pytest.mark.parametrize("n", [FEW, MANY])
def test_draws_spread_as_far_as_the_truth_is_away(name, n):
    """Root mean square of errors over that of the draws' standard deviations, ideally 1."""
    model, (X, _) = fitted(name, n), table(NEW, seed=3)
    values = draws(model, model._standardised(X))
    error = np.sqrt(np.mean((model.predict(X) - function(X)) ** 2))
    spread = np.sqrt(values.var(0).mean())
    assert 0.4 < error / spread < 1.35


@each_family
@pytest.mark.parametrize(("width", "share"), [(1.0, 0.683), (1.645, 0.9)])
def test_predictive_intervals_are_calibrated(name, width, share):
    """New rows inside, with three standard errors of their share and a tenth for the noise."""
    X, y = table(NEW, seed=3)
    mean, std = fitted(name, MANY).predict(X, return_std=True)
    inside = np.mean(np.abs(y - mean) <= width * std)
    error = 3 * np.sqrt(share * (1 - share) / NEW)
    assert abs(inside - share) < error + 0.03


@each_family
def test_the_noise_is_the_datas(name):
    assert fitted(name, MANY).noise_variance_ == pytest.approx(NOISE**2, rel=0.2)


@each_family
def test_the_interaction_is_found_and_the_rest_is_smaller(name):
    found = fitted(name, MANY).interactions(n_groups=4, n_draws=50)
    assert found.top(1) == [("x0", "x1")]
    assert (found.std > 0).all()
    assert found.effect[0] > 3 * found.effect[1:].max()
    assert found.to_frame("original").effect[0] == pytest.approx(1, abs=0.25)


@each_family
def test_labels_have_calibrated_probabilities_and_the_interaction(name):
    """In five bins of 2000 new rows, with three standard errors of a bin's frequency."""

    def labels(n, seed):
        X, _ = table(n, seed)
        return X, 3 * function(X) + np.random.default_rng(seed + 1).logistic(size=n) > 0

    given = {"n_networks": 4, "n_perturbed": 4, "max_epochs": 40, "random_state": 0}
    model = BayesianInteractionClassifier(posterior=FAMILIES[name], **given).fit(*labels(MANY, 1))
    X, happened = labels(2 * NEW, seed=3)
    p = model.predict_proba(X)[:, 1]
    for low in np.arange(0, 1, 0.2):
        mine = (p >= low) & (p < low + 0.2)
        error = 3 * np.sqrt(p[mine].mean() * (1 - p[mine].mean()) / mine.sum())
        assert abs(p[mine].mean() - happened[mine].mean()) < error + 0.05
    found = model.interactions(n_groups=4, n_draws=50)
    assert found.top(1) == [("x0", "x1")] and found.effect[0] > 2 * found.effect[1:].max()


@each_family
def test_a_posterior_is_pickled(name):
    X, _ = table(10, seed=2)
    model = fitted(name, FEW)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(draws(model, X), draws(again, X))
