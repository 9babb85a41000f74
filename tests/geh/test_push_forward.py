from dataclasses import dataclass, field
from functools import reduce

import numpy as np
import pytest
import torch
from joblib import parallel_config
from joblib.externals.loky import get_reusable_executor

from skgeh.geh import push_forward as module
from skgeh.geh.functions import RandomFunction
from skgeh.geh.hessians import _closed_form as closed_form
from skgeh.geh.pairs import n_pairs, to_matrix
from skgeh.geh.partition import Partition
from skgeh.geh.push_forward import Moments, push_forward
from tests.oracles import (
    PARTITIONS,
    Finite,
    assert_close,
    assert_mean,
    geh,
    group_means,
    hessians,
    random_partition,
    random_points,
    random_posterior,
    upper,
)


@dataclass
class Recorded:
    """A posterior that keeps what was drawn from it."""

    posterior: RandomFunction
    drawn: list = field(default_factory=list)

    def __getattr__(self, name):
        return getattr(self.posterior, name)

    def draw(self, n_draws, generator, first=0):
        assert first == sum(n for n, _ in self.drawn)
        self.drawn.append((n_draws, self.posterior.draw(n_draws, generator, first)))
        return self.drawn[-1][1]

    def hessians(self, x):
        return np.concatenate([hessians(function, x) for _, function in self.drawn])


def same(a, b):
    """Bit by bit."""
    assert (a.draws is None) == (b.draws is None)
    assert a.draws is None or np.array_equal(a.draws, b.draws)
    for one, other in ((a.effect, b.effect), (a.groups, b.groups)):
        assert one.count == other.count
        assert np.array_equal(one.mean, other.mean)
        assert np.array_equal(one.squares, other.squares)


@pytest.fixture
def small():
    return random_posterior((5, 6, 4, 2), 3), random_points(30, 5), random_partition(30, 4)


@pytest.fixture(params=["input space", "hidden space"])
def space(request, monkeypatch):
    monkeypatch.setattr(
        closed_form, "prefers_hidden_space", lambda *sizes: request.param == "hidden space"
    )


# Against loops


def against_loops(posterior, x, partition, n_draws, target=None):
    recorded = Recorded(posterior)
    pushed = push_forward(recorded, x, partition, n_draws=n_draws, target=target)
    assert sum(n for n, _ in recorded.drawn) == n_draws
    each = recorded.hessians(x) if target is None else recorded.hessians(x)[:, target, None]
    draws = np.array(
        [np.mean([geh(h, partition.labels) for h in outputs], axis=0) for outputs in each]
    )
    means = np.array([upper(group_means(outputs, partition.labels, axis=1)) for outputs in each])
    # of several outputs, magnitudes: signs would cancel
    signed = means[:, 0] if means.shape[1] == 1 else np.abs(means).mean(1)
    assert pushed.effect.count == pushed.groups.count == n_draws
    for actual, expected in [
        (pushed.draws, draws),
        (pushed.effect.mean, draws.mean(0)),
        (pushed.effect.variance, draws.var(0, ddof=1)),
        (pushed.groups.mean, signed.mean(0)),
        (pushed.groups.variance, signed.var(0, ddof=1)),
    ]:
        assert_close(actual, expected)


@pytest.mark.parametrize("target", [None, 0, 1])
def test_moments_are_those_of_a_loop_over_draws(monkeypatch, space, small, target):
    monkeypatch.setattr(module, "BLOCK", 4)
    against_loops(*small, n_draws=10, target=target)


@pytest.mark.parametrize("partition", PARTITIONS.values(), ids=PARTITIONS)
def test_every_kind_of_partition(space, partition):
    against_loops(random_posterior((4, 5, 1)), random_points(20, 4), partition(20), n_draws=7)


def test_any_functions_are_a_posterior():
    functions = [
        lambda x: torch.stack([x[:, 0] * x[:, 1], torch.sin(x[:, 2]) * x[:, 0]], dim=1),
        lambda x: torch.stack([x.prod(1), x[:, 1] ** 2], dim=1),
        lambda x: x[:, :2],
    ]
    against_loops(Finite(functions, 3, 2), random_points(20, 3), random_partition(20, 4), n_draws=8)


