from itertools import combinations, pairwise

import numpy as np
import pytest

from skgeh.geh.partition import Partition
from tests.oracles import PARTITIONS, assert_close, group_means


@pytest.mark.parametrize("shape", [(), (1,), (4,), (3, 2)])
@pytest.mark.parametrize("partition", PARTITIONS.values(), ids=PARTITIONS)
def test_means_are_those_of_a_loop(partition, shape):
    groups = partition(30)
    values = np.random.default_rng(0).normal(size=(30, *shape))
    means = groups.mean(values)
    assert means.shape == (groups.n_groups, *shape)
    assert_close(means, group_means(values, groups.labels, axis=0), 1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_means_keep_the_precision_of_the_values(dtype):
    values = np.ones((30, 2), dtype)
    assert PARTITIONS["a few uneven groups"](30).mean(values).dtype == dtype


def test_means_of_whole_numbers_are_not_cut():
    assert Partition.one_group(2).mean(np.array([1, 2])).tolist() == [1.5]


def test_means_of_an_array_in_another_order_in_memory():
    values = np.random.default_rng(0).normal(size=(3, 30)).T
    groups = PARTITIONS["many uneven groups"](30)
    assert_close(groups.mean(values), group_means(values, groups.labels, axis=0), 1e-13)


@pytest.mark.parametrize("partition", PARTITIONS.values(), ids=PARTITIONS)
def test_weights_are_shares_of_the_points(partition):
    groups = partition(30)
    assert len(groups) == 30
    assert groups.n_groups == len(set(groups.labels)) == len(groups.weights)
    assert groups.counts.tolist() == [list(groups.labels).count(m) for m in range(groups.n_groups)]
    assert groups.weights.sum() == pytest.approx(1, abs=1e-15)
    assert (groups.weights * 30).tolist() == pytest.approx(groups.counts.tolist(), abs=1e-12)


def test_one_group_and_singletons():
    assert Partition.one_group(4).labels.tolist() == [0, 0, 0, 0]
    assert Partition.singletons(4).labels.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("labels", "numbers"),
    [
        (["b", "a", "b"], [1, 0, 1]),
        (np.array(["b", "a", "b"], dtype=object), [1, 0, 1]),
        ([10, -3, 7, 10], [2, 0, 1, 2]),
        ([0.5, 0.5, 0.25], [1, 1, 0]),
        ([True, False], [1, 0]),
        (range(5, 8), [0, 1, 2]),
    ],
)
def test_any_labels_are_numbered_in_sorted_order(labels, numbers):
    groups = Partition.from_labels(labels)
    assert groups.labels.tolist() == numbers
    assert groups.labels.dtype == np.intp


# k-means


@pytest.fixture
def points():
    return np.random.default_rng(0).normal(size=(60, 3))


@pytest.mark.parametrize("n_groups", [1, 2, 7, 59, 60])
def test_kmeans_makes_as_many_groups_as_asked_for(points, n_groups):
    groups = Partition.kmeans(points, n_groups)
    assert groups.n_groups == n_groups
    assert groups.counts.min() > 0


def test_more_groups_than_points_are_singletons(points):
    groups = Partition.kmeans(points, 100)
    assert groups.n_groups == len(groups) == 60


@pytest.mark.parametrize("n_groups", [2, 4, 5, 6, 30, 60, 100])
def test_equal_points_share_a_group(points, n_groups):
    """There are five distinct points: no more groups, and no warning."""
    X = points[np.arange(60) % 5]
    groups = Partition.kmeans(X, n_groups)
    assert groups.n_groups == min(n_groups, 5)
    assert all(len(set(groups.labels[place::5])) == 1 for place in range(5))


def test_points_that_are_all_the_same_are_one_group():
    assert Partition.kmeans(np.ones((20, 3)), 8).n_groups == 1


@pytest.mark.parametrize("spread", [1e-7, 1e-9, 1e-13])
def test_points_that_are_almost_the_same(points, spread):
    """Whatever the number of groups, k-means may not warn, and none may be empty."""
    X = points[np.arange(60) % 5] + spread * np.random.default_rng(1).normal(size=(60, 3))
    groups = Partition.kmeans(X, 30)
    assert 5 <= groups.n_groups <= 30
    assert groups.counts.min() > 0


@pytest.mark.parametrize("seed", range(5))
def test_well_separated_clusters_are_found(points, seed):
    clusters = np.arange(60) % 3
    groups = Partition.kmeans(points + 100 * clusters[:, None], 3, seed)
    assert all(len(set(groups.labels[clusters == c])) == 1 for c in range(3))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_seed_decides(points, dtype):
    X = points.astype(dtype)
    labels = [Partition.kmeans(X, 10, seed).labels.tolist() for seed in (3, 3, 4)]
    assert labels[0] == labels[1]
    assert labels[0] != labels[2]


# Nested clusters


def test_each_nested_partition_splits_one_group_of_the_one_before(points):
    partitions = Partition.nested(points, 60)
    assert [groups.n_groups for groups in partitions] == list(range(1, 61))
    for coarse, fine in pairwise(partitions):
        assert len(set(zip(coarse.labels, fine.labels, strict=True))) == fine.n_groups


def test_nested_splits_lose_least_squares(points):
    """Each merge adds the least to the squares within groups, from a loop over all merges."""

    def squares(*labels):
        rows = points[np.isin(fine.labels, labels)]
        return np.square(rows - rows.mean(0)).sum()

    for coarse, fine in pairwise(Partition.nested(points, 8)[1:]):
        pairs = list(combinations(range(fine.n_groups), 2))
        costs = [squares(a, b) - squares(a) - squares(b) for a, b in pairs]
        a, b = pairs[int(np.argmin(costs))]
        assert len(set(coarse.labels[np.isin(fine.labels, [a, b])])) == 1


def test_nested_groups_of_equal_points(points):
    X = points[np.arange(60) % 5]
    partitions = Partition.nested(X, 30)
    assert [groups.n_groups for groups in partitions] == [1, 2, 3, 4, *[5] * 26]
    assert all(len(set(partitions[-1].labels[place::5])) == 1 for place in range(5))
    assert {groups.n_groups for groups in Partition.nested(np.ones((20, 3)), 8)} == {1}
    assert [groups.n_groups for groups in Partition.nested([[3.0]], 1)] == [1]


def test_lists_are_points_too():
    assert Partition.kmeans([[0.0], [0.1], [5.0]], 2).counts.tolist() in ([1, 2], [2, 1])
