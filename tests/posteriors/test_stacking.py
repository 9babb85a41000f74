"""The process and networks together, weighted by their predictions of unseen rows."""

import pickle
from collections import Counter
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.base import clone

from skgeh import BayesianInteractionClassifier, BayesianInteractionRegressor
from skgeh.geh.functions import stack
from skgeh.geh.hessians import group_mean_hessians, pointwise_hessians
from skgeh.geh.likelihoods import CrossEntropy, SquaredError
from skgeh.geh.partition import Partition
from skgeh.geh.score import rank_pairs
from skgeh.geh.task import HeldOut, Learned, Task
from skgeh.geh.units import Units
from skgeh.geh.views.units import InUnits
from skgeh.posteriors import ConcreteDropout, Ensemble, GaussianProcess
from skgeh.posteriors import stacking as module
from skgeh.posteriors.family import PerturbedPosterior
from skgeh.posteriors.stacking import (
    StackedPosterior,
    Stacking,
    _normal_scores,
    _stacking_weight,
)
from skgeh.training.loop import Settings
from tests.oracles import Finite, assert_close, hessians, random_points, random_posterior
from tests.posteriors.standins import Training, task_of

SMALL = GaussianProcess(5, 2)
NETWORKS = ConcreteDropout((8,), n_perturbed=2)

# The weight


def grid_weight(first, second, row_weights):
    """The best of many weights of the second density, by a Beta(2, 2) prior and the mixture."""
    grid = np.linspace(1e-4, 1 - 1e-4, 20_001)[:, None]
    mixture = np.log((1 - grid) * np.exp(first) + grid * np.exp(second))
    height = mixture @ row_weights + np.log(grid[:, 0] * (1 - grid[:, 0]))
    return grid[height.argmax(), 0]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("m", [1, 10, 200])
def test_the_weight_is_the_best_of_a_grid(seed, m):
    rng = np.random.default_rng(seed)
    first, second = rng.normal(size=(2, m)) * rng.uniform(0.1, 3)
    row_weights = rng.uniform(0.1, 2, m)
    found = _stacking_weight(first, second, row_weights)
    assert found == pytest.approx(grid_weight(first, second, row_weights), abs=2e-4)


def test_parts_that_trade_places_have_weights_that_sum_to_one():
    first, second = np.random.default_rng(0).normal(size=(2, 30))
    found = [_stacking_weight(*two, np.ones(30)) for two in ((first, second), (second, first))]
    assert sum(found) == pytest.approx(1, abs=1e-4)


def test_without_rows_the_weight_is_one_half():
    assert _stacking_weight(np.zeros(0), np.zeros(0), np.zeros(0)) == pytest.approx(0.5, abs=1e-5)
    low = np.full(40, -1e4)  # densities that underflow
    assert _stacking_weight(low, low, np.ones(40)) == pytest.approx(0.5, abs=1e-4)


@pytest.mark.parametrize("better", [0, 1])
def test_much_better_densities_get_nearly_all(better):
    both = np.zeros((2, 300))
    both[1 - better] = -1000
    found = _stacking_weight(*both, np.ones(300))
    assert found == pytest.approx(better, abs=0.005) and 0 < found < 1


# The posterior


def process_of(d=3, c=1, n=60):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, d))
    if c == 1:
        y = X[:, :1] * X[:, 1:2] + 0.3 * rng.normal(size=(n, 1))
        return SMALL.learn(Task(X, y, np.ones(n), SquaredError()), None, 0).posterior
    y = np.eye(c)[np.digitize(X[:, 0] * X[:, 1], [-0.4, 0.4])]
    return SMALL.learn(Task(X, y, np.ones(n), CrossEntropy(1.1)), None, 0).posterior


def stacked(weight=0.3, n_networks=3, c=1):
    networks, perturbed = (random_posterior([3, 5, c], k, seed=k) for k in (n_networks, 4))
    return StackedPosterior(process_of(c=c), PerturbedPosterior(networks, perturbed), weight)


def constants(first):
    """A posterior whose draw k is the constant first + k."""
    level = {"first": first}

    def draw(n_draws, generator, first=0):
        del generator
        each = range(level["first"] + first, level["first"] + first + n_draws)
        return stack([lambda x, v=v: torch.full((len(x), 1), float(v)) for v in each])

    return SimpleNamespace(draw=draw, n_features=1, n_outputs=1)