def test_functions_take_turns_across_blocks():
    posterior = Finite([lambda x, a=a: a * x.prod(1)[:, None] for a in (1, -2, 5)], 2, 1)
    pushed = push_forward(posterior, random_points(9, 2), random_partition(9, 3), n_draws=53)
    assert pushed.draws[:, 0].tolist() == ([1, 2, 5] * 18)[:53]
    signed = np.array(([1, -2, 5] * 18)[:53])
    assert_close(pushed.groups.mean, np.full((3, 1), signed.mean()), 1e-13)
    assert_close(pushed.groups.variance, np.full((3, 1), signed.var(ddof=1)), 1e-13)


def test_a_single_draw_has_no_variance(small):
    pushed = push_forward(*small, n_draws=1)
    assert pushed.draws.shape == (1, 10)
    assert not pushed.effect.variance.any() and not pushed.groups.variance.any()


def test_single_precision_functions_have_moments_in_double():
    posterior = Finite([lambda x: x.prod(1)[:, None]], 3, 1)
    pushed = push_forward(posterior, random_points(9, 3).float(), random_partition(9, 3), n_draws=5)
    for values in (pushed.draws, pushed.effect.mean, pushed.groups.mean, pushed.groups.squares):
        assert values.dtype == np.float64


# What the answer does not depend on


@pytest.mark.parametrize("n_draws", [1, 25, 60])
def test_draws_that_are_not_kept_have_the_same_moments(monkeypatch, small, n_draws):
    kept = push_forward(*small, n_draws=n_draws)
    monkeypatch.setattr(module, "_KEEP", 10 * n_draws - 1)
    pushed = push_forward(*small, n_draws=n_draws)
    assert pushed.draws is None
    for ours, theirs in ((pushed.effect, kept.effect), (pushed.groups, kept.groups)):
        assert np.array_equal(ours.mean, theirs.mean)
        assert np.array_equal(ours.squares, theirs.squares)
    assert_close(kept.effect.mean, kept.draws.mean(0), 1e-14)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_tiles_change_nothing(space, monkeypatch, small, size):
    whole = push_forward(*small, n_draws=30)
    monkeypatch.setattr(module, "_TILE", size)
    pushed = push_forward(*small, n_draws=30)
    assert_close(pushed.draws, whole.draws, 1e-13)
    assert_close(pushed.groups.mean, whole.groups.mean, 1e-13)
    assert_close(pushed.groups.squares, whole.groups.squares, 1e-12)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 128])
@pytest.mark.parametrize("d", [1, 2, 3, 7, 8])
def test_tiles_cover_every_pair_once(monkeypatch, d, size):
    monkeypatch.setattr(module, "_TILE", size)
    numbers = torch.from_numpy(to_matrix(np.arange(n_pairs(d)), d))
    covered = []
    for rows, columns, inside, places in module._tiles(d):
        assert numbers[rows, columns].flatten()[inside].tolist() == places.tolist()
        covered += places.tolist()
    assert sorted(covered) == list(range(n_pairs(d)))


@pytest.mark.parametrize("backend", ["threading", "loky", "sequential"])
def test_jobs_and_their_backend_change_nothing(small, backend):
    posterior, x, partition = small
    alone = push_forward(posterior, x, partition, n_draws=60, seed=3, n_jobs=1)
    same(push_forward(posterior, x, partition, n_draws=60, seed=3, n_jobs=2), alone)
    try:
        with parallel_config(backend=backend, n_jobs=2, inner_max_num_threads=None):
            same(push_forward(posterior, x, partition, n_draws=60, seed=3), alone)
    finally:
        if backend == "loky":
            get_reusable_executor().shutdown(wait=True)


def test_the_seed_decides(small):
    a, b, c = (push_forward(*small, n_draws=30, seed=seed) for seed in (3, 3, 4))
    same(a, b)
    assert not np.array_equal(a.draws, c.draws)


def test_blocks_have_noise_of_their_own():
    posterior, x = random_posterior((5, 6, 4, 2), 1), random_points(10, 5)
    draws = push_forward(posterior, x, Partition.one_group(10), n_draws=50).draws
    assert not np.isin(draws[:25], draws[25:]).all()


