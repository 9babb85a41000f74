"""The closed form against `torch.func.hessian`, in float64 unless a test is about float32."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode  # no public name yet

from skgeh.geh.hessians import _closed_form as closed_form
from skgeh.geh.hessians import group_mean_hessians, pointwise_hessians
from skgeh.geh.pairs import pair_index
from skgeh.posteriors.concrete_dropout import _fold
from tests.oracles import (
    PARTITIONS,
    PHI,
    assert_close,
    double,
    group_means,
    hessians,
    network,
    random_mlp,
    random_partition,
    random_points,
    upper,
)

TOLERANCE = dict.fromkeys(PHI, 1e-9) | {"softplus": 1e-7}  # torch's is linear above 20

WIDTHS = [
    (5, 7, 1),
    (9, 3, 2),  # more features than units
    (4, 6, 9, 2),
    (9, 4, 3, 1),
    (3, 8, 5, 7, 1),
    (6, 5, 4, 6, 3, 3),
    (2, 1, 1, 1),
]


@pytest.fixture(params=["input space", "hidden space"])
def space(request, monkeypatch):
    """Each test twice: with Hessians to x, and with Hessians to the first layer's units."""
    monkeypatch.setattr(
        closed_form, "prefers_hidden_space", lambda *sizes: request.param == "hidden space"
    )
    return request.param


def means_by_hand(mlp, x, partition, masks=None):
    return group_means(hessians(network(mlp, masks), x), partition.labels)


@pytest.mark.parametrize("n_functions", [1, 3])
@pytest.mark.parametrize("widths", WIDTHS)
def test_group_means_are_means_of_the_hessians(space, widths, n_functions):
    mlp, x = random_mlp(widths, n_functions), random_points(19, widths[0])
    partition = random_partition(19, 4)
    answer = group_mean_hessians(mlp, x, partition)
    assert (answer.factor is not None) == (space == "hidden space")
    assert answer.n_features == widths[0]
    assert_close(answer.full(), means_by_hand(mlp, x, partition))


@pytest.mark.parametrize("widths", [(4, 6, 1), (4, 5, 3, 6, 2)])
@pytest.mark.parametrize("activation", PHI)
def test_every_activation(space, activation, widths):
    mlp, x = random_mlp(widths, 2, activation), random_points(17, 4)
    partition = random_partition(17, 3)
    answer = group_mean_hessians(mlp, x, partition).full()
    assert_close(answer, means_by_hand(mlp, x, partition), TOLERANCE[activation])


@pytest.mark.parametrize("partition", PARTITIONS.values(), ids=PARTITIONS)
def test_every_kind_of_partition(space, partition):
    mlp, x = random_mlp((4, 5, 3, 2), 2), random_points(23, 4)
    groups = partition(23)
    answer = group_mean_hessians(mlp, x, groups)
    assert answer.full().shape == (2, 2, groups.n_groups, 4, 4)
    assert_close(answer.full(), means_by_hand(mlp, x, groups))


@pytest.mark.parametrize("partition", PARTITIONS.values(), ids=PARTITIONS)
@pytest.mark.parametrize(("block", "cache"), [(1, 1), (700, 1), (1, 2000), (700, 2000)])
@pytest.mark.parametrize("widths", [(5, 7, 1), (5, 4, 7, 2), (5, 7, 4, 6, 1)])
def test_blocks_change_nothing(space, monkeypatch, widths, block, cache, partition):
    """Stacks, points and Jacobians are cut into blocks whose edges fall inside of groups."""
    mlp, x, groups = random_mlp(widths, 5), random_points(53, 5), partition(53)
    whole = group_mean_hessians(mlp, x, groups).full()
    monkeypatch.setattr(closed_form, "BLOCK", block)
    monkeypatch.setattr(closed_form, "CACHE", cache)
    assert_close(group_mean_hessians(mlp, x, groups).full(), whole, 1e-12)


@pytest.mark.parametrize("widths", [(1, 2, 3, 1), (5, 4, 7, 2), (9, 11, 3, 1), (3, 2, 10, 4, 1)])
def test_only_a_triangle_of_blocks_is_computed(space, monkeypatch, widths):
    mlp, x = random_mlp(widths, 2), random_points(21, widths[0])
    partition = random_partition(21, 4)
    monkeypatch.setattr(closed_form, "TRIANGLE", 1)
    answer = group_mean_hessians(mlp, x, partition).full()
    assert_close(answer, means_by_hand(mlp, x, partition))


