import numpy as np
import pytest
import torch

from skgeh.geh import score as ranking
from skgeh.geh.hessians import pointwise_hessians
from skgeh.geh.pairs import n_pairs, pair_index
from skgeh.geh.partition import Partition
from skgeh.geh.score import (
    _detection_score,
    _leading_pairs,
    _pair_cells,
    _pooled_spread,
    rank_pairs,
)
from tests.oracles import Finite, assert_close, geh, hessians, random_points, random_posterior


def place(i, j, d):
    """Where a pair stands in lexicographic order."""
    return pair_index(d).tolist().index([i, j])


def noise(n_networks, n_points, d, seed=0):
    """Hessians of networks that agree on nothing: no interaction anywhere."""
    rng = np.random.default_rng(seed)
    of_network = rng.normal(size=(n_networks, 1, n_pairs(d)))
    return of_network + 0.3 * rng.normal(size=(n_networks, n_points, n_pairs(d)))


def side(values):
    return np.where(values > np.median(values), 1.0, -1.0)


def table(n=240, d=5, seed=0):
    return np.random.default_rng(100 + seed).normal(size=(n, d))


# The score, from constructed Hessians


def score_by_hand(hessians, X, seed):
    """Cells by cells, with the least-squares fit of all pairs solved by its normal equations."""
    n, d = X.shape
    clusters, pairs = Partition.kmeans(X, 8, seed).labels, pair_index(d).tolist()
    numerators, variances = [], []
    for p, (i, j) in enumerate(pairs):
        cells = list(
            zip(clusters, X[:, i] > np.median(X[:, i]), X[:, j] > np.median(X[:, j]), strict=True)
        )
        numerator = variance = 0.0
        for cell in set(cells):
            inside = [point for point in range(n) if cells[point] == cell]
            means = [h[inside, p].mean() for h in hessians]
            numerator += len(inside) / n * abs(sum(means) / len(means))
            variance += len(inside) / n * np.var(means, ddof=1)
        numerators.append(numerator)
        variances.append(variance)
    logs = np.log(np.maximum(variances, 1e-3 * np.median(variances)))
    total = logs.sum() / (d - 1)
    u = [
        (sum(log for log, pair in zip(logs, pairs, strict=True) if k in pair) - total) / (d - 2)
        for k in range(d)
    ]
    return [
        numerator / np.exp((u[i] + u[j]) / 2)
        for numerator, (i, j) in zip(numerators, pairs, strict=True)
    ]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("n_networks", [2, 5])
def test_the_score_is_that_of_a_loop(n_networks, seed):
    X, hessians = table(seed=seed), noise(n_networks, 240, 5, seed)
    hessians[:, :, 3] += X[:, 1] * X[:, 2]
    hessians[:, :, 8] *= 1e-4  # its variance stops at the floor
    score = _detection_score(hessians, X, pair_index(5), seed)
    assert_close(score, score_by_hand(hessians, X, seed), 1e-10)


@pytest.mark.parametrize("along", [(1,), (4,), (1, 4)])
@pytest.mark.parametrize("seed", range(5))
def test_an_interaction_that_changes_its_sign_is_found(along, seed):
    """Along one feature of the pair or both its mean is about zero, inside of cells it is not."""
    X, hessians = table(seed=seed), noise(4, 240, 5, seed)
    sign = np.prod([side(X[:, k]) for k in along], axis=0)
    hessians[:, :, place(1, 4, 5)] += 3 * sign[:, None].T - hessians[:, :, place(1, 4, 5)].mean()
    assert abs(hessians[:, :, place(1, 4, 5)].mean()) < 0.5  # AEH
    assert _detection_score(hessians, X, pair_index(5), seed).argmax() == place(1, 4, 5)


@pytest.mark.parametrize("along", [(1,), (4,), (1, 4)])
def test_a_sign_that_follows_the_pair_does_not_cancel_at_all(along):
    X = table()
    sign = np.prod([side(X[:, k]) for k in along], axis=0)
    score = _detection_score(np.tile(sign[None, :, None], (1, 1, 10)), X, pair_index(5))
    assert score[place(1, 4, 5)] == pytest.approx(1, abs=1e-12)
    others = [place(i, j, 5) for i, j in pair_index(5) if not set(along) <= {i, j}]
    assert score[others].max() < 0.9


def test_disagreement_of_networks_lowers_a_score():
    """Equal effects of all pairs; the networks disagree about feature 0."""
    X, pairs = table(), pair_index(5)
    hessians = 1 + noise(50, 240, 5) * np.where((pairs == 0).any(1), 3, 0.3)
    score = _detection_score(hessians, X, pairs)
    assert score[(pairs == 0).any(1)].max() < score[(pairs != 0).all(1)].min() / 3


@pytest.mark.parametrize("seed", range(5))
def test_the_units_of_features_do_not_matter(seed):
    """Hessians over ``s_i s_j``: the score is the same, the pooled spread has the same units."""
    X, pairs, hessians = table(seed=seed), pair_index(5), noise(4, 240, 5, seed)
    s = np.random.default_rng(seed).uniform(0.5, 2, 5)
    rescaled = hessians / (s[pairs[:, 0]] * s[pairs[:, 1]])
    assert_close(_detection_score(rescaled, X, pairs), _detection_score(hessians, X, pairs), 1e-12)


