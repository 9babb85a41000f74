"""Hessians of chains of affine maps and activations, layer by layer."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from skgeh.foreign._modules import ModulesPosterior
from skgeh.geh.functions import Repeated, Separate, stack
from skgeh.geh.hessians import _autodiff as autodiff
from skgeh.geh.hessians import _layered as layered
from skgeh.geh.hessians import group_mean_hessians, pointwise_hessians
from skgeh.geh.pairs import pair_index
from skgeh.geh.units import Units, in_units
from skgeh.posteriors.dropout_layers import ConcreteDropoutLayer, frozen
from tests.oracles import (
    PARTITIONS,
    assert_close,
    group_means,
    hessians,
    random_partition,
    random_points,
    upper,
)


def normed(channels):
    """Batch normalisation as after training."""
    norm = nn.BatchNorm2d(channels)
    for values in (norm.running_mean, norm.running_var, norm.weight.data, norm.bias.data):
        values.copy_(torch.rand(channels) + 0.5)
    return norm


TANH = nn.Tanh()
NETS = {  # shape of an input, layers
    "pooled": (
        (1, 6, 6),
        lambda: [
            *(nn.Conv2d(1, 3, 3), nn.GELU(), nn.AvgPool2d(2), nn.Conv2d(3, 4, 2), nn.Tanh()),
            *(nn.Flatten(), nn.Linear(4, 5), nn.Softplus(), nn.Linear(5, 2)),
        ],
    ),
    "strided, padded, grouped, dilated": (
        (2, 5, 5),
        lambda: [
            *(nn.Conv2d(2, 4, 3, stride=2, padding=1, groups=2), nn.SiLU(), nn.ZeroPad2d(1)),
            *(nn.Conv2d(4, 3, 2, dilation=2, padding_mode="circular", padding=1), nn.Sigmoid()),
            *(nn.AdaptiveAvgPool2d((1, 2)), nn.Flatten(), nn.Linear(6, 1, bias=False)),
        ],
    ),
    "signals": (
        (2, 8),
        lambda: [
            *(nn.Conv1d(2, 3, 3), nn.GELU(approximate="tanh"), nn.AvgPool1d(2), nn.Conv1d(3, 3, 2)),
            *(nn.Mish(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(3, 3)),
        ],
    ),
    "fewer units than features": (
        (9,),
        lambda: [nn.Linear(9, 4), nn.ELU(), nn.Linear(4, 5), nn.Softsign(), nn.Linear(5, 2)],
    ),
    "normalised": (
        (8,),
        lambda: [
            *(nn.Unflatten(1, (2, 2, 2)), nn.Conv2d(2, 6, 2), normed(6), nn.Tanh(), nn.Flatten()),
            *(nn.BatchNorm1d(6, affine=False), nn.Linear(6, 3), nn.Identity(), nn.SELU()),
            *(nn.Sequential(nn.Linear(3, 4), nn.Tanh()), nn.Linear(4, 2), nn.Sigmoid()),
        ],
    ),
    "one activation for all": (
        (4,),
        lambda: [nn.Linear(4, 9), TANH, nn.LogSigmoid(), nn.Linear(9, 5), TANH, nn.Linear(5, 1)],
    ),
    "dropped out": (
        (2, 4, 4),
        lambda: [
            *(ConcreteDropoutLayer(2, p=0.3), nn.Conv2d(2, 4, 2), nn.Dropout2d(0.4), nn.GELU()),
            *(nn.Dropout(0.3), nn.AvgPool2d(3), nn.Flatten(), nn.Dropout(0.5), nn.Linear(4, 6)),
            *(nn.CELU(), ConcreteDropoutLayer(6, p=0.3), nn.Linear(6, 2)),
        ],
    ),
    "one hidden layer": ((3,), lambda: [nn.Linear(3, 7), nn.CELU(), nn.Linear(7, 2)]),
    "only an activation": ((3,), lambda: [nn.Tanhshrink()]),
    "linear": ((1, 3, 3), lambda: [nn.Conv2d(1, 2, 2), nn.Flatten(), nn.Linear(8, 2)]),
}


def functions(kind, n_draws=2):
    """Draws as chains, and the same as the module answers them."""
    shape, layers = NETS[kind]
    torch.manual_seed(0)
    module = frozen(nn.Sequential(*layers()).double())
    d = torch.Size(shape).numel()
    c = module(torch.zeros(1, *shape, dtype=torch.float64)).shape[1]
    posterior, plain = (ModulesPosterior([module], shape, c) for _ in range(2))
    assert posterior.steps != [None]
    plain.steps[0] = None
    draws = [p.draw(n_draws, torch.Generator().manual_seed(0)) for p in (posterior, plain)]
    chains, plain = (f.distinct if isinstance(f, Repeated) else f for f in draws)
    plain(torch.zeros(1, d))  # draws the masks
    return chains, plain, d


@pytest.fixture(autouse=True)
def few_points(monkeypatch):
    """Several blocks, and points inside them, even with a few small Jacobians."""
    monkeypatch.setattr(layered, "POINTS", 7)
    monkeypatch.setattr(layered, "FLOATS", 500)


@pytest.mark.parametrize("kind", NETS)
def test_a_chain_is_the_module_with_the_same_masks(kind):
    chains, plain, d = functions(kind)
    x = random_points(9, d)
    assert_close(chains(x), plain(x), 1e-13)
    assert chains(x.float()).dtype == torch.float32


@pytest.mark.parametrize("partition", PARTITIONS.values(), ids=PARTITIONS)
@pytest.mark.parametrize("kind", NETS)
def test_group_means_are_means_of_the_hessians(kind, partition):
    chains, plain, d = functions(kind)
    x, groups = random_points(17, d), partition(17)
    answer = group_mean_hessians(chains, x, groups)
    assert answer.core.dtype == torch.float64
    assert_close(answer.full(), group_means(hessians(plain, x), groups.labels), 1e-12)
    assert answer.full().any() == (kind != "linear")


@pytest.mark.parametrize("which", [slice(None), [4, 0, 2]], ids=["all", "three"])
@pytest.mark.parametrize("kind", NETS)
def test_chosen_pairs_at_every_point(kind, which):
    chains, plain, d = functions(kind)
    x, places = random_points(11, d), range(d * (d - 1) // 2)
    which = [p for p in places if p in which] if isinstance(which, list) else which
    pairs = torch.from_numpy(pair_index(d)[which])
    expected = upper(hessians(plain, x))[..., which]
    assert_close(pointwise_hessians(chains, x, pairs), expected, 1e-12)


def test_other_units_and_outputs():
    chains, plain, d = functions("pooled")
    x, groups = random_points(17, d), random_partition(17, 3)
    scale, readout = torch.rand(d) + 0.5, torch.tensor([[1.0, -1.0, 2.0], [0.5, 1.0, 0.0]])
    units = Units(torch.randn(d), scale, readout)
    chains, plain = in_units(chains, units), in_units(plain, units)
    assert_close(chains(x), plain(x), 1e-13)
    answer = group_mean_hessians(chains, x, groups).full()
    assert_close(answer, autodiff.group_hessian(plain, x, groups).full(), 1e-12)


def test_chains_take_no_autodiff(monkeypatch):
    chains, _, d = functions("dropped out")
    for name in ("group_hessian", "pointwise"):
        monkeypatch.setattr(autodiff, name, None)
    units = Units(torch.zeros(d), torch.ones(d), torch.eye(2))
    x, groups = random_points(5, d), random_partition(5, 2)
    group_mean_hessians(in_units(chains, units), x, groups)
    pointwise_hessians(in_units(chains, units), x, torch.tensor([[0, 1]]))


def test_functions_of_several_kinds_in_one_stack():
    """Of a chain with few units, one with many, and no chain at all."""
    kinds = ("fewer units than features", "normalised", "dropped out")
    narrow, wide, other = (functions(kind)[0].functions[0] for kind in kinds)
    x, groups = random_points(17, 9), random_partition(17, 3)
    inner = replace(wide.maps[0], steps=((lambda x: x[:, 1:], None), *wide.maps[0].steps))
    wide = replace(wide, maps=(inner, *wide.maps[1:]))
    mixed = Separate([narrow, wide, lambda x: other(x.repeat(1, 4)[:, :32])])
    answer = group_mean_hessians(mixed, x, groups).full()
    assert_close(answer, autodiff.group_hessian(mixed, x, groups).full(), 1e-12)


def test_single_precision_and_weights_that_ask_for_gradients():
    _, plain, d = functions("pooled")
    x, groups = random_points(40, d), random_partition(40, 5)
    exact = group_mean_hessians(plain, x, groups).full()
    shape, layers = NETS["pooled"]
    torch.manual_seed(0)
    module = nn.Sequential(*layers())
    single = ModulesPosterior([module], shape, 2).members()
    answer = group_mean_hessians(stack(single.functions), x.float(), groups).full()
    assert answer.dtype == torch.float32
    assert not answer.requires_grad
    assert all(weight.grad is None for weight in module.parameters())
    assert_close(answer, exact[:1], 1e-5)