@pytest.mark.parametrize("weight", [0.0, 0.1, 0.3, 0.5, 0.77, 1.0])
@pytest.mark.parametrize("block", [1, 7, 100])
def test_draws_are_in_proportion_to_the_weights_over_blocks(weight, block):
    """Each part goes on where it has stopped."""
    given = StackedPosterior(constants(0), constants(10_000), weight)
    found = []
    for first in range(0, 300, block):
        drawn = given.draw(block, torch.Generator(), first)(torch.zeros(1, 1))
        assert drawn.shape == (block, 1, 1)
        found += drawn[:, 0, 0].tolist()
        theirs = sum(value >= 10_000 for value in found)
        assert abs(theirs - weight * len(found)) <= 0.5 + 1e-9
    ours = sorted(value for value in found if value < 10_000)
    theirs = sorted(value - 10_000 for value in found if value >= 10_000)
    assert ours == list(range(len(ours))) and theirs == list(range(len(theirs)))


def test_draws_are_those_of_the_parts():
    given, x = stacked(0.4), random_points(6, 3)
    found = given.draw(10, torch.Generator().manual_seed(0))(x)
    generator = torch.Generator().manual_seed(0)
    ours = given.process.draw(6, generator)(x)
    theirs = given.networks.draw(4, generator)(x)
    torch.testing.assert_close(found, torch.cat([ours, theirs]))
    assert (given.n_features, given.n_outputs) == (3, 1)


def test_members_average_to_the_weighted_mean():
    given, x = stacked(0.4), random_points(6, 3)
    values, weights = given.members()(x), torch.tensor(given.member_weights)
    assert values.shape == (4, 6, 1) and weights.sum() == pytest.approx(1)
    expected = 0.6 * given.process.members()(x)[0] + 0.4 * given.networks.members()(x).mean(0)
    torch.testing.assert_close(torch.einsum("k,knc->nc", weights, values), expected)


@pytest.mark.parametrize("partition", [Partition.one_group(8), Partition.singletons(8)])
@pytest.mark.parametrize("members", [True, False])
def test_hessians_are_those_of_the_parts(partition, members):
    given, x = stacked(0.5), random_points(8, 3)
    generator = torch.Generator().manual_seed(0)
    functions = given.members() if members else given.draw(6, generator)
    found = group_mean_hessians(functions, x, partition).full()
    parts = [group_mean_hessians(part, x, partition).full() for part in functions.parts]
    off = ~torch.eye(3, dtype=torch.bool)
    torch.testing.assert_close(found[..., off], torch.cat(parts)[..., off])
    pairs = torch.tensor([[0, 2], [1, 2]])
    pointwise = pointwise_hessians(functions, x, pairs)
    each = [pointwise_hessians(part, x, pairs) for part in functions.parts]
    torch.testing.assert_close(pointwise, torch.cat(each))


def test_hessians_of_networks_are_those_of_automatic_differentiation():
    given, x = stacked(0.5), random_points(5, 3)
    function = given.members()
    found = group_mean_hessians(function, x, Partition.singletons(5)).full()[1:].detach().numpy()
    off = ~np.eye(3, dtype=bool)
    assert_close(found[..., off], hessians(function.parts[1], x)[..., off], 1e-6)


def test_unperturbed_draws():
    given, x = stacked(1.0), random_points(4, 3)
    one, two = (
        part.draw(3, torch.Generator().manual_seed(0))(x)
        for part in (given.unperturbed, given.networks.unperturbed)
    )
    torch.testing.assert_close(one, two)
    assert given.unperturbed.process is given.process
    plain = replace(given, networks=given.networks.unperturbed)
    assert plain.unperturbed.networks is plain.networks


