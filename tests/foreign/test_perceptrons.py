"""Which Sequentials are multilayer perceptrons."""

import numpy as np
import pytest
import torch
from torch import nn

import skgeh
from skgeh.foreign._perceptrons import recognised
from skgeh.posteriors import ConcreteDropoutLayer
from skgeh.posteriors.dropout_layers import frozen
from tests.foreign.oracles import Branched, D, expected_effect, mlp, points
from tests.oracles import assert_close


@pytest.mark.parametrize(
    ("module", "is_mlp"),
    [
        (mlp(), True),
        (mlp(nn.Softplus), True),
        (mlp(dropout=0.3), True),
        (nn.Sequential(nn.Sequential(nn.Linear(4, 3), nn.Tanh()), nn.Linear(3, 2)), True),
        (nn.Sequential(ConcreteDropoutLayer(4), nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 1)), True),
        (nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 1, bias=False)), 1),
        (mlp(nn.ELU), False),
        (mlp(lambda: nn.GELU(approximate="tanh")), False),
        (nn.Sequential(nn.Linear(4, 3), nn.Dropout(), nn.Tanh(), nn.Linear(3, 1)), False),
        (nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 1), nn.Sigmoid()), False),
        (nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2), nn.SiLU(), nn.Linear(2, 1)), 0),
        (nn.Sequential(nn.Linear(4, 1)), False),
        (nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 1)), False),
        (Branched(), False),
    ],
)
def test_which_modules_take_the_closed_form(module, is_mlp):
    module = frozen(module)
    known = recognised([module])
    assert (known is not None) == bool(is_mlp)
    if known is not None:
        x = torch.randn(9, 4)
        torch.testing.assert_close(known.members()(x)[0], module(x), rtol=1e-4, atol=1e-5)


def test_a_hook_is_not_overlooked():
    module = mlp()
    module[0].register_forward_hook(lambda m, i, out: 2 * out)
    X = points()
    found = skgeh.interactions_of(module, X, n_groups=1)
    assert_close(found.effect, expected_effect(module, X), 1e-4)


@pytest.mark.parametrize("layer", [None, "0"])
def test_a_module_that_stands_twice_is_run_twice(layer):
    """One activation and one dropout for all layers: the same as one for each."""

    def net(*between):
        torch.manual_seed(0)
        layers = nn.Linear(D, 7), nn.Linear(7, 6), nn.Linear(6, 1)
        return nn.Sequential(layers[0], *between[0], layers[1], *between[1], layers[2])

    phi, drop, X = nn.Tanh(), nn.Dropout(0.3), points()
    options = {"layer": layer, "n_groups": 2, "n_draws": 4, "random_state": 0}
    shared = skgeh.interactions_of(net([phi, drop], [phi, drop]), X, **options)
    separate = net([nn.Tanh(), nn.Dropout(0.3)], [nn.Tanh(), nn.Dropout(0.3)])
    assert recognised([frozen(net([phi, drop], [phi, drop]))]).means.widths == [D, 7, 6, 1]
    np.testing.assert_array_equal(shared.draws, skgeh.interactions_of(separate, X, **options).draws)


def test_a_subclass_may_do_anything():
    class Doubled(nn.Tanh):
        def forward(self, z):
            return torch.tanh(2 * z)

    module, X = mlp(Doubled), points()
    found = skgeh.interactions_of(module, X, n_groups=1, random_state=0)
    assert_close(found.effect, expected_effect(module, X), 1e-4)
