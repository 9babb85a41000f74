"""What every posterior owes, whatever its family: one harness for all of them."""

import pickle
from functools import cache

import numpy as np
import pytest
import torch

from skgeh import BayesianInteractionClassifier, BayesianInteractionRegressor, posteriors
from skgeh.geh.functions import evaluate
from skgeh.posteriors import ConcreteDropout, Ensemble, GaussianProcess, MeanField, Stacking

FAMILIES = {
    "concrete_dropout": ConcreteDropout((20, 20)),
    "mean_field": MeanField((20, 20)),
    "ensemble": Ensemble((20, 20)),
    "gaussian_process": GaussianProcess(),
    "auto": Stacking(networks=ConcreteDropout((20, 20))),
}
FEW, MANY, D, NOISE = 150, 1500, 3, 0.7
SEEDS = (1, 2, 3)  # of tables with few rows, where intervals depend on the table
NEW = 1000  # rows that predictive intervals are tried on
each_family = pytest.mark.parametrize("name", FAMILIES)


def function(X):
    return X[:, 0] + X[:, 0] * X[:, 1]


def table(n, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, D))
    return X, function(X) + NOISE * rng.normal(size=n)


@cache
def fitted(name, n, seed=1):
    given = {"n_networks": 4, "max_epochs": 40, "random_state": 0}
    return BayesianInteractionRegressor(posterior=FAMILIES[name], **given).fit(*table(n, seed))


def draws(model, X, n_draws=200, seed=0, block=None):
    """Values (K, n) of draws in the units of the target, some in a block or all at once."""
    x, scale = model._standardised(X), model._units
    size, generator = block or n_draws, torch.Generator().manual_seed(seed)
    blocks = [
        evaluate(model.posterior_.draw(size, generator, first), x, size)[..., 0]
        for first in range(0, n_draws, size)
    ]
    return np.concatenate(blocks) * scale.scale[0] + scale.mean[0]


def spread(values):
    """Root mean square, over rows, of the standard deviation of draws."""
    return np.sqrt(values.var(0).mean())


def root_mean_square(values):
    return np.sqrt(np.mean(np.square(values)))


def test_no_family_is_missing():
    assert {*FAMILIES} == {*posteriors.FAMILIES}
    assert all(isinstance(FAMILIES[name], posteriors.FAMILIES[name]) for name in FAMILIES)


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
    posterior = posterior.networks if name == "auto" else posterior  # a block has both parts

    def nearest(n_draws, first):
        """Which of the first four draws each one is nearest to, by mean distance."""
        values = [
            evaluate(posterior.draw(n, torch.Generator().manual_seed(n), first=at), X, n)[..., 0]
            for n, at in ((400, 0), (n_draws, first))
        ]
        means = values[0].reshape(100, 4, -1).mean(0)
        return np.square(values[1][:, None] - means).mean(-1).argmin(1)

    if name == "gaussian_process":
        assert len(posterior.members()(torch.zeros(2, D))) == 1  # there is nothing to take turns
    else:
        agree = nearest(40, first=3) == np.arange(3, 43) % 4
        assert agree.mean() > 0.75


@each_family
def test_many_blocks_are_one_long_draw(name):
    """The same mean and spread in blocks of 5, which is no multiple of the four networks.

    Means of 200 draws differ by sqrt(2 / 200) = 0.1 of their spread. The ensemble's draws are the
    same ones.
    """
    model, (X, _) = fitted(name, FEW), table(100, seed=2)
    whole, blocks = draws(model, X), draws(model, X, block=5)
    if name == "ensemble":
        np.testing.assert_allclose(blocks, whole, rtol=1e-4, atol=1e-4)
    else:
        assert len(np.unique(blocks[:, 0])) > 190  # no block repeats another
    assert root_mean_square(blocks.mean(0) - whole.mean(0)) < 0.25 * spread(whole)
    assert spread(blocks) == pytest.approx(spread(whole), rel=0.2)


