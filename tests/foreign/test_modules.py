"""Modules that take automatic differentiation, and the masks of their draws."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import skgeh
from skgeh.foreign._modules import ModulesPosterior
from skgeh.foreign._sequentials import recognised
from skgeh.posteriors.dropout_layers import frozen
from tests.foreign.oracles import Branched, D, expected_effect, mlp, points
from tests.oracles import assert_close


def test_any_module_takes_autodiff():
    module, X = Branched(), points()
    found = skgeh.interactions_of(module, X, n_groups=1, n_draws=1)
    mean = skgeh.interactions_of(Branched(p=0.0), X, n_groups=1)
    assert_close(mean.effect, expected_effect(module, X), 1e-4)
    assert (found.effect != mean.effect).any()  # a draw has masks, the mean none
    assert module.training
    assert all(weight.requires_grad for weight in module.parameters())


def test_masks_are_frozen_for_all_rows_and_differ_between_draws():
    posterior = ModulesPosterior([frozen(Branched(p=0.5))], (D,), 1)
    function = posterior.draw(3, torch.Generator().manual_seed(0))
    x = torch.randn(20, D)
    values = function(x)
    torch.testing.assert_close(function(x[7:11]), values[:, 7:11])
    torch.testing.assert_close(function(x), values)
    assert (values[0] != values[1]).all()


@pytest.mark.parametrize("make", [lambda: mlp(dropout=0.3), Branched], ids=["closed", "autodiff"])
def test_draws_of_dropout_are_draws_of_dropout(make):
    """Moments of a draw's values at a point against those of the module in training mode."""
    module = make()
    posterior = recognised([frozen(module)]) or ModulesPosterior([frozen(module)], (D,), 1)
    x = torch.as_tensor(points(3), dtype=torch.float32)
    values = posterior.draw(3000, torch.Generator().manual_seed(0))(x)[..., 0]
    module.train()
    torch.manual_seed(0)
    with torch.no_grad():
        rows = module(x.repeat_interleave(3000, 0)).reshape(3, 3000)
    error = rows.std(1) * (2 / 3000) ** 0.5
    assert ((values.mean(0) - rows.mean(1)).abs() < 5 * error).all()
    assert (values.std(0) / rows.std(1) - 1).abs().max() < 0.1


def test_float64_modules():
    module, X = Branched(p=0.0).double(), points()
    found = skgeh.interactions_of(module, X, n_groups=1)
    assert_close(found.effect, expected_effect(module, X), 1e-4)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (mlp(nn.ReLU), "ReLU"),
        (mlp(nn.LeakyReLU), "LeakyReLU"),
        (mlp(nn.Hardtanh), "Hardtanh"),
        (Branched(phi=F.relu), "ReLU"),
        (nn.Sequential(mlp(), nn.PReLU()), "PReLU"),
    ],
)
def test_piecewise_linear_activations(module, name):
    with pytest.raises(ValueError, match=f"piecewise linear activation .*{name}"):
        skgeh.interactions_of(module, points())