def test_a_triangle_at_its_own_size(space):
    """66 features or units: the smallest sizes that take this path, and do not divide by 4."""
    size = closed_form.TRIANGLE + 2
    mlp, x = random_mlp((size, size, 5, 1)), random_points(3, size)
    partition = random_partition(3, 2)
    answer = group_mean_hessians(mlp, x, partition).full()
    assert_close(answer, means_by_hand(mlp, x, partition))


@pytest.mark.parametrize("kind", ["hard", "relaxed"])
@pytest.mark.parametrize("widths", [(5, 7, 2), (5, 8, 6, 1), (4, 6, 5, 7, 1)])
def test_masks_are_part_of_the_function(space, widths, kind):
    """The Hessian is that of the network with masks on its activations; inputs have masks too."""
    mlp, x, partition = random_mlp(widths, 2), random_points(19, widths[0]), random_partition(19, 4)
    turn = torch.tensor([0, 1, 1, 0, 1])
    generator = torch.Generator().manual_seed(0)
    masks = [torch.rand(5, h, generator=generator, dtype=x.dtype) for h in widths[:-1]]
    if kind == "hard":
        masks = [(mask < 0.6) / 0.6 for mask in masks]
        masks[-1][2] = 0  # a function without interactions
    folded = _fold(mlp, turn, masks)
    expected = means_by_hand(mlp[turn], x, partition, masks)
    assert_close(group_mean_hessians(folded, x, partition).full(), expected)
    pairs = torch.from_numpy(pair_index(widths[0]))
    each = upper(hessians(network(mlp[turn], masks), x))
    assert_close(pointwise_hessians(folded, x, pairs), each)


@pytest.mark.parametrize("widths", [(4, 60, 1), (4, 60, 50, 1), (40, 12, 12, 12, 1)])
def test_single_precision(space, widths):
    """Errors are a few roundings of the largest entry, also where thousands of terms are summed."""
    mlp, x = random_mlp(widths, 2), random_points(300, widths[0])
    partition = random_partition(300, 5)
    exact = group_mean_hessians(mlp, x, partition).full()
    single = group_mean_hessians(double(mlp, torch.float32), x.float(), partition).full()
    assert single.dtype == torch.float32
    assert_close(single, exact, 3e-6)


def test_a_tile_is_a_slice_of_all_entries(space):
    answer = group_mean_hessians(
        random_mlp((9, 4, 3, 2), 2), random_points(11, 9), PARTITIONS["singletons"](11)
    )
    for rows, columns in [
        (slice(0, 3), slice(3, 9)),
        (slice(6, 20), slice(6, 20)),
        (slice(8, 9), slice(None)),
    ]:
        assert_close(answer.tile(rows, columns), answer.full()[..., rows, columns], 1e-14)


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_points_and_of_functions_does_not_matter(space, seed):
    mlp, x, partition = (
        random_mlp((4, 6, 5, 1), 3, seed=seed),
        random_points(20, 4),
        random_partition(20, 5),
    )
    answer = group_mean_hessians(mlp, x, partition).full()
    shuffled = torch.randperm(20, generator=torch.Generator().manual_seed(seed))
    moved = type(partition)(partition.labels[shuffled])
    assert_close(group_mean_hessians(mlp, x[shuffled], moved).full(), answer, 1e-13)
    assert_close(group_mean_hessians(mlp[1:2], x, partition).full(), answer[1:2], 1e-13)


def test_the_points_are_left_as_they_were(space):
    mlp, x = random_mlp((4, 6, 5, 1)), random_points(20, 4)
    before = x.clone(), [weight.clone() for weight in mlp.weights]
    group_mean_hessians(mlp, x, random_partition(20, 5))
    assert torch.equal(x, before[0])
    assert all(torch.equal(a, b) for a, b in zip(mlp.weights, before[1], strict=True))


# Single points


@pytest.mark.parametrize("cache", [1, 500, closed_form.CACHE])
@pytest.mark.parametrize("widths", WIDTHS)
def test_all_pairs_at_every_point(monkeypatch, widths, cache):
    monkeypatch.setattr(closed_form, "CACHE", cache)
    mlp, x = random_mlp(widths, 3), random_points(13, widths[0])
    pairs = torch.from_numpy(pair_index(widths[0]))
    assert_close(pointwise_hessians(mlp, x, pairs), upper(hessians(network(mlp), x)))