@pytest.mark.parametrize("weight", [0.0, 0.4, 1.0])
def test_other_units(weight):
    """Logits of three classes minus their mean; values, Hessians and members."""
    given, x = stacked(weight, c=3), random_points(5, 3)
    centred = InUnits.centred(given)
    assert isinstance(centred, StackedPosterior) and centred.weight == weight
    assert centred.n_outputs == 3
    np.testing.assert_array_equal(centred.member_weights, given.member_weights)
    one, two = (part.draw(10, torch.Generator().manual_seed(0)) for part in (centred, given))
    expected = two(x) - two(x).mean(-1, keepdim=True)
    torch.testing.assert_close(one(x), expected)
    groups = Partition.from_labels([0, 1, 1, 0, 2])
    mine, theirs = (group_mean_hessians(f, x, groups).full() for f in (one, two))
    off = ~torch.eye(3, dtype=torch.bool)
    centred_hessians = theirs - theirs.mean(1, keepdim=True)
    torch.testing.assert_close(mine[..., off], centred_hessians[..., off])
    torch.testing.assert_close(
        centred.members()(x), given.members()(x) - given.members()(x).mean(-1, keepdim=True)
    )


def test_other_units_of_features():
    given = stacked(0.4)
    units = Units(torch.tensor([1.0, 0, 0]), torch.tensor([2.0, 1, 3]), torch.tensor([[5.0]]))
    x = random_points(5, 3)
    found = InUnits.of(given, units).members()(x)
    torch.testing.assert_close(found, 5 * given.members()(units.inputs(x)))


@pytest.mark.parametrize("target", [None, 1])
def test_scores_are_weighted_normal_scores_of_both_parts(target):
    given, x = stacked(0.3, c=3), random_points(40, 3)
    effect = np.ones(3)
    parts = [
        _normal_scores(rank_pairs(part, x, effect, target=target, seed=2))
        for part in (given.process, given.networks)
    ]
    found = rank_pairs(given, x, effect, target=target, seed=2)
    assert_close(found, 0.7 * parts[0] + 0.3 * parts[1], 1e-12)
    for weight, part in zip((0.0, 1.0), parts, strict=True):
        alone = rank_pairs(replace(given, weight=weight), x, effect, target=target, seed=2)
        assert_close(alone, part, 1e-12)


def test_scores_in_other_units_are_those_of_the_parts_in_them():
    given, x = stacked(0.3, c=3), random_points(40, 3)
    centred, effect = InUnits.centred(given), np.ones(3)
    parts = [
        _normal_scores(rank_pairs(InUnits.centred(part), x, effect, target=0))
        for part in (given.process, given.networks)
    ]
    found = rank_pairs(centred, x, effect, target=0)
    assert_close(found, 0.7 * parts[0] + 0.3 * parts[1], 1e-12)


def test_equal_values_have_equal_normal_scores():
    found = _normal_scores(np.array([2.0, 1.0, 2.0, 5.0]))
    assert found[0] == found[2] and found[1] < found[0] < found[3]


# Learning


class History(list):
    """Held-out losses of the epochs."""

    def __getitem__(self, key):
        return list(self) if isinstance(key, tuple) else super().__getitem__(key)


FALLING, FLAT = History(np.linspace(1, 0.5, 20)), History(np.full(20, 0.5))


@dataclass(frozen=True, eq=False)
class Historic(Training):
    """A stand-in whose networks have a history; those that learn anew say so."""

    losses: History = field(default_factory=lambda: FALLING)

    def train(self, family, task, held_out, seed, **given):
        net, posterior = super().train(family, task, held_out, seed, **given)
        self.calls[-1].trainer = self
        net.history = self.losses
        return net, posterior

    @property
    def sizes(self):
        return [call.family.hidden_layer_sizes for call in self.calls]


def trainer(losses=FALLING, noise=0.5, **given):
    given = {"n_networks": 6, **given}
    return Historic(None, noise=noise, losses=losses, **given)


def weigh(monkeypatch, *weights):
    """Let the weights of networks be these, one after the other."""
    left = list(weights)
    monkeypatch.setattr(
        module, "_stacking_weight", lambda *_: left.pop(0) if len(left) > 1 else left[0]
    )


def test_networks_that_get_nothing_are_not_trained_again(monkeypatch):
    weigh(monkeypatch, 0.01)
    given = trainer()
    found = Stacking(SMALL).learn(task_of(), given, 0)
    assert given.sizes == [(50, 50)]
    assert isinstance(found.posterior, StackedPosterior) and found.posterior.weight == 0.01


def test_networks_that_have_stopped_learning_are_not_trained_again(monkeypatch):
    weigh(monkeypatch, 0.6)
    given = trainer(FLAT)
    found = Stacking(SMALL).learn(task_of(), given, 0)
    assert given.sizes == [(50, 50)] and found.posterior.weight == 0.6


