import torch

from skgeh.functions import Hybrid
from skgeh.hessian import group_mean_hessians
from skgeh.networks.centred import CentredPosterior, centred
from skgeh.partition import Partition
from tests.oracles import random_mlp, random_points, random_posterior


def test_an_mlp_stays_one():
    mlp, x = random_mlp([4, 6, 3], n_functions=2), random_points(7, 4)
    values = mlp(x)
    found = centred(mlp)
    assert type(found) is type(mlp)
    torch.testing.assert_close(found(x), values - values.mean(-1, keepdim=True))


def test_draws_sum_to_zero_and_differ_by_a_shared_function_only():
    posterior, x = random_posterior([4, 6, 3]), random_points(7, 4)
    plain = posterior.draw(5, torch.Generator().manual_seed(0))(x)
    found = CentredPosterior(posterior).draw(5, torch.Generator().manual_seed(0))
    assert isinstance(found.distinct, Hybrid)
    torch.testing.assert_close(found(x).sum(-1), torch.zeros(5, 7, dtype=x.dtype))
    torch.testing.assert_close(found(x).diff(dim=-1), plain.diff(dim=-1))


def test_any_function_is_centred():
    x = random_points(5, 3)
    found = centred(lambda x: torch.stack([x, 2 * x]))(x)
    torch.testing.assert_close(found[1], 2 * (x - x.mean(1, keepdim=True)))


def test_hessians_are_those_of_centred_logits():
    posterior, x = random_posterior([4, 6, 3]), random_points(20, 4)
    partition = Partition.one_group(20)
    plain = group_mean_hessians(posterior.members(), x, partition).full()
    found = group_mean_hessians(CentredPosterior(posterior).members(), x, partition).full()
    torch.testing.assert_close(found, plain - plain.mean(1, keepdim=True))