def test_another_seed_is_another_sample_of_the_same_posterior(small):
    a, b = (push_forward(*small, n_draws=400, seed=seed) for seed in (0, 1))
    assert_mean(a.draws - b.draws, 0)
    assert_mean((a.draws - a.effect.mean) ** 2 - (b.draws - b.effect.mean) ** 2, 0)


def test_the_mean_of_all_outputs_is_the_mean_of_each(small):
    """No output hides another; group means are magnitudes, signed for one output alone."""
    whole = push_forward(*small, n_draws=30)
    each = [push_forward(*small, n_draws=30, target=target) for target in (0, 1)]
    assert_close(whole.draws, (each[0].draws + each[1].draws) / 2, 1e-13)
    signed = [np.abs(one.groups.mean) for one in each]
    assert (whole.groups.mean >= sum(signed) / 2 - 1e-12).all()
    assert any((one.groups.mean < 0).any() for one in each)


def test_progress_sees_every_block(small):
    seen = []

    def progress(blocks, total):
        for block in blocks:
            seen.append(block)
            yield block

    watched = push_forward(*small, n_draws=60, progress=progress)
    assert len(seen) == 3
    same(watched, push_forward(*small, n_draws=60))


SPLITS = [[40], [1, 39], [39, 1], [10, 10, 20], [1] * 40, [3, 1, 16, 20]]


def merged(values, sizes):
    parts = np.split(values, np.cumsum(sizes)[:-1])
    return reduce(Moments.merged, map(Moments.of, parts))


@pytest.mark.parametrize("sizes", SPLITS, ids=str)
@pytest.mark.parametrize("shape", [(), (3,), (2, 5)])
def test_merged_blocks_are_the_whole(shape, sizes):
    values = np.random.default_rng(0).gamma(1.0, size=(40, *shape))
    moments = merged(values, sizes)
    assert moments.count == 40
    np.testing.assert_allclose(moments.mean, values.mean(0), rtol=1e-13)
    np.testing.assert_allclose(moments.variance, values.var(0, ddof=1), rtol=1e-12)


@pytest.mark.parametrize("sizes", SPLITS, ids=str)
def test_a_small_spread_about_a_large_mean_is_kept(sizes):
    """Sums of squares would lose it: 1e12 beside 1e-6 is beyond 16 digits."""
    values = 1e6 + 1e-3 * np.random.default_rng(0).normal(size=(40, 7))
    moments = merged(values, sizes)
    np.testing.assert_allclose(moments.variance, values.var(0, ddof=1), rtol=1e-6)


@pytest.mark.parametrize("sizes", SPLITS, ids=str)
def test_single_precision_values_have_moments_in_double(sizes):
    values = (1e4 + np.random.default_rng(0).normal(size=(40, 7))).astype(np.float32)
    moments = merged(values, sizes)
    assert moments.mean.dtype == moments.variance.dtype == np.float64
    exact = values.astype(np.float64)
    np.testing.assert_allclose(moments.mean, exact.mean(0), rtol=1e-14)
    np.testing.assert_allclose(moments.variance, exact.var(0, ddof=1), rtol=1e-10)


@pytest.mark.parametrize("shape", [(), (3,), (2, 5)])
def test_nothing_drawn_before_changes_nothing(shape):
    moments = Moments.of(np.random.default_rng(0).gamma(1.0, size=(4, *shape)))
    after = Moments.none(*shape).merged(moments)
    assert after.count == 4
    assert np.array_equal(after.mean, moments.mean)
    assert np.array_equal(after.variance, moments.variance)


def test_moments_of_a_single_draw_have_no_variance():
    moments = Moments.of(np.array([[3.0, -1.0]]))
    assert moments.mean.tolist() == [3, -1]
    assert moments.variance.tolist() == [0, 0]


def test_equal_draws_have_no_variance():
    assert not merged(np.full((40, 3), 0.5), [7, 33]).variance.any()


def test_the_order_of_blocks_does_not_matter():
    a, b = (Moments.of(np.random.default_rng(seed).normal(size=(9 + seed, 4))) for seed in (0, 1))
    np.testing.assert_allclose(a.merged(b).variance, b.merged(a).variance, rtol=1e-13)
    np.testing.assert_allclose(a.merged(b).mean, b.merged(a).mean, rtol=1e-13)
