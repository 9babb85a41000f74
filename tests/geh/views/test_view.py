"""Questions that go through a view of a posterior, against the same questions without it."""

import numpy as np
import pytest
import torch

from skgeh.geh.hessians import group_mean_hessians, pointwise_hessians
from skgeh.geh.n_groups import _mean_function_hessians, find_n_groups
from skgeh.geh.pairs import pair_index
from skgeh.geh.partition import Partition
from skgeh.geh.views._view import PosteriorView
from skgeh.geh.views.blocks import Blocks, GroupedPosterior
from skgeh.geh.views.differences import DifferencedPosterior, Steps
from tests.oracles import Finite, random_mlp, random_points, random_posterior


class Doubled(PosteriorView):
    """Twice the functions."""

    def view(self, function):
        return lambda x: 2 * function(x)


def test_a_view_is_a_random_function():
    posterior, x = random_posterior([4, 6, 2]), random_points(5, 4)
    view = Doubled(posterior)
    assert (view.n_features, view.n_outputs, view.n_functions) == (4, 2, None)
    torch.testing.assert_close(view.members()(x), 2 * posterior.members()(x))
    draws = [one.draw(3, torch.Generator().manual_seed(0), 1)(x) for one in (view, posterior)]
    torch.testing.assert_close(draws[0], 2 * draws[1])
    assert Doubled(Finite([lambda x: x[:, :1]], 4, 1)).n_functions == 1


def test_blocks_at_points_are_norms_of_the_columns_hessians():
    """Groups {0}, {1, 2}, {3}: pairs of groups, not of columns."""
    x, mlp = random_points(9, 4), random_mlp([4, 5, 2])
    blocks = Blocks.of([[0], [1, 2], [3]], x.numpy())
    view = GroupedPosterior(Finite([], 4, 2), blocks).view(mlp)
    found = pointwise_hessians(view, x, torch.from_numpy(pair_index(3)))
    whole = group_mean_hessians(mlp, x, Partition.singletons(9)).full()
    root = torch.from_numpy(blocks.roots[1])
    first = (whole[..., 0, 1:3] @ root.to(whole)).norm(dim=-1)
    last = (root.to(whole) @ whole[..., 1:3, 3:])[..., 0].norm(dim=-1)
    torch.testing.assert_close(found[..., 0], first)
    torch.testing.assert_close(found[..., 1], whole[..., 0, 3])
    torch.testing.assert_close(found[..., 2], last)


def test_the_number_of_groups_of_blocks_is_refused():
    x = random_points(40, 4)
    blocks = Blocks.of([[0], [1, 2], [3]], x.numpy())
    with pytest.raises(TypeError, match=r"single columns; got a GroupedPosterior"):
        find_n_groups(GroupedPosterior(random_posterior([4, 5, 1]), blocks), x)


def test_differences_at_points_are_those_of_the_function():
    """A step of one along the first feature: f_j(1, g) - f_j(0, g)."""
    x = random_points(9, 3)
    x[:, 0] = torch.arange(9) % 2
    steps = Steps([0], [1.0], [1.0])

    def function(x):
        return (x[:, :1].exp() * x[:, 1:2] ** 2 + x[:, 1:2] * x[:, 2:] ** 2)[None]

    view = DifferencedPosterior(Finite([], 3, 1), steps).view(function)
    found = pointwise_hessians(view, x, torch.from_numpy(pair_index(3)))[0, 0]
    step = torch.e - 1
    torch.testing.assert_close(found[:, 0], 2 * x[:, 1] * step, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(found[:, 1], torch.zeros(9).to(x), rtol=0, atol=1e-3)
    torch.testing.assert_close(found[:, 2], 2 * x[:, 2], rtol=1e-3, atol=1e-3)


def test_the_curve_of_groups_is_that_of_the_differences():
    """The slope of sin(2 pi a) b is far from 0, its difference over one unit is 0."""
    rng = np.random.default_rng(0)
    x = torch.from_numpy(np.column_stack([rng.integers(0, 4, 120), rng.normal(size=(120, 2))]))

    def wave(x):
        return (2 * torch.pi * x[:, :1]).sin() * x[:, 1:2] + x[:, 1:2] * x[:, 2:] ** 2

    posterior = Finite([wave], 3, 1)
    stepped = DifferencedPosterior(posterior, Steps([0], [1.0], [3.0]))
    plain, found = (_mean_function_hessians(one, x, None)[0] for one in (posterior, stepped))
    np.testing.assert_allclose(plain[:, 0], 2 * np.pi, rtol=1e-6)
    np.testing.assert_allclose(found[:, 0], 0, atol=1e-6)
    np.testing.assert_allclose(found[:, 2], plain[:, 2])
    n_groups, distances = find_n_groups(stepped, x)
    assert n_groups >= 8 and distances.shape == (1, 29)
