from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from skgeh.geh.likelihoods import CrossEntropy, SquaredError, common_noise
from skgeh.training.loop import StackNet
from skgeh.training.objective import Objective, _mean_losses, _negative_elbo
from tests.oracles import assert_close


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_losses_are_weighted_means_of_each_copy_and_target():
    outputs, targets, weights = random(3, 7, 2), random(3, 7, 2, seed=1), random(3, 7, 1).exp()
    found = _mean_losses(SquaredError(), outputs, targets, weights)
    assert found.shape == (3, 2)
    for copy, target in product(range(3), range(2)):
        rows = [
            weights[copy, row, 0] * (outputs[copy, row, target] - targets[copy, row, target]) ** 2
            for row in range(7)
        ]
        assert found[copy, target].item() == pytest.approx(sum(rows).item() / 7)


def test_held_out_errors_do_not_depend_on_the_scale_of_weights():
    outputs, targets, weights = random(3, 7, 2), random(3, 7, 2, seed=1), random(3, 7, 1).exp()
    objective = Objective(SquaredError(), n_samples=10.0)
    found = objective.in_validation(outputs, (targets, weights))
    squares = (outputs - targets).square().numpy()
    expected = [np.average(squares[k], axis=0, weights=weights[k, :, 0]) for k in range(3)]
    assert_close(objective.held_out_errors, expected, 1e-12)
    assert found.item() == pytest.approx(np.mean(expected))
    again = objective.in_validation(outputs, (targets, 5 * weights))
    assert again.item() == pytest.approx(found.item())


def test_networks_put_out_logits_in_units_of_five():
    likelihood, outputs, weights = CrossEntropy(0.6), random(2, 9, 1), torch.ones(2, 9, 1)
    targets = (random(2, 9, 1, seed=1) > 0).double()
    found = Objective(likelihood, n_samples=9.0).errors(outputs, targets, weights)
    expected = _mean_losses(likelihood, 5 * outputs, targets, weights)
    torch.testing.assert_close(found, expected)


def test_targets_count_by_their_noise():
    """``sum_c r_c^2 / (2 s_c^2) + KL / n``, times ``2 s^2 / c`` with s^2 the harmonic mean."""
    errors, noise = torch.tensor([[0.5, 0.2]]).double(), torch.tensor([[1.0, 0.01]]).double()
    kl, n = torch.tensor([7.0]).double(), 40
    common = common_noise(noise)
    assert common.item() == pytest.approx(2 / (1 / 1.0 + 1 / 0.01))
    found = _negative_elbo(errors, noise, SquaredError().kl_scale(common) * kl / n)
    plain = (errors / (2 * noise)).sum() + kl / n
    assert found.item() == pytest.approx((plain * 2 * common / 2).item())


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
