"""Every kind of function has every kernel, and a kind that has none is refused by name."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
import torch

from skgeh.geh.functions import Repeated, stack
from skgeh.geh.hessians import _autodiff as autodiff
from skgeh.geh.hessians import group_mean_hessians, pointwise_hessians
from skgeh.geh.pairs import pair_index
from skgeh.geh.partition import Partition
from skgeh.geh.units import FunctionInUnits, Units
from skgeh.geh.views.blocks import Blocks, GroupedFunction
from skgeh.geh.views.differences import DifferencedFunction, Steps
from skgeh.geh.views.side_by_side import SideBySide
from skgeh.process._products import AnovaFunctions, Products
from skgeh.process._smooth_basis import SmoothBasis
from tests.oracles import random_mlp, random_points, random_posterior

D, N = 3, 12
PAIRS = torch.from_numpy(pair_index(D))
STEPS = Steps([1], [0.5], [10.0])


def product(x):
    return (x[:, :1] * x[:, 1:2] ** 2 * x[:, 2:].sin())[None]


def anova():
    X = np.random.default_rng(0).normal(size=(80, D))
    main = Products.main_effects([SmoothBasis.fit(x, 4, np.ones(80)) for x in X.T])
    products = main.with_pairs(np.arange(3), 3)
    weights = np.random.default_rng(1).normal(size=(2, len(products)))
    return AnovaFunctions(products, weights, np.array([0.5, -1.0]))


def functions():
    mlp = random_mlp([D, 5, 2], n_functions=2)
    units = Units(torch.zeros(D), torch.ones(D) * 2, torch.eye(1))
    return {
        "mlp": mlp,
        "hybrid": random_posterior([D, 5, 2]).members(),
        "repeated": Repeated(mlp, torch.tensor([0, 1, 0])),
        "separate": stack([lambda x: product(x)[0]]),
        "function": product,
        "partial": partial(product),
        "module": torch.nn.Sequential(torch.nn.Unflatten(0, (1, -1)), torch.nn.Linear(D, 1)),
        "units": FunctionInUnits(product, units),
        "side by side": SideBySide([product, product]),
        "anova": anova(),
        "grouped": GroupedFunction(mlp, Blocks([np.array([j]) for j in range(D)], [np.eye(1)] * D)),
        "differenced": DifferencedFunction(mlp, STEPS),
    }


@pytest.mark.parametrize("kind", functions())
def test_means_over_groups_are_those_of_the_points(kind):
    function, x = functions()[kind], random_points(N, D)
    if kind == "module":
        function, x = function.to(x), x.unsqueeze(0)[0]
        function = torch.nn.Sequential(function, torch.nn.Tanh())
    partition = Partition.from_labels(np.arange(N) % 3)
    groups = group_mean_hessians(function, x, partition).full()
    i, j = PAIRS.T
    points = pointwise_hessians(function, x, PAIRS)
    members = torch.nn.functional.one_hot(torch.from_numpy(partition.labels)).to(points)
    means = torch.einsum("kcnq,nm->kcmq", points, members / members.sum(0))
    torch.testing.assert_close(groups[..., i, j], means, rtol=1e-4, atol=1e-5)
    assert groups.abs().max() > 0


def test_an_additive_basis_is_differentiated_exactly():
    function, x, step = anova(), random_points(N, D).double(), 1e-4
    found = pointwise_hessians(function, x, PAIRS)
    for place, (i, j) in enumerate(PAIRS.tolist()):
        ends = [
            function(x + step * (a * torch.eye(D)[i] + b * torch.eye(D)[j]))
            for a, b in ((1, 1), (1, -1), (-1, 1), (-1, -1))
        ]
        slow = (ends[0] - ends[1] - ends[2] + ends[3]) / (4 * step**2)
        torch.testing.assert_close(found[..., place], slow.mT, rtol=1e-3, atol=1e-4)


@dataclass
class Tabulated:
    """A function that knows nothing of torch."""

    def __call__(self, x):
        return torch.from_numpy(np.sin(x.numpy()).prod(1)[None, :, None])


@pytest.mark.parametrize(
    ("generic", "argument"),
    [
        (group_mean_hessians, Partition.one_group(N)),
        (pointwise_hessians, PAIRS),
    ],
    ids=["group_mean_hessians", "pointwise_hessians"],
)
def test_a_kind_without_a_kernel_is_refused_by_name(generic, argument):
    with pytest.raises(TypeError, match=rf"{generic.__name__} has no kernel for a Tabulated"):
        generic(Tabulated(), random_points(N, D), argument)
    inside = Repeated(Tabulated(), torch.tensor([0]))
    with pytest.raises(TypeError, match="no kernel for a Tabulated"):
        generic(inside, random_points(N, D), argument)


def test_a_callable_object_can_be_wrapped():
    class Product:
        def __call__(self, x):
            return x[:, :1] * x[:, 1:2]

    x = random_points(N, D)
    found = group_mean_hessians(stack([Product()]), x, Partition.one_group(N)).full()
    expected = autodiff.group_hessian(stack([Product()]), x, Partition.one_group(N)).full()
    torch.testing.assert_close(found, expected)
