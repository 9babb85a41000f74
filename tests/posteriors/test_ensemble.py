import numpy as np
import pytest
import torch

from skgeh.posteriors import Ensemble
from tests.oracles import random_points


@pytest.mark.parametrize(("n_draws", "first"), [(6, 0), (3, 2), (2, 7), (1, 1)])
def test_draws_are_the_copies_in_turn_each_computed_once(n_draws, first):
    posterior = Ensemble((5,)).build(3, 2, 4, main_columns=(0, 3), seed=0).posterior(None)
    x = random_points(7, 3).float()
    turn = [(first + k) % 4 for k in range(n_draws)]
    draw = posterior.draw(n_draws, torch.Generator(), first=first)
    torch.testing.assert_close(draw(x), posterior.members()(x)[turn])
    assert len(draw) == n_draws and len(draw.distinct) == len(set(turn))
    assert posterior.n_functions == 4


def test_it_has_no_noise_in_training():
    stack = Ensemble((5,)).build(3, 1, 2, main_columns=(0, 3), seed=0)
    x = random_points(7, 3).float().expand(2, -1, -1)
    before = stack.eval()(x)
    stack.start_noise()
    assert torch.equal(stack.train()(x), before)


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
