"""Which Sequentials are chains of linear maps and smooth activations."""

import numpy as np
import pytest
import torch
from torch import nn

import skgeh
from skgeh.foreign._modules import ModulesPosterior
from skgeh.foreign._sequentials import recognised, steps_of
from skgeh.geh.hessians import _autodiff as autodiff
from skgeh.posteriors.dropout_layers import ConcreteDropoutLayer, frozen
from tests.foreign.oracles import Branched, D, expected_effect, mlp, points
from tests.oracles import assert_close


class Doubled(nn.Conv2d):
    def forward(self, x):
        return 2 * super().forward(x)


def hooked():
    layer = nn.Conv2d(1, 2, 2)
    layer.register_forward_hook(lambda module, given, out: 2 * out)
    return layer


def patched():
    layer = nn.Tanh()
    layer.forward = torch.sin
    return layer


def training(layer):
    """In training mode, as no frozen copy is."""
    return layer.train()


@pytest.mark.parametrize(
    ("layers", "known"),
    [
        ([nn.Conv2d(1, 2, 2), nn.Tanh(), nn.Flatten()], True),
        ([nn.Sequential(nn.Conv2d(1, 2, 2), nn.BatchNorm2d(2).eval()), nn.GELU()], True),
        ([nn.Conv2d(1, 2, 2), nn.Dropout2d(), nn.Tanh()], True),
        ([], True),
        ([training(nn.BatchNorm2d(1)), nn.Tanh()], False),
        ([nn.BatchNorm2d(1, track_running_stats=False).eval()], False),
        ([training(ConcreteDropoutLayer(1))], False),
        ([Doubled(1, 2, 2), nn.Tanh()], False),
        ([hooked(), nn.Tanh()], False),
        ([nn.Conv2d(1, 2, 2), patched()], False),
        ([nn.Flatten(0), nn.Tanh()], False),
        ([nn.Flatten(), nn.Conv1d(1, 2, 2), nn.Tanh()], False),  # takes rows for channels
        ([nn.SiLU(inplace=True)], False),
        ([nn.MaxPool2d(2)], False),
        ([nn.Flatten(), nn.Softmax(1)], False),
        ([nn.Flatten(), nn.LayerNorm(9)], False),
        ([nn.ReLU()], False),
    ],
)
def test_which_modules_are_chains(layers, known):
    module = nn.Sequential(*layers)
    for name, part in list(module.named_children()):
        if type(part) is nn.Dropout2d:
            setattr(module, name, frozen(part))
    assert (steps_of(module, torch.zeros(1, 1, 3, 3)) is not None) == known


def test_no_module_is_no_chain():
    functions = [lambda x: x, nn.Sequential(nn.Linear(3, 3), nn.Tanh())]
    posterior = ModulesPosterior(functions, (3,), 3)
    assert [steps is not None for steps in posterior.steps] == [False, True]
    assert posterior.members()(torch.ones(4, 3)).shape == (2, 4, 3)


def test_the_module_stays_as_it_is():
    module = nn.Sequential(nn.Conv2d(1, 2, 2), nn.Tanh())
    steps_of(module, torch.zeros(1, 1, 3, 3))
    assert module[0].bias is not None


def convolutional():
    torch.manual_seed(0)
    return nn.Sequential(
        *(nn.Conv2d(1, 4, 2), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(), nn.Dropout(0.3)),
        *(nn.Linear(4, 5), nn.GELU(), nn.Linear(5, 3)),
    )


@pytest.mark.parametrize(
    "options", [{}, {"target": 1}, {"logits": True}, {"layer": "0"}, {"layer": "3"}], ids=str
)
def test_a_chain_of_layers_has_the_answer_of_autodiff(options, monkeypatch):
    X = points(50, 9).reshape(50, 1, 3, 3)
    options = {"n_groups": 3, "n_draws": 4, "random_state": 0} | options
    with monkeypatch.context() as without:
        for name in ("group_hessian", "pointwise"):
            without.setattr(autodiff, name, None)
        found = skgeh.interactions_of(convolutional(), X, **options)
    monkeypatch.setattr("skgeh.foreign._modules.steps_of", lambda *_: None)
    expected = skgeh.interactions_of(convolutional(), X, **options)
    assert_close(found.draws, expected.draws, 1e-4)
    assert_close(found.score, expected.score, 1e-4)
    assert found.std.any()


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
