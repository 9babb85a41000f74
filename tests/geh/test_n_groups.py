from dataclasses import replace

import numpy as np
import pytest
import torch

from skgeh.geh import n_groups as groups
from skgeh.geh import score as ranking
from skgeh.geh.effect import rank_weighted_distance
from skgeh.geh.hessians import group_mean_hessians, pointwise_hessians
from skgeh.geh.n_groups import _group_curve, _mean_function_hessians, find_n_groups
from skgeh.geh.pairs import pair_index, to_vector
from skgeh.geh.partition import Partition
from tests.oracles import (
    Finite,
    assert_close,
    geh,
    hessians,
    random_mlp,
    random_partition,
    random_points,
    random_posterior,
    upper,
)


@pytest.fixture(autouse=True)
def _few_groups(monkeypatch):
    monkeypatch.setattr(groups, "_MAX_GROUPS", 12)
    monkeypatch.setattr(groups, "_MIN_GROUPS", 1)


def one_function(function, n_features):
    return Finite([lambda x: function(*x.T)[:, None]], n_features, 1)


# The curve


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_effects_of_all_partitions_are_those_of_each(n_outputs):
    """Sums of Hessians that were computed once, against the closed form for each partition."""
    mlp, x = random_mlp((4, 6, 5, n_outputs)), random_points(40, 4)
    each = pointwise_hessians(mlp, x, torch.from_numpy(pair_index(4)))[0].numpy()
    partitions = [Partition.one_group(40), Partition.singletons(40)]
    partitions += [random_partition(40, m, seed=m) for m in (2, 5, 17)]
    curve = _group_curve(each, partitions)
    assert curve.shape == (5, 6)
    for effect, partition in zip(curve, partitions, strict=True):
        means = to_vector(group_mean_hessians(mlp, x, partition).full().numpy())[0]
        expected = [
            sum(w * abs(m) for w, m in zip(partition.weights, of_output, strict=True))
            for of_output in means
        ]
        assert_close(effect, np.mean(expected, axis=0), 1e-12)


@pytest.mark.parametrize("target", [None, 0, 1])
def test_the_mean_function_is_the_mean_of_signed_hessians(target):
    posterior, x = random_posterior((4, 6, 5, 2), 3), random_points(20, 4)
    expected = upper(hessians(posterior.members(), x)).mean(0)
    answer = _mean_function_hessians(posterior, x, target)
    assert_close(answer, expected if target is None else expected[[target]], 1e-9)


def test_only_leading_pairs_are_measured_where_there_are_many(monkeypatch):
    monkeypatch.setattr(ranking, "_MANY_PAIRS", 5)
    monkeypatch.setattr(ranking, "_LEADING_PAIRS", 4)
    posterior, x = random_posterior((4, 6, 5, 1), 3), random_points(20, 4)
    assert _mean_function_hessians(posterior, x, None).shape == (1, 20, 4)


def test_distances_are_those_of_neighbouring_numbers_of_groups():
    """Of nested clusters, from loops."""
    posterior, x = random_posterior((4, 6, 5, 1), 2), random_points(40, 4)
    _, distances = find_n_groups(posterior, x)
    each = hessians(posterior.members(), x)[:, 0].mean(0)
    effects = [geh(each, groups.labels) for groups in Partition.nested(x.numpy(), 12)]
    expected = [rank_weighted_distance(effects[m + 1], effects[m]) for m in range(11)]
    assert_close(distances, [expected], 1e-7)


@pytest.mark.parametrize(("n_points", "longest"), [(40, 11), (12, 11), (7, 6), (2, 1), (1, 0)])
def test_the_curve_ends_where_points_or_patience_do(n_points, longest):
    posterior, x = random_posterior((4, 6, 1), 2), random_points(n_points, 4)
    n_groups, distances = find_n_groups(posterior, x)
    assert distances.shape == (1, longest)
    assert 1 <= n_groups <= longest + 1


# The number of groups


def test_nothing_is_drawn():
    """Mean functions are measured, so the answer is the same each time, whatever the draws."""
    posterior, x = random_posterior((4, 6, 5, 1), 2), random_points(60, 4)
    (m, distances), again = (find_n_groups(posterior, x) for _ in range(2))
    assert m == again[0]
    assert np.array_equal(distances, again[1])
    steady = replace(posterior, probabilities=tuple(0 * p for p in posterior.probabilities))
    assert np.array_equal(distances, find_n_groups(steady, x)[1])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "function",
    [
        lambda a, b, c, d: a * b,
        lambda a, b, c, d: 3 * a * b - b * c + 0.5 * a * d,
        lambda a, b, c, d: a * b + c * d,  # only roundings tell the two effects apart
        lambda a, b, c, d: torch.sin(a) + b**2 + c,
    ],
)
def test_interactions_that_are_the_same_everywhere_need_one_group(function, seed):
    x = random_points(150, 4, seed)
    assert find_n_groups(one_function(function, 4), x)[0] == 1


CENTRES = [[3, 3, 1], [3, -3, 0], [-3, 3, 0], [-3, -3, -1], [0, 0, 4]]


def by_region(a, b, c):
    """Hessians that differ between the five regions below and hardly inside of them."""
    s, t = torch.tanh(2 * a), torch.tanh(2 * b)
    return a * b * c + s * c + 0.5 * s * t * c * a + 0.3 * a * b


@pytest.mark.parametrize("seed", range(0, 50, 5))
def test_about_as_many_groups_as_regions_wherever_the_points_are(seed):
    centres = torch.tensor(CENTRES, dtype=torch.float64).repeat(20, 1)
    x = centres + 0.2 * random_points(100, 3, seed)
    n_groups, _ = find_n_groups(one_function(by_region, 3), x)
    assert 3 <= n_groups <= 6


def test_the_target_is_the_output_that_is_measured():
    """One output has the same interactions everywhere, the other has not."""
    both = Finite([lambda x: torch.stack([x[:, 0] * x[:, 1], by_region(*x.T)], dim=1)], 3, 2)
    x = 2 * random_points(60, 3)
    answers = [find_n_groups(both, x, target=target)[0] for target in (0, 1)]
    assert answers == [1, find_n_groups(one_function(by_region, 3), x)[0]]
    assert answers[1] > 1


@pytest.mark.parametrize(("n_points", "expected"), [(60, 8), (5, 5)])
def test_never_fewer_than_eight_groups_where_there_are_as_many_points(
    monkeypatch, n_points, expected
):
    monkeypatch.undo()
    product = one_function(lambda a, b: a * b, 2)
    assert find_n_groups(product, random_points(n_points, 2))[0] == expected