def test_the_unit_of_the_target_does_not_matter():
    X, pairs, hessians = table(), pair_index(5), noise(4, 240, 5)
    expected = _detection_score(hessians, X, pairs)
    assert_close(_detection_score(-1e3 * hessians, X, pairs), expected, 1e-12)


@pytest.mark.parametrize("n_networks", range(2, 10))
def test_networks_in_perfect_agreement(n_networks):
    """There is no spread to divide by, and the order is that of the effects."""
    X, pairs, hessians = table(), pair_index(5), noise(1, 240, 5)
    alone = _detection_score(hessians, X, pairs)
    together = _detection_score(np.repeat(hessians, n_networks, axis=0), X, pairs)
    assert np.argsort(together).tolist() == np.argsort(alone).tolist()


def test_one_network_has_its_numerator():
    X, hessians = table(), noise(2, 240, 5)
    alone = _detection_score(hessians[:1], X, pair_index(5))
    mirrored = np.concatenate([hessians[:1] + 1, hessians[:1] - 1])  # the same mean, variance 2
    assert_close(_detection_score(mirrored, X, pair_index(5)), alone / 2**0.5, 1e-12)


@pytest.mark.parametrize("pairs", [[[0, 1]], [[0, 1], [1, 2]]])
def test_fewer_than_three_pairs_have_their_numerators(pairs):
    X, hessians = table(d=3), noise(4, 240, 3)[:, :, : len(pairs)]
    alone = _detection_score(hessians.mean(0, keepdims=True), X, np.array(pairs))
    assert_close(_detection_score(hessians, X, np.array(pairs)), alone, 1e-12)


def test_no_interactions_at_all_score_zero():
    assert not _detection_score(np.zeros((4, 240, 10)), table(), pair_index(5)).any()


def test_a_pair_without_any_spread_has_a_finite_score():
    hessians = noise(4, 240, 5)
    hessians[:, :, 2] = 1
    score = _detection_score(hessians, table(), pair_index(5))
    assert np.isfinite(score).all()
    assert score.argmax() == 2


# Cells


def test_cells_are_clusters_times_quadrants():
    X, pairs = table(), pair_index(5)
    cells, clusters = _pair_cells(X, pairs, 3), Partition.kmeans(X, 8, 3).labels
    for p, (i, j) in enumerate(pairs):
        names = list(zip(clusters, side(X[:, i]), side(X[:, j]), strict=True))
        same = {(name, cell) for name, cell in zip(names, cells[:, p], strict=True)}
        assert len(same) == len(set(names)) == len(set(cells[:, p]))
    assert cells.max() < 32


def binary(ones, n=240):
    """A feature of zeros and `ones` ones, in random order."""
    return np.random.default_rng(0).permutation(np.arange(n) < ones).astype(float)


@pytest.mark.parametrize("ones", [30, 80, 120, 160, 210])
def test_a_binary_feature_is_split_into_its_values(ones):
    """Whichever of the two values is the more frequent one."""
    X = np.column_stack([binary(ones), table(d=2)])
    cells = _pair_cells(X, pair_index(3), 0)
    for p in (0, 1):
        ones_in_cell = Partition.from_labels(cells[:, p]).mean(X[:, 0])
        assert set(ones_in_cell) == {0, 1}


@pytest.mark.parametrize("ones", [0, 1, 20, 220, 239, 240])
def test_a_feature_that_hardly_varies_is_not_split(ones):
    X = np.column_stack([binary(ones), table(d=2)])
    cells, clusters = _pair_cells(X, pair_index(3), 0), Partition.kmeans(X, 8, 0).labels
    for p, k in ((0, 1), (1, 2)):
        names = set(zip(clusters, side(X[:, k]), strict=True))
        assert len(set(cells[:, p])) == len(names)


def test_fewer_points_than_clusters():
    hessians, X = noise(3, 4, 3), table(4, 3)
    assert np.isfinite(_detection_score(hessians, X, pair_index(3))).all()


# The pooled spread


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("d", [3, 4, 9])
def test_a_product_of_features_is_recovered(d, seed):
    pairs, s = pair_index(d), np.random.default_rng(seed).uniform(0.3, 3, d)
    products = s[pairs[:, 0]] * s[pairs[:, 1]]
    np.testing.assert_allclose(_pooled_spread(products**2, pairs, d), products, rtol=1e-12)


def test_the_pooled_spread_is_the_closest_product():
    """Least squares in logarithms: moving any feature's share makes the fit worse."""
    pairs, variance = pair_index(6), np.random.default_rng(0).gamma(2.0, size=15)
    fit = 2 * np.log(_pooled_spread(variance, pairs, 6))
    best = np.sum((np.log(variance) - fit) ** 2)
    for k in range(6):
        for step in (-1e-3, 1e-3):
            moved = fit + step * (pairs == k).any(1)
            assert np.sum((np.log(variance) - moved) ** 2) > best