def test_networks_that_are_worth_it_and_still_learn_are_trained_again(monkeypatch):
    weigh(monkeypatch, 0.6, 0.8)
    given = trainer()
    found = Stacking(SMALL).learn(task_of(), given, 0)
    assert given.sizes == [(50, 50), (100, 100, 100)]
    assert found.posterior.weight == 0.8
    first, second = given.calls
    assert len(first.held_out) == 4 + 2 and len(second.held_out) == 6 + 2
    assert first.trainer.settings.max_epochs == 20
    assert second.trainer.settings.max_epochs == Settings().max_epochs
    assert second.trainer.validation_fraction == given.validation_fraction
    assert found.net.history is given.losses


def test_first_networks_are_no_larger_than_asked_for(monkeypatch):
    weigh(monkeypatch, 0.01)
    given = trainer(n_networks=2, settings=Settings(max_epochs=7))
    Stacking(SMALL).learn(task_of(), given, 0)
    (call,) = given.calls
    assert len(call.held_out) == 2 + 2 and call.trainer.settings.max_epochs == 7


@pytest.mark.parametrize(
    ("n", "n_networks", "share"), [(100, 4, 0.25), (400, 4, 0.125), (3000, 4, 0.1), (400, 1, 0.25)]
)
def test_enough_rows_are_held_out_to_be_judged(n, n_networks, share, monkeypatch):
    weigh(monkeypatch, 0.01)
    given = trainer(n_networks=n_networks)
    Stacking(GaussianProcess(2, 1)).learn(task_of(n=n), given, 0)
    assert given.calls[0].held_out.shape[1] == round(share * n)


@pytest.mark.parametrize(("noise", "n_perturbed"), [(0.5, 2), (0.01, 0)])
def test_clean_targets_are_not_perturbed(noise, n_perturbed, monkeypatch):
    weigh(monkeypatch, 0.6)
    given = trainer(noise=noise)
    Stacking(SMALL).learn(task_of(), given, 0)
    assert len(given.calls[1].held_out) == 6 + n_perturbed


def test_a_given_architecture_is_trained_at_once(monkeypatch):
    weigh(monkeypatch, 0.01)
    given = trainer()
    networks = Ensemble((9,))
    found = Stacking(SMALL, networks).learn(task_of(), given, 0)
    assert given.sizes == [(9,)] and isinstance(given.calls[0].family, Ensemble)
    assert given.calls[0].family is not networks
    assert len(given.calls[0].held_out) == 10 and found.posterior.weight == 0.01


def test_networks_alone_where_the_process_cannot_be(monkeypatch):
    monkeypatch.setattr(GaussianProcess, "is_feasible", lambda *_: False)
    monkeypatch.setattr(GaussianProcess, "learn", None)
    given = trainer()
    found = Stacking().learn(task_of(), given, 0)
    assert given.sizes == [(100, 100, 100)]
    assert isinstance(found.posterior, PerturbedPosterior)


def test_the_weight_is_that_of_the_densities_of_held_out_rows():
    given, weight = trainer(FLAT), np.random.default_rng(0).uniform(0.3, 2, 100)
    task = task_of(weight=weight)
    found = Stacking(SMALL, Ensemble((4,))).learn(task, given, 0)
    networks = Ensemble((4,)).learn(task, trainer(FLAT), 0)
    process = SMALL.learn(task, None, 0)
    rows, w = networks.held_out.judged, weight / weight.mean()
    y, theirs = task.y[rows, 0], networks.held_out.predictions[:, 0]
    variance = np.mean(w[rows] * (theirs - y) ** 2) / w[rows]
    mean, spread = (part[:, 0] for part in process.held_out.left_out(rows))
    densities = [
        -((y - m) ** 2) / (2 * v) - np.log(v) / 2 for m, v in ((mean, spread), (theirs, variance))
    ]
    expected = _stacking_weight(*densities, w[rows])
    assert found.posterior.weight == pytest.approx(expected, abs=1e-6)
    # and predictions of these rows, and the noise, are weighted
    np.testing.assert_array_equal(found.held_out.rows, rows)
    assert_close(found.held_out.predictions[:, 0], (1 - expected) * mean + expected * theirs, 1e-5)
    noise = (1 - expected) * process.noise_variance + expected * networks.noise_variance
    assert_close(found.noise_variance, noise, 1e-5)


