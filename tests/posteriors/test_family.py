import numpy as np
import pytest
import torch

from skgeh.geh.functions import evaluate
from skgeh.geh.likelihoods import SquaredError
from skgeh.posteriors import ConcreteDropout, Ensemble, MeanField
from skgeh.posteriors.concrete_dropout import ConcreteDropoutPosterior
from skgeh.posteriors.family import PerturbedPosterior, _of_own_rows, _perturbations
from skgeh.training.loop import Settings, train
from skgeh.training.objective import Objective
from tests.oracles import assert_close, random_posterior
from tests.posteriors.standins import learned, regressor, table, task_of, trainer_of
from tests.training.runs import rows_of


@pytest.mark.parametrize("n_perturbed", [0, 2])
def test_networks(n_perturbed):
    task, trainer = task_of(), trainer_of()
    found = learned(Ensemble((4,), n_perturbed=n_perturbed), trainer, 5)
    (call,) = trainer.calls
    assert call.held_out.shape == (3 + n_perturbed, 10)
    assert len(np.unique(call.held_out)) == call.held_out.size
    if n_perturbed:
        assert isinstance(found.posterior, PerturbedPosterior)
        assert call.moves.shape == (5, 100, 1)
        assert not call.moves[:3].any() and call.moves[3:].abs().min() > 0
    else:
        assert call.moves is None and isinstance(found.posterior, ConcreteDropoutPosterior)
    # the fit is judged by networks that saw the targets as they are
    noise = found.net.module_.noise_variance
    assert found.noise_variance == pytest.approx(noise[:3].mean().item())
    np.testing.assert_array_equal(found.held_out.rows, call.held_out[:3].ravel())
    x = torch.tensor(task.X)
    for place, row in enumerate(found.held_out.rows):
        member = random_posterior([3, 4, 1], 3 + n_perturbed).members()
        expected = member(x[row : row + 1])[place // 10, 0, 0].item()
        assert found.held_out.predictions[place, 0] == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_the_seed_decides_about_held_out_rows():
    trainers = [trainer_of() for _ in range(3)]
    for trainer, seed in zip(trainers, (1, 1, 2), strict=True):
        learned(Ensemble((4,)), trainer, seed)
    rows = [trainer.calls[0].held_out for trainer in trainers]
    np.testing.assert_array_equal(rows[0], rows[1])
    assert not np.array_equal(rows[0], rows[2])


def test_networks_predict_the_rows_that_they_held_out():
    X = np.random.default_rng(0).normal(size=(30, 2))
    held_out = np.array([[3, 1, 4], [15, 9, 2], [6, 5, 3]])

    def members(x):
        return torch.stack([k + x[:, :1] * x[:, 1:] for k in range(3)])

    expected = [k + X[row, 0] * X[row, 1] for k in range(3) for row in held_out[k]]
    assert_close(_of_own_rows(members, X[held_out])[:, 0], expected, 1e-5)


def test_no_more_than_a_thousand_are_predicted():
    found = learned(Ensemble((4,), n_perturbed=0), trainer_of(n_networks=4), n=12_000)
    held_out = found.held_out
    assert held_out.predictions.shape == (1000, 1) and held_out.rows.shape == (1000,)


@pytest.mark.parametrize("family", [Ensemble, ConcreteDropout])
@pytest.mark.parametrize(
    ("value", "error"), [(0, ValueError), (-1.0, ValueError), ("1", TypeError)]
)
def test_shrinkage_that_cannot_be_used(family, value, error):
    with pytest.raises(error, match="shrinkage"):
        regressor(posterior=family(shrinkage=value), hidden_layer_sizes=None).fit(*table(60))


# What moves the targets


@pytest.mark.parametrize(("n_networks", "n_perturbed"), [(1, 1), (3, 4), (2, 5)])
def test_perturbations_are_antithetic(n_networks, n_perturbed):
    moves = _perturbations(n_networks, n_perturbed, n_rows=50, n_targets=1, seed=0)
    assert moves.shape == (n_networks + n_perturbed, 50, 1)
    assert not moves[:n_networks].any()
    moved = moves[n_networks:]
    assert torch.equal(moved[1::2], -moved[: n_perturbed // 2 * 2 : 2])
    assert len(torch.unique(moved.abs(), dim=0)) == (n_perturbed + 1) // 2
    assert torch.equal(
        moves, _perturbations(n_networks, n_perturbed, n_rows=50, n_targets=1, seed=0)
    )
    assert not torch.equal(
        moves, _perturbations(n_networks, n_perturbed, n_rows=50, n_targets=1, seed=1)
    )


def test_perturbations_are_standard_normal():
    moved = _perturbations(1, 8, n_rows=5000, n_targets=1, seed=0)[1::2]
    assert moved.mean().abs() < 5 / 20_000**0.5
    assert moved.square().mean().item() == pytest.approx(1, abs=5 * (2 / 20_000) ** 0.5)
    correlations = np.corrcoef(moved[..., 0].numpy())
    assert np.abs(correlations - np.eye(4)).max() < 5 / 5000**0.5


def test_none_are_asked_for():
    assert _perturbations(3, 0, n_rows=50, n_targets=1, seed=0) is None


def trained(rows, max_epochs=10):
    settings = Settings(max_epochs=max_epochs, batch_size=10)
    objective = Objective(SquaredError(), n_samples=60.0)
    columns = {"n_features": 3, "main_columns": (0, 3)}
    return train(Ensemble((8, 8)), rows, settings, objective, seed=0, **columns).module_


def test_copies_train_on_their_own_moves_only():
    moves = _perturbations(2, 2, n_rows=60, n_targets=1, seed=0)
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


def test_predictions_are_those_of_networks_on_the_targets():
    X, y = table()
    family = ConcreteDropout((16, 16), n_perturbed=2)
    model = regressor(posterior=family, hidden_layer_sizes=None, n_networks=3).fit(X, y)
    posterior = model.posterior_
    assert isinstance(posterior, PerturbedPosterior)
    assert len(posterior.networks.means) == 3 and len(posterior.perturbed.means) == 2
    alone = posterior.networks.members()
    values = evaluate(alone, model._x_scaler.transform(X), 3, torch.float64).mean(0)[:, 0]
    expected = values * model._units.scale[0] + model._units.mean[0]
    np.testing.assert_allclose(model.predict(X), expected, atol=1e-12)
    noise = model.net_.module_.noise_variance[:3].mean().item() * y.var()
    assert model.noise_variance_ == pytest.approx(noise, rel=1e-6)


def test_none_perturbed():
    family = ConcreteDropout((16, 16), n_perturbed=0)
    model = regressor(posterior=family, hidden_layer_sizes=None).fit(*table(60))
    assert not isinstance(model.posterior_, PerturbedPosterior)
    assert len(model.net_.module_.noise_variance) == 4


@pytest.mark.parametrize("family", [Ensemble, ConcreteDropout, MeanField])
@pytest.mark.parametrize(("value", "error"), [(-1, ValueError), (1.5, TypeError)])
def test_numbers_that_cannot_be_used(family, value, error):
    with pytest.raises(error, match="n_perturbed"):
        regressor(posterior=family(n_perturbed=value), hidden_layer_sizes=None).fit(*table(60))


@pytest.mark.parametrize("name", ["ensemble", "concrete_dropout", "mean_field"])
def test_four_networks_are_perturbed_if_a_family_is_named(name):
    model = regressor(posterior=name, max_epochs=1, n_networks=2).fit(*table(60))
    assert len(model.posterior_.perturbed.means) == 4


def test_intervals_are_wider_where_there_is_noise():
    X, y = table(300)
    std = [
        regressor(
            posterior=Ensemble((16, 16), n_perturbed=n), hidden_layer_sizes=None, max_epochs=30
        ).fit(X, y)
        .interactions(X, n_groups=3).group_std.mean()
        for n in (0, 4)
    ]  # fmt: skip
    assert std[1] > 1.3 * std[0]