def test_some_pairs_of_many_features():
    """Leading pairs need not touch every feature."""
    pairs = np.array([[0, 3], [0, 7], [3, 7], [3, 9]])
    s = np.random.default_rng(0).uniform(0.3, 3, 12)
    products = s[pairs[:, 0]] * s[pairs[:, 1]]
    np.testing.assert_allclose(_pooled_spread(products**2, pairs, 12), products, rtol=1e-12)


# A posterior


@pytest.fixture(params=range(4))
def many_pairs(request, monkeypatch):
    """15 pairs are many, of which five are leading."""
    monkeypatch.setattr(ranking, "_MANY_PAIRS", 14)
    monkeypatch.setattr(ranking, "_LEADING_PAIRS", 5)
    effect = np.random.default_rng(request.param).gamma(1.0, size=15)
    return random_posterior((6, 7, 5, 2), 3, seed=request.param), random_points(80, 6), effect


def score_of_members(posterior, x, pairs, target):
    each = pointwise_hessians(posterior.members(), x, torch.from_numpy(pairs)).numpy()
    return _detection_score(each[:, target], x.numpy(), pairs, seed=3)


def test_pairs_are_scored_by_the_mean_networks():
    posterior, x = random_posterior((4, 7, 5, 3), 3), random_points(80, 4)
    scores = [score_of_members(posterior, x, pair_index(4), target) for target in range(3)]
    for target in range(3):
        assert_close(
            rank_pairs(posterior, x, np.ones(6), target=target, seed=3), scores[target], 1e-12
        )
    assert_close(rank_pairs(posterior, x, np.ones(6), seed=3), np.mean(scores, axis=0), 1e-12)


def test_effects_do_not_matter_where_all_pairs_are_scored():
    posterior, x = random_posterior((4, 7, 5, 1), 3), random_points(80, 4)
    expected = rank_pairs(posterior, x, np.ones(6))
    for effect in (np.zeros(6), 1e3 * np.ones(6), np.arange(6.0)):
        assert rank_pairs(posterior, x, effect).tolist() == expected.tolist()


@pytest.mark.parametrize("d", [2, 3])
def test_strong_interactions_of_few_features(d):
    """Far stronger than one standard unit of the target."""
    functions = [lambda x: 50 * (x.prod(1) + x[:, 0] * x[:, 1])[:, None]]
    score = rank_pairs(Finite(functions, d, 1), random_points(80, d), 50 * np.ones(n_pairs(d)))
    assert np.isfinite(score).all()
    assert score.min() > 0


def test_leading_pairs_have_their_score(many_pairs):
    posterior, x, effect = many_pairs
    leading = np.sort(np.argsort(effect)[-5:])
    scores = [score_of_members(posterior, x, pair_index(6)[leading], target) for target in range(2)]
    assert_close(rank_pairs(posterior, x, effect, seed=3)[leading], np.mean(scores, axis=0), 1e-12)
    assert_close(rank_pairs(posterior, x, effect, target=1, seed=3)[leading], scores[1], 1e-12)


def followers(posterior, x, effect):
    """Order by score, highest first, without and with the leading pairs taken out."""
    order = np.argsort(-rank_pairs(posterior, x, effect), kind="stable").tolist()
    leading = set(np.argsort(-effect, kind="stable")[:5].tolist())
    return set(order[:5]) == leading, [p for p in order if p not in leading]


def test_the_others_follow_the_leading_pairs_in_the_order_of_effects(many_pairs):
    leading_first, others = followers(*many_pairs)
    assert leading_first
    assert others == np.argsort(-many_pairs[2], kind="stable")[5:].tolist()


def test_the_others_follow_where_they_have_no_effect(many_pairs):
    posterior, x, effect = many_pairs
    effect[np.argsort(effect)[:10]] = 0
    assert np.isfinite(rank_pairs(posterior, x, 1e3 * effect)).all()
    assert followers(posterior, x, effect)[0]


def test_the_others_follow_a_leading_pair_that_scores_zero(many_pairs):
    """Such as a strong effect of the draws that the mean networks do not have."""
    _, x, effect = many_pairs
    nothing = Finite([lambda x: x[:, :1] * x[:, 1:2]] * 2, 6, 1)
    leading_first, others = followers(nothing, x, effect)
    assert leading_first
    assert others == np.argsort(-effect, kind="stable")[5:].tolist()


@pytest.mark.parametrize("target", [None, 0, 1])
def test_the_leading_pairs_are_the_strongest_of_the_mean_networks(many_pairs, target):
    posterior, x, _ = many_pairs
    labels = Partition.kmeans(x.numpy(), 8).labels
    each = hessians(posterior.members(), x)
    outputs = each if target is None else each[:, target : target + 1]
    effects = np.mean([geh(h, labels) for h in outputs.mean(0)], axis=0)  # networks' mean first
    expected = pair_index(6)[np.sort(np.argsort(-effects)[:5])]
    assert _leading_pairs(posterior, x, target).tolist() == expected.tolist()


def test_few_pairs_are_all_leading():
    posterior, x = random_posterior((4, 7, 5, 1), 3), random_points(80, 4)
    assert _leading_pairs(posterior, x).tolist() == pair_index(4).tolist()
