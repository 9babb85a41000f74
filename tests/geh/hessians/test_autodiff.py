"""Group means by a shift of each group: any function that torch differentiates twice."""

import pytest
import torch
from torch import nn

from skgeh.geh.hessians import _autodiff as autodiff
from skgeh.geh.hessians import group_mean_hessians, pointwise_hessians
from skgeh.geh.pairs import pair_index
from skgeh.geh.partition import Partition
from tests.oracles import (
    PARTITIONS,
    assert_close,
    group_means,
    hessians,
    network,
    random_mlp,
    random_partition,
    random_points,
    upper,
)


def stack(*functions):
    """K functions of (n, d) with c outputs each, given as K tuples of functions to (n,)."""
    return lambda x: torch.stack([torch.stack([f(x) for f in row], dim=1) for row in functions])


FUNCTIONS = {
    "products": stack([lambda x: 3 * x[:, 0] * x[:, 1]], [lambda x: x.prod(1)]),
    "several outputs": stack(
        [
            lambda x: torch.sin(x[:, 0] * x[:, 2]),
            lambda x: x.square().sum(1),
            lambda x: x[:, 1] ** 3,
        ],
        [lambda x: x[:, 0] * x[:, 1], lambda x: torch.exp(x.mean(1)), lambda x: x[:, 3] * x[:, 0]],
    ),
    "some features": stack([lambda x: x[:, 1] * x[:, 3]]),
    "one feature": stack([lambda x: torch.sin(x[:, 2])]),
    "linear": stack([lambda x: x.sum(1), lambda x: 2 * x[:, 1]]),
    "linear beside curved": stack([lambda x: x[:, 0]], [lambda x: x[:, 0] * x[:, 1]]),
    "constant beside curved": stack([lambda x: torch.ones_like(x[:, 0])], [lambda x: x.prod(1)]),
    "additive": stack([lambda x: torch.tanh(x).sum(1) + x[:, 0] ** 2]),
    "a ratio": stack([lambda x: x[:, 0] / (1 + x[:, 1] ** 2)]),
}


@pytest.mark.parametrize("partition", PARTITIONS.values(), ids=PARTITIONS)
@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_group_means_are_means_of_the_hessians(function, partition):
    x, groups = random_points(17, 4), partition(17)
    answer = group_mean_hessians(function, x, groups)
    expected = group_means(hessians(function, x), groups.labels)
    assert answer.core.dtype == torch.float64
    assert_close(answer.full(), expected, 1e-12)
    assert_close(answer.tile(slice(1, 3), slice(2, 9)), expected[..., 1:3, 2:9], 1e-12)


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_chosen_pairs_at_every_point(function):
    x, pairs = random_points(11, 4), torch.from_numpy(pair_index(4)[[4, 0, 3]])
    expected = upper(hessians(function, x))[..., [4, 0, 3]]
    assert_close(pointwise_hessians(function, x, pairs), expected, 1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_the_closed_form_and_autodiff_agree(seed):
    """Two ways that share no code."""
    mlp, x = random_mlp((5, 7, 6, 2), 2, seed=seed), random_points(30, 5, seed)
    partition = random_partition(30, 6, seed)
    closed = group_mean_hessians(mlp, x, partition).full()
    assert_close(autodiff.group_hessian(mlp, x, partition).full(), closed, 1e-11)
    assert_close(autodiff.group_hessian(network(mlp), x, partition).full(), closed, 1e-11)


def test_the_coefficient_of_a_product():
    x = random_points(50, 3)
    answer = group_mean_hessians(
        lambda x: (3 * x[:, :1] * x[:, 1:2])[None], x, Partition.one_group(50)
    )
    assert answer.full()[0, 0, 0].tolist() == [[0, 3, 0], [3, 0, 0], [0, 0, 0]]


def test_a_product_of_three_has_the_mean_of_the_third():
    x, groups = random_points(50, 3), random_partition(50, 4)
    answer = group_mean_hessians(lambda x: x.prod(1)[None, :, None], x, groups).full()[0, 0]
    assert_close(answer[:, 0, 1], groups.mean(x[:, 2].numpy()), 1e-13)
    assert_close(answer[:, 1, 2], groups.mean(x[:, 0].numpy()), 1e-13)


def test_a_linear_function_has_none():
    x, groups = random_points(20, 3), random_partition(20, 4)
    answer = group_mean_hessians(
        lambda x: (x @ x.new_tensor([[1.0], [2.0], [3.0]]))[None], x, groups
    )
    assert answer.full().shape == (1, 1, 4, 3, 3)
    assert not answer.full().any()


def test_a_constant_has_none():
    """Such as a member of an ensemble that is asked alone, or a target that does not vary."""
    x, groups = random_points(20, 3), random_partition(20, 4)
    answer = group_mean_hessians(lambda x: x.new_ones(1, len(x), 1), x, groups)
    assert answer.full().shape == (1, 1, 4, 3, 3)
    assert not answer.full().any()


MODULES = {
    "linear": lambda: nn.Linear(4, 2),
    "curved": lambda: nn.Sequential(
        nn.Linear(4, 9), nn.GELU(), nn.Linear(9, 5), nn.Tanh(), nn.Linear(5, 2)
    ),
    "normalised": lambda: nn.Sequential(
        nn.LayerNorm(4), nn.Linear(4, 6), nn.SiLU(), nn.Linear(6, 2)
    ),
}


@pytest.mark.parametrize("kind", MODULES)
def test_modules_of_torch(kind):
    """Their parameters ask for gradients; none is left behind on them."""
    torch.manual_seed(0)
    module, x, groups = MODULES[kind]().double(), random_points(17, 4), random_partition(17, 3)
    answer = group_mean_hessians(lambda x: module(x)[None], x, groups).full()
    expected = group_means(hessians(lambda x: module(x)[None], x), groups.labels)
    assert_close(answer, expected, 1e-12)
    assert not answer.requires_grad
    assert all(parameter.grad is None for parameter in module.parameters())


def test_gradients_may_be_switched_off_around_it():
    x = random_points(5, 2)
    with torch.no_grad():
        answer = group_mean_hessians(lambda x: x.prod(1)[None, :, None], x, Partition.one_group(5))
    assert answer.full()[0, 0, 0, 0, 1] == 1


def test_single_precision():
    mlp, x, groups = random_mlp((4, 30, 20, 1), 2), random_points(100, 4), random_partition(100, 5)
    exact = autodiff.group_hessian(network(mlp), x, groups).full()

    def single(x):
        return network(mlp)(x.double()).float()

    answer = autodiff.group_hessian(single, x.float(), groups).full()
    assert answer.dtype == torch.float32
    assert_close(answer, exact, 3e-6)
