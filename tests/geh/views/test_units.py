from functools import partial

import numpy as np
import pytest
import torch

from skgeh.geh.functions import Hybrid, stack
from skgeh.geh.hessians import _autodiff as autodiff
from skgeh.geh.hessians import group_mean_hessians, pointwise_hessians
from skgeh.geh.pairs import pair_index
from skgeh.geh.partition import Partition
from skgeh.geh.score import rank_pairs
from skgeh.geh.units import Units, in_units
from skgeh.geh.views.side_by_side import IndependentPosterior, SideBySide
from skgeh.geh.views.units import InUnits
from skgeh.posteriors.stacking import StackedPosterior, _normal_scores
from tests.oracles import random_mlp, random_points, random_posterior


def test_an_mlp_stays_one():
    mlp, x = random_mlp([4, 6, 3], n_functions=2), random_points(7, 4)
    values = mlp(x)
    found = in_units(mlp, Units.centring(4, 3))
    assert type(found) is type(mlp)
    torch.testing.assert_close(found(x), values - values.mean(-1, keepdim=True))


def test_draws_sum_to_zero_and_differ_by_a_shared_function_only():
    posterior, x = random_posterior([4, 6, 3]), random_points(7, 4)
    plain = posterior.draw(5, torch.Generator().manual_seed(0))(x)
    found = InUnits.centred(posterior).draw(5, torch.Generator().manual_seed(0))
    assert isinstance(found.distinct, Hybrid)
    torch.testing.assert_close(found(x).sum(-1), torch.zeros(5, 7, dtype=x.dtype))
    torch.testing.assert_close(found(x).diff(dim=-1), plain.diff(dim=-1))


def test_any_function_is_centred():
    x = random_points(5, 3)
    found = in_units(lambda x: torch.stack([x, 2 * x]), Units.centring(3, 3))(x)
    torch.testing.assert_close(found[1], 2 * (x - x.mean(1, keepdim=True)))


def test_hessians_are_those_of_centred_logits():
    posterior, x = random_posterior([4, 6, 3]), random_points(20, 4)
    partition = Partition.one_group(20)
    plain = group_mean_hessians(posterior.members(), x, partition).full()
    found = group_mean_hessians(InUnits.centred(posterior).members(), x, partition).full()
    torch.testing.assert_close(found, plain - plain.mean(1, keepdim=True))


def test_functions_side_by_side_are_centred_with_their_hessians():
    x, partition = random_points(20, 3), Partition.from_labels(np.arange(20) % 4)
    functions = (lambda x: x[:, :1] * x[:, 1:2] ** 2, lambda x: 5 * x[:, :1] * x[:, 2:])
    beside = SideBySide([stack([one]) for one in functions])
    together = in_units(beside, Units.centring(3, 2))

    def whole(x):
        values = torch.cat([one(x) for one in functions], dim=1)
        return (values - values.mean(1, keepdim=True))[None]

    torch.testing.assert_close(together(x), whole(x))
    expected = group_mean_hessians(whole, x, partition).full()
    torch.testing.assert_close(group_mean_hessians(together, x, partition).full(), expected)
    pairs = torch.from_numpy(pair_index(3))
    torch.testing.assert_close(
        pointwise_hessians(together, x, pairs), pointwise_hessians(whole, x, pairs)
    )


class Scored:
    """A posterior of one logit whose scores are known."""

    n_features, n_outputs = 3, 1

    def __init__(self, scores):
        self.scores = np.array(scores)

    def pair_scores(self, *given, **options):
        return self.scores


def test_posteriors_with_scores_of_their_own_keep_them():
    x, effect = random_points(60, 3), np.ones(3)
    process = IndependentPosterior([Scored([1.0, 2, 3]), Scored([3.0, 2, 2])])
    found = InUnits.centred(process)
    np.testing.assert_array_equal(rank_pairs(found, x, effect), [2, 2, 2.5])
    np.testing.assert_array_equal(rank_pairs(found, x, effect, target=1), [3, 2, 2])
    networks = random_posterior([3, 6, 2], n_copies=4)
    both = StackedPosterior(process, networks, 0.3)
    for target, own in ((None, np.array([2, 2, 2.5])), (0, np.array([1, 2, 3]))):
        score = rank_pairs(InUnits.centred(both), x, effect, target=target)
        of_networks = rank_pairs(InUnits.centred(networks), x, effect, target=target)
        expected = 0.7 * _normal_scores(own) + 0.3 * _normal_scores(of_networks)
        np.testing.assert_allclose(score, expected)
        plain = rank_pairs(both, x, effect, target=target)
        assert not np.allclose(score, plain)  # networks' logits have to be centred


# Any units


def units_of(d=3, c=2, outputs=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    draw = partial(torch.randn, generator=generator, dtype=torch.float64)
    return Units(draw(d), draw(d).exp(), draw(c, outputs))


def functions():
    """Every kind of function that has two outputs of three features."""
    one = lambda x: torch.stack([x[:, 0] * x[:, 1] ** 2, x.sin().prod(1)], dim=1)  # noqa: E731
    single = stack([lambda x: (x[:, :1] * x[:, 1:2]) ** 2, lambda x: x.prod(1, keepdim=True)])
    mlp = random_mlp([3, 5, 2])
    return {
        "mlp": mlp,
        "hybrid": random_posterior([3, 6, 2]).members(),
        "draws": random_posterior([3, 6, 2]).draw(4, torch.Generator().manual_seed(0)),
        "separate": stack([one, one]),
        "plain": lambda x: one(x)[None],
        "side by side": SideBySide([single, single]),
        "units": in_units(lambda x: one(x)[None], units_of(3, 2, 2, seed=1)),
    }


@pytest.mark.parametrize("kind", functions())
def test_values_and_hessians_are_those_of_the_chain_rule(kind):
    function, units, x = functions()[kind], units_of(), random_points(12, 3).double()
    found = in_units(function, units)
    torch.testing.assert_close(found(x), function(units.centre + units.scale * x) @ units.readout)
    plain = lambda x: function(units.centre + units.scale * x) @ units.readout  # noqa: E731
    partition, pairs = Partition.from_labels(np.arange(12) % 3), torch.from_numpy(pair_index(3))
    i, j = pairs.T
    torch.testing.assert_close(
        group_mean_hessians(found, x, partition).full()[..., i, j],
        autodiff.group_hessian(plain, x, partition).full()[..., i, j],
    )
    torch.testing.assert_close(
        pointwise_hessians(found, x, pairs), autodiff.pointwise(plain, x, pairs)
    )


def test_a_view_that_reads_one_output_has_its_scores():
    process = IndependentPosterior([Scored([1.0, 2, 3]), Scored([3.0, 2, 2])])
    readout = torch.tensor([[0.0], [0.7]])
    second = InUnits.of(process, Units(torch.zeros(3), torch.ones(3), readout))
    x, effect = random_points(9, 3), np.ones(3)
    np.testing.assert_array_equal(rank_pairs(second, x, effect), [3, 2, 2])
    again = InUnits.of(second, Units(torch.zeros(3), torch.ones(3), torch.ones(1, 1)))
    np.testing.assert_array_equal(rank_pairs(again, x, effect), [3, 2, 2])
