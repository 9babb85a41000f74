from itertools import pairwise

import numpy as np
import pytest
import torch

from skgeh.geh.effect import choose_n_groups, group_expected_hessian, rank_weighted_distance
from skgeh.geh.functions import MLP
from skgeh.geh.hessians import group_mean_hessians, pointwise_hessians
from skgeh.geh.pairs import pair_index, to_matrix, to_vector
from skgeh.geh.partition import Partition
from tests.oracles import PARTITIONS, assert_close, geh, random_mlp, random_partition, random_points

SEEDS = range(20)


def effect(mlp, x, partition):
    """M-GEH of every function and output, (K, c, P)."""
    means = to_vector(group_mean_hessians(mlp, x, partition).full().numpy())
    return group_expected_hessian(means, partition.weights)


# Eq. 6


@pytest.mark.parametrize("partition", PARTITIONS.values(), ids=PARTITIONS)
def test_the_formula_is_that_of_a_loop(partition):
    mlp, x, groups = random_mlp((4, 6, 5, 2), 2), random_points(24, 4), partition(24)
    pairs = torch.from_numpy(pair_index(4))
    each = to_matrix(pointwise_hessians(mlp, x, pairs).numpy(), 4)
    expected = [[geh(h, groups.labels) for h in outputs] for outputs in each]
    assert_close(effect(mlp, x, groups), expected, 1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_finer_groups_never_make_an_effect_smaller(seed):
    """AEH <= GEH <= EAH, and GEH grows with every split of a group: signs cancel inside groups."""
    mlp, x = random_mlp((4, 7, 5, 1), seed=seed), random_points(40, 4, seed)
    fine = random_partition(40, 16, seed).labels
    nested = [Partition.from_labels(fine // size) for size in (8, 4, 2, 1)]
    chain = [Partition.one_group(40), *nested, Partition.singletons(40)]
    effects = [effect(mlp, x, partition)[0, 0] for partition in chain]
    for coarse, finer in pairwise(effects):
        assert (coarse <= finer * (1 + 1e-12)).all()
    assert (effects[0] < effects[-1]).any()


@pytest.mark.parametrize("seed", SEEDS)
def test_kmeans_groups_lie_between_the_extremes(seed):
    mlp, x = random_mlp((4, 7, 5, 1), seed=seed), random_points(40, 4, seed)
    low, high = (effect(mlp, x, kind(40)) for kind in (Partition.one_group, Partition.singletons))
    for n_groups in (2, 5, 11, 20):
        middle = effect(mlp, x, Partition.kmeans(x.numpy(), n_groups, seed))
        assert (low <= middle * (1 + 1e-12)).all()
        assert (middle <= high * (1 + 1e-12)).all()


@pytest.mark.parametrize("seed", range(5))
def test_one_group_is_the_absolute_expected_hessian(seed):
    mlp, x = random_mlp((4, 7, 5, 1), seed=seed), random_points(40, 4, seed)
    hessians = pointwise_hessians(mlp, x, torch.from_numpy(pair_index(4))).numpy()
    assert_close(effect(mlp, x, Partition.one_group(40)), abs(hessians.mean(2)), 1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_singletons_are_the_expected_absolute_hessian(seed):
    mlp, x = random_mlp((4, 7, 5, 1), seed=seed), random_points(40, 4, seed)
    hessians = pointwise_hessians(mlp, x, torch.from_numpy(pair_index(4))).numpy()
    assert_close(effect(mlp, x, Partition.singletons(40)), abs(hessians).mean(2), 1e-12)


@pytest.mark.parametrize("partition", PARTITIONS.values(), ids=PARTITIONS)
def test_a_product_has_its_coefficient_whatever_the_groups(partition):
    x, groups = random_points(30, 3), partition(30)
    hessian = group_mean_hessians(lambda x: (-3 * x[:, :1] * x[:, 2:])[None], x, groups).full()
    answer = group_expected_hessian(to_vector(hessian.numpy()), groups.weights)
    assert_close(answer, [[[0, 3, 0]]], 1e-14)


def test_single_precision_stays_single():
    means = np.ones((4, 2, 3), np.float32)
    assert group_expected_hessian(means, np.array([0.25, 0.75])).dtype == np.float32


# Invariances


@pytest.mark.parametrize("seed", SEEDS)
def test_the_order_of_rows_does_not_matter(seed):
    mlp, x, groups = (
        random_mlp((4, 7, 5, 1), seed=seed),
        random_points(40, 4),
        random_partition(40, 6),
    )
    order = np.random.default_rng(seed).permutation(40)
    moved = effect(mlp, x[order], Partition(groups.labels[order]))
    assert_close(moved, effect(mlp, x, groups), 1e-13)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_order_of_features_does_not_matter(seed):
    """Features renumbered in the data and in the function: the same effects, renumbered."""
    mlp, x, groups = (
        random_mlp((5, 7, 5, 1), seed=seed),
        random_points(40, 5),
        random_partition(40, 6),
    )
    order = np.random.default_rng(seed).permutation(5)
    moved = MLP((mlp.weights[0][:, order], *mlp.weights[1:]), mlp.biases, mlp.activation)
    expected = to_matrix(effect(mlp, x, groups), 5)[..., order, :][..., order]
    assert_close(to_matrix(effect(moved, x[:, order], groups), 5), expected, 1e-13)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_units_of_features_divide_an_effect(seed):
    """``f(x / s)`` at ``s x`` has the Hessian of f, divided by ``s_i s_j``."""
    mlp, x, groups = (
        random_mlp((4, 7, 5, 1), seed=seed),
        random_points(40, 4),
        random_partition(40, 6),
    )
    s = torch.from_numpy(np.random.default_rng(seed).uniform(0.1, 10, 4))
    rescaled = MLP((mlp.weights[0] / s[:, None], *mlp.weights[1:]), mlp.biases, mlp.activation)
    expected = effect(mlp, x, groups) / to_vector(torch.outer(s, s).numpy())
    np.testing.assert_allclose(effect(rescaled, x * s, groups), expected, rtol=1e-10)


@pytest.mark.parametrize("factor", [-2.0, 0.5, 0.0])
def test_the_unit_of_the_target_multiplies_an_effect(factor):
    mlp, x, groups = random_mlp((4, 7, 5, 1)), random_points(40, 4), random_partition(40, 6)
    scaled = MLP((*mlp.weights[:-1], factor * mlp.weights[-1]), mlp.biases, mlp.activation)
    assert_close(effect(scaled, x, groups), abs(factor) * effect(mlp, x, groups), 1e-13)


# Eq. 7


def distance_by_hand(effect, previous):
    total, n = 0.0, len(effect)
    for i in range(n):
        share, share_before = effect[i] / sum(effect), previous[i] / sum(previous)
        rank = sum(other < effect[i] for other in effect) / n
        rank_before = sum(other < previous[i] for other in previous) / n
        total += (share - share_before) ** 2 * (rank - rank_before) ** 2
    return total


@pytest.mark.parametrize("seed", SEEDS)
def test_the_distance_is_that_of_a_loop(seed):
    effect, previous = np.random.default_rng(seed).gamma(1.0, size=(2, 15))
    assert rank_weighted_distance(effect, previous) == pytest.approx(
        distance_by_hand(effect, previous)
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_there_is_no_distance_while_the_order_stays(seed):
    rng = np.random.default_rng(seed)
    order = rng.permutation(15)
    effect, previous = np.sort(rng.gamma(1.0, size=(2, 15)), axis=1)[:, order]
    assert rank_weighted_distance(effect, previous) == 0


@pytest.mark.parametrize("seed", range(5))
def test_the_unit_of_effects_and_the_direction_do_not_change_the_distance(seed):
    effect, previous = np.random.default_rng(seed).gamma(1.0, size=(2, 15))
    distance = rank_weighted_distance(effect, previous)
    assert rank_weighted_distance(1e-3 * effect, 50 * previous) == pytest.approx(distance)
    assert rank_weighted_distance(previous, effect) == pytest.approx(distance)


def test_no_effects_at_all_have_no_distance():
    assert rank_weighted_distance(np.zeros(3), np.zeros(3)) == 0


# The number of groups


@pytest.mark.parametrize(
    ("curve", "n_groups"),
    [
        ([5, 0, 0, 0, 0, 0], 3),  # settled at once
        ([5, 0.04, 0.03, 0.02, 0.0], 3),  # less than 2 % is left
        ([5, 0.04, 0.04, 0.04, 0.0], 4),  # more, but not one step later
        ([5, 0, 0, 5, 0, 0, 5, 0, 0], 9),  # calm for a while is not settled
        ([0, 0, 0, 5, 0], 6),
        ([5, 0, 0, 0, 0, 1], 7),
        ([5, 4, 3, 2, 1], 6),  # never
        ([5], 2),
        ([5, 0], 3),
        ([0, 0, 0, 0], 1),
        ([0], 1),
    ],
)
def test_the_curve_decides(curve, n_groups):
    assert choose_n_groups(np.array([curve], dtype=float)) == n_groups


@pytest.mark.parametrize("seed", SEEDS)
def test_at_most_two_percent_of_the_curve_is_left(seed):
    """From M on, and from no smaller number of groups on."""
    curve = np.random.default_rng(seed).gamma(0.3, size=29) * 0.7 ** np.arange(29)
    m = choose_n_groups(curve[None])
    assert sum(curve[m - 2 :]) <= 0.02 * sum(curve) < sum(curve[m - 3 :])


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e10])
def test_only_the_shape_of_the_curve_counts(scale):
    assert choose_n_groups(scale * np.array([[5, 2, 0.01, 0, 0.02, 0]])) == 4


def test_what_is_negligible_does_not_count():
    assert choose_n_groups(1e-8 * np.array([[5, 2, 0.01, 0, 0.02, 0]])) == 1
    assert choose_n_groups(np.array([[3e-5, 0, 0, 0, 9e-7, 0]])) == 3


def test_a_spike_under_one_seed_of_five_is_noise():
    curves = np.tile([5.0, 1.0, 0, 0, 0, 0, 0, 0], (5, 1))
    curves[2, 3] = curves[4, 6] = 100
    assert choose_n_groups(curves) == 4


def test_a_spike_under_most_seeds_is_not():
    curves = np.tile([5.0, 1.0, 0, 0, 0, 0, 0, 0], (5, 1))
    curves[:3, 3] = 5
    assert choose_n_groups(curves) == 6