@each_family
@pytest.mark.parametrize("n", [FEW, MANY])
def test_the_mean_of_draws_is_the_prediction(name, n):
    """In spreads of the draws: 1 / sqrt(200) = 0.07 for a process, whose draws are exact.

    Four perturbed networks are half a spread from the four that predict, if both are as far from
    each other as any two, and less with noise that is added to two and taken from two.
    """
    model, (X, _) = fitted(name, n), table(200, seed=2)
    values = draws(model, X)
    distance = root_mean_square(values.mean(0) - model.predict(X))
    assert distance < (0.15 if name == "gaussian_process" else 0.6) * spread(values)


@each_family
def test_more_rows_make_narrower_intervals(name):
    """Ten times the rows: the spread of draws falls, ideally to sqrt(1/10) = 0.32 of it.

    Less far where masks or Gaussian weights hold a part of it that their prior, not the data, sets;
    further where few rows leave the scale of a process open.
    """
    X, _ = table(200, seed=2)
    few = root_mean_square([spread(draws(fitted(name, FEW, seed), X)) for seed in SEEDS])
    many = spread(draws(fitted(name, MANY), X))
    assert 0.22 < many / few < 0.6


@each_family
@pytest.mark.parametrize(("n", "seeds"), [(FEW, SEEDS), (MANY, SEEDS[:1])])
def test_draws_spread_as_far_as_the_truth_is_away(name, n, seeds):
    """Errors over the draws' standard deviations, root mean squares; ideally 1.

    The function has some six directions, so that three tables leave the ratio a standard error of
    17 %; the bounds are a factor of 1.6 either way. Draws around a network have its masks or
    weights beside what perturbing moves it, and the prediction is a mean of four networks: 0.7.
    """
    expected = 0.7 if name in ("concrete_dropout", "mean_field") else 0.9
    X, _ = table(NEW, seed=3)
    ratios = []
    for seed in seeds:
        model = fitted(name, n, seed)
        error = root_mean_square(model.predict(X) - function(X))
        ratios.append(error / spread(draws(model, X)))
    assert expected / 1.6 < root_mean_square(ratios) < 1.6 * expected


@each_family
@pytest.mark.parametrize(("n", "seeds"), [(FEW, SEEDS), (MANY, SEEDS[:1])])
@pytest.mark.parametrize(("width", "share", "slope"), [(1.0, 0.683, 0.24), (1.645, 0.9, 0.17)])
def test_predictive_intervals_are_calibrated(name, n, seeds, width, share, slope):
    """New rows inside, with three standard errors: of their share and of the noise's variance.

    From n rows that variance is known to sqrt(2 / n) of itself, which moves the share by `slope`
    times as much. Above there is room for networks, which take for noise what they mispredict.
    """
    X, y = table(NEW, seed=3)
    inside = []
    for seed in seeds:
        mean, std = fitted(name, n, seed).predict(X, return_std=True)
        inside.append(np.mean(np.abs(y - mean) <= width * std))
    error = 3 * np.sqrt((share * (1 - share) / NEW + slope**2 * 2 / n) / len(seeds))
    room = 4 * slope / np.sqrt(n)
    assert share - error <= np.mean(inside) <= share + error + room


@each_family
def test_the_noise_is_the_datas(name):
    assert fitted(name, MANY).noise_variance_ == pytest.approx(NOISE**2, rel=0.2)


@each_family
def test_the_interaction_is_found_and_the_rest_is_smaller(name):
    found = fitted(name, MANY).interactions(n_groups=4, n_draws=50)
    assert found.top(1) == [("x0", "x1")]
    # the process may find that a pair has no variance at all
    assert found.std[0] > 0 and ((found.std > 0) | (found.effect == 0)).all()
    assert (found.std > 0).all() or name == "gaussian_process"
    assert found.effect[0] > 3 * found.effect[1:].max()
    assert found.to_frame("original").effect[0] == pytest.approx(1, abs=0.25)


@each_family
def test_labels_have_calibrated_probabilities_and_the_interaction(name):
    """In five bins of 2000 new rows, with three standard errors of a bin's frequency."""

    def labels(n, seed):
        X, _ = table(n, seed)
        return X, 3 * function(X) + np.random.default_rng(seed + 1).logistic(size=n) > 0

    given = {"n_networks": 4, "max_epochs": 40, "random_state": 0}
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