@pytest.mark.parametrize("best", ["process", "networks"])
def test_the_part_that_predicts_unseen_rows_gets_the_weight(best):
    task = task_of()
    process = SMALL.learn(task, None, 0)
    rows = np.arange(60)
    exact = task.y[rows] + 0.01 * np.random.default_rng(0).normal(size=(60, 1))
    predictions = exact if best == "networks" else 0 * exact
    networks = Learned(None, np.ones(1), HeldOut(rows, lambda: predictions))
    found = module._Comparison.of(task, process, networks).weight
    assert found > 0.95 if best == "networks" else found < 0.3


def test_what_is_learned_can_be_pickled():
    found = Stacking(SMALL, Ensemble((4,))).learn(task_of(), trainer(FLAT), 0)
    posterior, held_out = pickle.loads(pickle.dumps((found.posterior, found.held_out)))
    np.testing.assert_array_equal(held_out.predictions, found.held_out.predictions)
    assert posterior.weight == found.posterior.weight


# Estimators


def table(n=120, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    return X, X[:, 0] * X[:, 1] + X[:, 2] + 0.3 * rng.normal(size=n)


def options(**given):
    own = {"posterior": Stacking(SMALL, NETWORKS), "max_epochs": 5, "n_networks": 2}
    return own | {"n_draws": 50, "n_groups": 3, "random_state": 0} | given


def test_a_regressor_predicts_the_weighted_mean():
    X, y = table()
    model = BayesianInteractionRegressor(**options()).fit(X, y)
    shares = model.stacking_weights_
    assert shares.keys() == {"process", "networks"} and sum(shares.values()) == pytest.approx(1)
    alone = BayesianInteractionRegressor(**options(posterior=SMALL)).fit(X, y)
    networks = BayesianInteractionRegressor(**options(posterior=NETWORKS)).fit(X, y)
    expected = shares["process"] * alone.predict(X) + shares["networks"] * networks.predict(X)
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-3, atol=1e-3)
    again = clone(model).fit(X, y)
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.interactions_.score, model.interactions_.score)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_classifier(n_classes):
    X, y = table()
    codes = np.digitize(y, [0] if n_classes == 2 else [-0.7, 0.7])
    model = BayesianInteractionClassifier(**options()).fit(X, codes)
    p = model.predict_proba(X)
    assert p.shape == (120, n_classes) and np.allclose(p.sum(1), 1)
    assert np.isfinite(model.interactions_.score).all()
    assert Counter(model.stacking_weights_).keys() == {"process", "networks"}


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        (Stacking(GaussianProcess(1)), ValueError, "n_functions"),
        (Stacking(Ensemble()), ValueError, r"process must be a GaussianProcess or None; got Ens"),
        (Stacking(networks=Ensemble((0,))), ValueError, "whole numbers above 0"),
        (Stacking(networks=GaussianProcess()), ValueError, r"networks must be an Ensemble.*got G"),
        (Stacking(networks="ensemble"), ValueError, "got 'ensemble'"),
    ],
)
def test_parts_that_cannot_be_used(given, error, words):
    with pytest.raises(error, match=words):
        BayesianInteractionRegressor(**options(posterior=given)).fit(*table())


def test_parts_are_clones():
    process, networks = GaussianProcess(3, 3), ConcreteDropout((5,))
    for part, own in zip(Stacking(process, networks).parts(), (process, networks), strict=True):
        assert part is not own and part.get_params() == own.get_params()
    kinds = [type(part) for part in Stacking().parts()]
    assert kinds == [GaussianProcess, ConcreteDropout]


def test_a_finite_part_is_a_part():
    functions = [lambda x, k=k: k * x[:, :1] * x[:, 1:2] for k in range(3)]
    given = StackedPosterior(process_of(), Finite(functions, 3, 1), 0.5)
    x = random_points(4, 3)
    found = given.draw(6, torch.Generator())(x)
    torch.testing.assert_close(found[3:, :, 0], torch.stack([f(x)[:, 0] for f in functions]))
    np.testing.assert_allclose(given.member_weights, [0.5, *[0.5 / 3] * 3])
