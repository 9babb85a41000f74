from types import SimpleNamespace

import numpy as np
import pytest
import torch

from skgeh import BayesianInteractionRegressor
from skgeh.geh.functions import evaluate
from skgeh.geh.likelihoods import SquaredError, perturbation
from skgeh.posteriors import ConcreteDropout, Ensemble
from skgeh.posteriors.perturbed import PerturbedPosterior, perturbations
from skgeh.training.loop import Settings, StackNet, train
from skgeh.training.objective import Objective
from skgeh.training.rows import Rows, Slices
from tests.oracles import random_posterior

# What moves the targets


@pytest.mark.parametrize(("n_networks", "n_perturbed"), [(1, 1), (3, 4), (2, 5)])
def test_perturbations_are_antithetic(n_networks, n_perturbed):
    moves = perturbations(n_networks, n_perturbed, n_rows=50, n_targets=1, seed=0)
    assert moves.shape == (n_networks + n_perturbed, 50, 1)
    assert not moves[:n_networks].any()
    moved = moves[n_networks:]
    assert torch.equal(moved[1::2], -moved[: n_perturbed // 2 * 2 : 2])
    assert len(torch.unique(moved.abs(), dim=0)) == (n_perturbed + 1) // 2
    assert torch.equal(
        moves, perturbations(n_networks, n_perturbed, n_rows=50, n_targets=1, seed=0)
    )
    assert not torch.equal(
        moves, perturbations(n_networks, n_perturbed, n_rows=50, n_targets=1, seed=1)
    )


def test_perturbations_are_standard_normal():
    moved = perturbations(1, 8, n_rows=5000, n_targets=1, seed=0)[1::2]
    assert moved.mean().abs() < 5 / 20_000**0.5
    assert moved.square().mean().item() == pytest.approx(1, abs=5 * (2 / 20_000) ** 0.5)
    correlations = np.corrcoef(moved[..., 0].numpy())
    assert np.abs(correlations - np.eye(4)).max() < 5 / 5000**0.5


def test_none_are_asked_for():
    assert perturbations(3, 0, n_rows=50, n_targets=1, seed=0) is None


def test_targets_move_by_the_noise_and_not_at_all_on_clean_data():
    noise = torch.tensor([1e-8, 1e-4, 0.01, 0.1, 1.0])
    scale = perturbation(noise[:, None])
    assert scale.shape == (5, 1, 1)
    of_noise = scale[:, 0, 0] / noise.sqrt()
    np.testing.assert_allclose(of_noise.square(), noise / (noise + 0.01), rtol=1e-5)
    assert of_noise[0] < 2e-3 and of_noise[-1] > 0.99 and (of_noise.diff() > 0).all()


def rows_of(n=60, copies=4, moves=None, own_targets=False):
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(n, 3, generator=generator)
    target = inputs[:, :1] * inputs[:, 1:2] + torch.randn(n, 1, generator=generator)
    weights = torch.rand(n, 1, generator=generator) + 0.5
    order = np.random.default_rng(0).permutation(n)
    held_out = order[: 5 * copies].reshape(copies, 5)
    training = np.stack([np.setdiff1d(order, rows) for rows in held_out])
    whole = inputs, target, weights / weights.mean()
    return Rows(*whole, training, Rows(*whole, held_out), moves)


def test_perturbations_follow_their_rows_copy_by_copy():
    moves = perturbations(1, 3, n_rows=60, n_targets=1, seed=0)
    rows, without = rows_of(moves=moves), rows_of()
    n_seen = 0
    for (x, (y, weight, move)), (again, known) in zip(
        Slices(rows, 10, seed=0), Slices(without, 10, seed=0), strict=True
    ):
        assert torch.equal(x, again)
        assert len(known) == 2
        assert torch.equal(y, known[0]) and torch.equal(weight, known[1])
        assert move.shape == y.shape
        for copy in range(4):
            places = [rows.inputs.tolist().index(row) for row in x[copy].tolist()]
            assert torch.equal(move[copy], moves[copy, places])
        n_seen += x.shape[1]
    assert n_seen >= 50
    _, held_out = rows.held_out.batch(rows.held_out.rows)
    assert len(held_out) == 2  # noise is measured on targets as they are


@pytest.mark.parametrize("training", [True, False])
def test_the_loss_is_that_of_moved_targets(training):
    generator = torch.Generator().manual_seed(1)
    shape = (3, 10, 1)
    predictions, targets, moves = (torch.randn(shape, generator=generator) for _ in range(3))
    weights = torch.rand(shape, generator=generator)
    noise = torch.tensor([0.2, 0.5, 1e-6])
    kl = torch.tensor([3.0, 5.0, 7.0])
    module = SimpleNamespace(noise_variance=noise, kl=lambda: kl)
    objective = Objective(SquaredError(), n_samples=40.0)
    objective.kl_weight, objective.noise = 0.7, noise[:, None]
    net = SimpleNamespace(module_=module, criterion_=objective)
    found = StackNet.get_loss(net, predictions, (targets, weights, moves), training=training)
    errors = []
    for copy in range(3):
        s2 = noise[copy].item()
        moved = targets[copy] + s2 / (s2 + 0.01) ** 0.5 * moves[copy]
        errors.append(((predictions[copy] - moved) ** 2 * weights[copy]).mean().item())
    if training:
        penalties = 0.7 * 2 * noise / 40 * kl
        assert found.item() == pytest.approx(sum(errors) + penalties.sum().item(), rel=1e-5)
    else:
        means = weights.mean((1, 2)).tolist()
        expected = np.mean([error / mean for error, mean in zip(errors, means, strict=True)])
        assert found.item() == pytest.approx(expected, rel=1e-5)


def trained(rows, max_epochs=10):
    settings = Settings(max_epochs=max_epochs, batch_size=10)
    objective = Objective(SquaredError(), n_samples=60.0)
    columns = {"n_features": 3, "main_columns": (0, 3)}
    return train(Ensemble((8, 8)), rows, settings, objective, seed=0, **columns).module_


def test_copies_train_on_their_own_moves_only():
    moves = perturbations(2, 2, n_rows=60, n_targets=1, seed=0)
    other = moves.clone()
    other[3] *= 5
    plain, one, two = (trained(rows_of(moves=given)) for given in (None, moves, other))
    for of_plain, first, second in zip(
        plain.parameters(), one.parameters(), two.parameters(), strict=True
    ):
        torch.testing.assert_close(first[:3], second[:3], rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(first[:2], of_plain[:2], rtol=1e-3, atol=1e-4)
    x = rows_of().inputs.expand(4, -1, -1)
    gaps = [(first(x) - second(x)).detach().abs().amax((1, 2))
            for first, second in ((one, plain), (one, two))]  # fmt: skip
    assert gaps[0][2:].min() > 100 * gaps[0][:2].max()
    assert gaps[1][3] > 100 * gaps[1][:3].max()


# The posterior


def test_a_stack_is_split_into_both():
    stack = random_posterior([3, 5, 1], n_copies=5)
    posterior = PerturbedPosterior.of(stack, 2, len(stack.means) - 2)
    assert (posterior.n_features, posterior.n_outputs) == (3, 1)
    for part, copies in ((posterior.networks, slice(2)), (posterior.perturbed, slice(2, 5))):
        torch.testing.assert_close(part.means.weights[0], stack.means.weights[0][copies])
        torch.testing.assert_close(part.main.coefficients, stack.main.coefficients[copies])
        torch.testing.assert_close(part.probabilities[1], stack.probabilities[1][copies])


def test_draws_come_from_the_perturbed_in_turn():
    posterior = PerturbedPosterior.of(random_posterior([3, 5, 1], n_copies=5), 2, 3)
    draw = posterior.draw(6, torch.Generator().manual_seed(0), first=2)
    own = posterior.perturbed.draw(6, torch.Generator().manual_seed(0), first=2)
    x = torch.randn(7, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    assert torch.equal(draw(x), own(x))
    turn = torch.tensor([2, 0, 1, 2, 0, 1])
    drawn = draw.distinct.main[draw.which].coefficients
    assert torch.equal(drawn, posterior.perturbed.main.coefficients[turn])
    assert torch.equal(posterior.members()(x), posterior.networks.members()(x))
    assert len(posterior.members()) == 2


# The estimator


def table(n=200, noise=1.0, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    return X, X[:, 0] * X[:, 1] + noise * rng.normal(size=n)


def regressor(**given):
    defaults = {"hidden_layer_sizes": (16, 16), "posterior": "concrete_dropout", "max_epochs": 15}
    defaults |= {"n_groups": 4, "n_draws": 100, "random_state": 0}
    return BayesianInteractionRegressor(**{**defaults, **given})


def test_predictions_are_those_of_networks_on_the_targets():
    X, y = table()
    model = regressor(n_networks=3, n_perturbed=4).fit(X, y)
    posterior = model.posterior_
    assert isinstance(posterior, PerturbedPosterior)
    assert len(posterior.networks.means) == 3 and len(posterior.perturbed.means) == 4
    alone = posterior.networks.members()
    values = evaluate(alone, model._x_scaler.transform(X), 3, torch.float64).mean(0)[:, 0]
    expected = values * model._y_scaler.scale_[0] + model._y_scaler.mean_[0]
    np.testing.assert_array_equal(model.predict(X), expected)
    noise = model.net_.module_.noise_variance[:3].mean().item() * y.var()
    assert model.noise_variance_ == pytest.approx(noise, rel=1e-6)


def test_none_perturbed():
    model = regressor(n_perturbed=0).fit(*table(60))
    assert not isinstance(model.posterior_, PerturbedPosterior)
    assert len(model.net_.module_.noise_variance) == 4


@pytest.mark.parametrize(("value", "error"), [(-1, ValueError), (1.5, TypeError)])
def test_numbers_that_cannot_be_used(value, error):
    with pytest.raises(error, match="n_perturbed"):
        regressor(n_perturbed=value).fit(*table(60))


def test_intervals_are_wider_where_there_is_noise():
    X, y = table(300)
    std = [
        regressor(posterior="ensemble", n_perturbed=n, max_epochs=30).fit(X, y)
        .interactions(X, n_groups=3).group_std.mean()
        for n in (0, 4)
    ]  # fmt: skip
    assert std[1] > 1.3 * std[0]


# The prior of a family


@pytest.mark.parametrize("family", [Ensemble, ConcreteDropout])
def test_shrinkage_is_the_precision_for_each_unit_that_enters(family):
    def built(**given):
        return family((5, 3), **given).build(4, 1, 2, main_columns=(0, 4), seed=0)

    np.testing.assert_allclose(built().prior_precisions, [0.4, 0.5, 0.3])
    np.testing.assert_allclose(built(shrinkage=0.03).prior_precisions, [0.12, 0.15, 0.09])
    given = built(shrinkage=0.03, length_scale=2.0)
    np.testing.assert_allclose(given.prior_precisions, [4, 4, 4])


def test_shrinkage_multiplies_the_divergence_of_an_ensemble():
    one, two = (
        Ensemble((5, 3), shrinkage=value).build(4, 1, 2, main_columns=(0, 4), seed=0)
        for value in (0.1, 0.03)
    )
    expected = [
        sum(
            0.03 * fan_in / 2 * (weight[copy].square().sum() + bias[copy].square().sum()).item()
            for fan_in, weight, bias in zip((4, 5, 3), two.weights, two.biases, strict=True)
        )
        for copy in range(2)
    ]
    np.testing.assert_allclose(two.kl().detach(), expected, rtol=1e-5)
    torch.testing.assert_close(two.kl(), 0.3 * one.kl())


@pytest.mark.parametrize("family", [Ensemble, ConcreteDropout])
@pytest.mark.parametrize(
    ("value", "error"), [(0, ValueError), (-1.0, ValueError), ("1", TypeError)]
)
def test_shrinkage_that_cannot_be_used(family, value, error):
    with pytest.raises(error, match="shrinkage"):
        regressor(posterior=family(shrinkage=value), hidden_layer_sizes=None).fit(*table(60))