@pytest.mark.parametrize("activation", PHI)
def test_every_activation_at_every_point(activation):
    mlp, x = random_mlp((4, 5, 3, 6, 2), 2, activation), random_points(13, 4)
    answer = pointwise_hessians(mlp, x, torch.from_numpy(pair_index(4)))
    assert_close(answer, upper(hessians(network(mlp), x)), TOLERANCE[activation])


@pytest.mark.parametrize("widths", [(12, 5, 2), (12, 5, 7, 2), (12, 5, 7, 4, 1)])
@pytest.mark.parametrize(
    "pairs",
    [
        [[3, 8]],
        [[8, 3]],  # a Hessian is symmetric
        [[7, 7], [7, 2]],  # a diagonal entry too
        [[11, 0], [4, 5], [0, 11], [4, 5]],  # any order, twice
        [[i, j] for i in range(6) for j in range(6, 12)],  # many pairs
        [[i, i + 1] for i in range(0, 12, 2)],  # few pairs of many features
        [[0, j] for j in range(1, 12)],
    ],
)
def test_any_subset_of_pairs_at_every_point(widths, pairs):
    mlp, x = random_mlp(widths, 2), random_points(9, 12)
    everything = hessians(network(mlp), x)
    expected = everything[..., [i for i, _ in pairs], [j for _, j in pairs]]
    assert_close(pointwise_hessians(mlp, x, torch.tensor(pairs)), expected)


def test_both_ways_to_multiply_pairs_agree(monkeypatch):
    """Products of rows where few pairs are asked for, a Gram matrix where many are."""
    mlp, x = random_mlp((6, 5, 4, 3, 2), 2), random_points(7, 6)
    pairs = torch.from_numpy(pair_index(6)[:10])
    for rows_kept in (lambda d, q: q, lambda d, q: d):
        monkeypatch.setattr(closed_form, "rows_kept", rows_kept)
        answer = pointwise_hessians(mlp, x, pairs)
        assert_close(answer, upper(hessians(network(mlp), x))[..., :10])


def test_single_precision_at_every_point():
    mlp, x = random_mlp((6, 50, 50, 1), 2), random_points(100, 6)
    pairs = torch.from_numpy(pair_index(6))
    single = pointwise_hessians(double(mlp, torch.float32), x.float(), pairs)
    assert single.dtype == torch.float32
    assert_close(single, pointwise_hessians(mlp, x, pairs), 3e-6)


# The choice of the space


FACTORS = {"mm": 0, "bmm": 0, "addmm": 1, "addmm_": 1, "baddbmm": 1, "baddbmm_": 1}  # from here on


class Multiplications(TorchDispatchMode):
    """Counts the multiplications in matrix products, as torch is asked for them."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        if name in FACTORS:
            left, right = args[FACTORS[name] :][:2]
            self.count += left.numel() * right.shape[-1]
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("n_groups", [1, 11, 100])
@pytest.mark.parametrize("n_features", [2, 8, 20, 30, 40, 80, 200])
@pytest.mark.parametrize("hidden", [(20,), (20, 20), (30, 30, 30), (10, 30, 20), (30, 10)])
def test_the_cheaper_space_is_chosen(monkeypatch, n_features, hidden, n_groups):
    """Measured up to the entries of all pairs; near a draw the choice is free."""
    mlp, x = random_mlp((n_features, *hidden, 1)), random_points(100, n_features)
    partition = random_partition(100, n_groups)
    chosen = closed_form.prefers_hidden_space(mlp.widths, 100, n_groups)
    monkeypatch.setattr(closed_form, "TRIANGLE", 10**9)
    monkeypatch.setattr(closed_form, "WIDE", 10**9)
    counts = {}
    for space in (True, False):
        monkeypatch.setattr(closed_form, "prefers_hidden_space", lambda *sizes, s=space: s)
        with Multiplications() as counter:
            group_mean_hessians(mlp, x, partition).full()
        counts[space] = counter.count
    assert counts[chosen] <= 1.02 * counts[not chosen]


@pytest.mark.parametrize("hidden", [(4,), (4, 3)])
def test_with_many_features_no_matrix_over_all_pairs_is_formed(monkeypatch, hidden):
    monkeypatch.setattr(closed_form, "WIDE", 6)
    mlp, x = random_mlp((7, *hidden, 1), 2), random_points(19, 7)
    partition = random_partition(19, 4)
    answer = group_mean_hessians(mlp, x, partition)
    assert answer.core.shape[-1] == 4
    assert_close(answer.full(), means_by_hand(mlp, x, partition))
