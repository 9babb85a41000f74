import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss

from skgeh.geh.likelihoods import CrossEntropy, SquaredError, _perturbation


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def one_hot(n=50, c=3, seed=0):
    codes = np.random.default_rng(seed).integers(0, c, n)
    return torch.from_numpy(np.eye(c)[codes]), codes


# Losses


@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_cross_entropy_is_that_of_scikit_learn(n_classes):
    targets, codes = one_hot(c=n_classes)
    logits = random(1, 50, n_classes)
    probabilities = torch.softmax(logits, -1)[0].numpy()
    expected = log_loss(codes, probabilities, labels=range(n_classes))
    found = CrossEntropy(2.0).losses(logits, targets[None])
    assert found.shape == (1, 50, 1)
    assert found.mean().item() == pytest.approx(expected / 2)


def test_two_classes_have_one_logit():
    targets, _ = one_hot(c=2)
    logit = random(1, 50, 1)
    both = torch.cat([torch.zeros_like(logit), logit], -1)
    loss = CrossEntropy(1.0).losses
    torch.testing.assert_close(loss(logit, targets[None, :, 1:]), loss(both, targets[None]))


def test_logits_may_be_large():
    loss = CrossEntropy(1.0).losses(torch.tensor([[[800.0], [-800.0]]]), torch.ones(1, 2, 1))
    assert loss.flatten().tolist() == [0.0, 800.0]


@pytest.mark.parametrize("n_classes", [2, 4])
def test_the_shares_of_the_classes_lose_one(n_classes):
    targets, codes = one_hot(c=n_classes)
    shares = np.bincount(codes) / len(codes)
    likelihood = CrossEntropy(-(shares * np.log(shares)).sum())
    columns = targets if n_classes > 2 else targets[:, 1:]
    constant = likelihood.constant(columns.mean(0)).expand(50, -1)
    assert likelihood.losses(constant, columns).mean().item() == pytest.approx(1)


def test_the_mean_of_standardised_numbers_loses_one():
    y = random(40, 2)
    y = (y - y.mean(0)) / y.std(0, correction=0)
    constant = SquaredError().constant(y.mean(0)).expand(40, -1)
    assert SquaredError().losses(constant, y).mean().item() == pytest.approx(1)


# What moves what is learned from


def test_rows_of_labels_are_weighed_by_exponential_numbers():
    moves = random(2, 20_000, 1)
    moves[0] = 0
    targets, weights = torch.ones(2, 20_000, 1), torch.full((2, 20_000, 1), 3.0)
    same, found = CrossEntropy(1.0).perturbed(targets, weights, moves, torch.ones(2, 1))
    assert same is targets
    assert (found[0] == 3).all()  # networks that are not perturbed
    random_weights = found[1] / 3
    assert random_weights.min() > 0
    assert random_weights.mean().item() == pytest.approx(1, abs=5 / 20_000**0.5)
    assert random_weights.std().item() == pytest.approx(1, abs=0.05)


def test_targets_are_moved_by_their_own_noise():
    noise, moves = torch.tensor([[0.04, 0.9]]), random(1, 6, 2)
    found, weights = SquaredError().perturbed(torch.zeros(1, 6, 2), None, moves, noise)
    assert weights is None
    scale = noise / (noise + 0.01).sqrt()
    torch.testing.assert_close(found, scale[:, None] * moves)


def test_targets_move_by_the_noise_and_not_at_all_on_clean_data():
    noise = torch.tensor([1e-8, 1e-4, 0.01, 0.1, 1.0])
    scale = _perturbation(noise[:, None])
    assert scale.shape == (5, 1, 1)
    of_noise = scale[:, 0, 0] / noise.sqrt()
    np.testing.assert_allclose(of_noise.square(), noise / (noise + 0.01), rtol=1e-5)
    assert of_noise[0] < 2e-3 and of_noise[-1] > 0.99 and (of_noise.diff() > 0).all()


# The prior, in their unit


def test_the_bound_of_labels_is_in_units_of_their_entropy():
    scale = CrossEntropy(0.5).kl_scale(torch.tensor([0.3, 0.9]))
    assert scale.tolist() == [2.0, 2.0]
