"""Intervals that cover, signs, and magnitudes of shrunken effects."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm, ortho_group
from scipy.stats import t as student

from skgeh.geh.decisions import Decisions, LevelEffects, SignedEffects, _largest_error
from skgeh.tables.corrections import adjust
from tests.oracles import assert_close

M = 4
WEIGHTS = np.array([0.4, 0.3, 0.2, 0.1])


def covariance(seed=0, rank=M):
    """Of the errors of M groups, and of their mean."""
    rng = np.random.default_rng(seed)
    half = rng.normal(size=(M, rank)) / np.sqrt(rank)
    half = np.vstack([half, WEIGHTS @ half])
    return half @ half.T


def with_mean(truth):
    return np.append(truth, WEIGHTS @ truth)


def signed(effect, S, freedom=np.inf, shrunken=None):
    """Effects of P pairs whose errors have one covariance."""
    effect = np.atleast_2d(effect)
    P = len(effect)
    error = np.sqrt(S.diagonal())
    return SignedEffects(
        effect=effect,
        shrunken=0.8 * effect if shrunken is None else np.atleast_2d(shrunken),
        square=np.tile(error**2, (P, 1)),
        spread=np.full(effect.shape, np.nan),
        correlation=np.tile(S / np.outer(error, error), (P, 1, 1)),
        freedom=np.full(P, min(freedom, 1e7)),
        is_norm=np.zeros(P, dtype=bool),
    )


def estimates(truth, S, n=1500, freedom=np.inf, seed=1):
    """Many tables: errors, and variances that are estimated."""
    rng = np.random.default_rng(seed)
    error = rng.multivariate_normal(np.zeros(len(S)), S, size=n, method="svd")
    found = signed(with_mean(truth) + error, S, freedom)
    if np.isinf(freedom):
        return found
    return replace(found, square=found.square * rng.chisquare(freedom, n)[:, None] / freedom)


TRUTHS = {
    "nothing": np.zeros(M),
    "one sign": np.array([1.0, 2, 3, 4]),
    "both signs": np.array([5.0, -5, 5, -5]),
    "weak": np.array([0.5, 0.5, 0.5, 0.5]),
    "one group": np.array([0, 0, 0, 8.0]),
}


# The largest error


def test_the_largest_of_independent_errors():
    for k in (1, 3, 10):
        expected = norm.ppf((1 + 0.95 ** (1 / k)) / 2)
        assert _largest_error(np.eye(k)[None], 0.95)[0] == pytest.approx(expected, rel=0.02)


def test_the_largest_of_equal_errors_is_any_of_them():
    found = _largest_error(np.stack([np.ones((6, 6)), np.full((6, 6), np.nan)]), 0.9)
    assert found[0] == pytest.approx(norm.ppf(0.95), rel=0.03) and np.isnan(found[1])


def test_a_sum_of_errors():
    shares = np.array([[0.5, 0.3, 0.2, 0.4]])
    equal = _largest_error(np.ones((1, 4, 4)), 0.95, shares)
    assert equal[0] == pytest.approx(1.4 * norm.ppf(0.975), rel=0.03)
    draws = np.random.default_rng(0).normal(size=(200_000, 4))
    expected = np.quantile(np.abs(draws) @ shares[0], 0.95)
    assert _largest_error(np.eye(4)[None], 0.95, shares)[0] == pytest.approx(expected, rel=0.03)


def test_many_pairs_are_drawn_in_parts(monkeypatch):
    rng = np.random.default_rng(0)
    turns = ortho_group.rvs(3, size=7, random_state=rng)
    some = turns * [1.5, 1, 0.5] @ turns.swapaxes(1, 2)
    scale = np.sqrt(np.einsum("pmm->pm", some))
    some /= scale[:, None] * scale[..., None]
    shares = rng.dirichlet(np.ones(3), 7)
    whole = _largest_error(some, 0.9), _largest_error(some, 0.9, shares)
    monkeypatch.setattr("skgeh.geh.decisions._CHUNK", 2)
    np.testing.assert_allclose(_largest_error(some, 0.9), whole[0])
    np.testing.assert_allclose(_largest_error(some, 0.9, shares), whole[1])


# Bounds and intervals


@pytest.mark.parametrize("freedom", [np.inf, 8.0])
@pytest.mark.parametrize("rank", [1, M])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_bounds_of_all_groups_hold_at_once(freedom, rank, level):
    truth, S = TRUTHS["both signs"], covariance(rank=rank)
    low, high = estimates(truth, S, freedom=freedom).bounds(level)
    covered = ((low <= with_mean(truth)) & (with_mean(truth) <= high)).all(1).mean()
    error = np.sqrt(level * (1 - level) / 1500)
    assert level - 4 * error - 0.01 < covered < level + 4 * error + 0.03


@pytest.mark.parametrize("name", TRUTHS)
@pytest.mark.parametrize("freedom", [np.inf, 8.0])
def test_intervals_cover_the_magnitude(name, freedom):
    truth = TRUTHS[name]
    low, high = estimates(truth, covariance(), freedom=freedom).interval(WEIGHTS, 0.95).T
    magnitude = np.abs(truth) @ WEIGHTS
    assert (low <= high).all() and (low >= 0).all()
    assert ((low <= magnitude + 1e-12) & (magnitude <= high)).mean() > 0.93
    if name == "nothing":
        assert (low > 0).mean() < 0.07


def test_intervals_by_their_formula():
    found = estimates(TRUTHS["both signs"], covariance(), n=5)
    low, high = found.bounds(0.9)
    ends = found.interval(WEIGHTS, 0.9)
    for k in range(5):
        inside = sum(w * max(a, -b, 0) for w, a, b in zip(WEIGHTS, low[k], high[k], strict=False))
        outside = sum(
            w * max(abs(a), abs(b)) for w, a, b in zip(WEIGHTS, low[k], high[k], strict=False)
        )
        assert ends[k, 0] == pytest.approx(max(inside, low[k, -1], -high[k, -1], 0))
        assert ends[k, 1] <= outside + 1e-12
        assert ends[k, 1] > np.abs(found.effect[k, :-1]) @ WEIGHTS


def test_more_certain_intervals_are_longer():
    found = estimates(TRUTHS["both signs"], covariance(), n=20)
    some, more = (found.interval(WEIGHTS, level) for level in (0.5, 0.99))
    assert (some[:, 1] < more[:, 1]).all() and (some[:, 0] >= more[:, 0]).all()


def test_intervals_are_longer_if_variances_are_hardly_known():
    sure, unsure = (signed(with_mean(TRUTHS["weak"]), covariance(), f) for f in (1e6, 3.0))
    ratio = (unsure.bounds(0.95)[1] - unsure.effect) / (sure.bounds(0.95)[1] - sure.effect)
    np.testing.assert_allclose(ratio, student.ppf(0.975, 3) / norm.ppf(0.975), rtol=1e-4)


# Norms


def norms(truth, n=1500, s=3, freedom=np.inf, seed=1):
    """Lengths of vectors (M + 1, s) with uneven errors, as of a category's contrasts."""
    rng = np.random.default_rng(seed)
    own = np.array([1, 0.5, 0.1])
    errors = rng.normal(size=(n, M + 1, s)) * own
    given = np.zeros((M + 1, s))
    given[:, 0] = truth
    square = np.full((n, M + 1), np.sum(own**2))
    if np.isfinite(freedom):
        square *= rng.chisquare(freedom, n)[:, None] / freedom
    effect = np.linalg.norm(given + errors, axis=2)
    return SignedEffects(
        effect=effect,
        shrunken=0.8 * effect,
        square=square,
        spread=np.full((n, M + 1), np.sum(own**4)),
        correlation=np.tile(np.eye(M + 1), (n, 1, 1)),
        freedom=np.full(n, min(freedom, 1e7)),
        is_norm=np.ones(n, dtype=bool),
    )


@pytest.mark.parametrize("truth", [0.0, 1.0, 6.0])
@pytest.mark.parametrize("freedom", [np.inf, 12.0])
def test_intervals_of_norms_cover(truth, freedom):
    low, high = norms(truth, freedom=freedom).interval(WEIGHTS, 0.95).T
    assert (low >= 0).all() and (low <= high).all()
    assert ((low <= truth) & (truth <= high)).mean() > 0.93
    if truth == 6:
        assert low.mean() > 2


def test_norms_have_no_sign_and_no_bounds_of_their_own():
    found = norms(6.0, n=5)
    assert found.sign().tolist() == [""] * 5
    assert all(np.isnan(part).all() for part in found.pointwise(0.95))


def test_norms_among_signed_effects():
    one = signed(np.tile(with_mean(TRUTHS["one sign"]), (2, 1)), covariance())
    other = norms(6.0, n=2)
    mixed = SignedEffects(
        *(
            np.concatenate([a[:1], b[:1]])
            for a, b in zip(vars(one).values(), vars(other).values(), strict=True)
        )
    )
    np.testing.assert_allclose(mixed.interval(WEIGHTS, 0.9)[0], one.interval(WEIGHTS, 0.9)[0])
    np.testing.assert_allclose(mixed.interval(WEIGHTS, 0.9)[1], other.interval(WEIGHTS, 0.9)[0])


# Signs and magnitudes


def test_signs():
    truths = [20 * TRUTHS[name] for name in ("one sign", "both signs", "nothing", "one group")]
    found = signed([with_mean(one) for one in truths], covariance())
    assert found.sign().tolist() == ["+", "mixed", "", "+"]
    assert found.turned(-1).sign().tolist() == ["-", "mixed", "", "-"]
    assert found.turned(1.0) is found


def test_a_sign_may_come_from_the_mean_over_all_points():
    """Each group alone is not away from 0."""
    S = np.diag([1.0] * M + [0.01])
    found = signed([1.0, 1, 1, 1, 1], S)
    low, _ = found.bounds(0.95)
    assert (low[0, :-1] < 0).all() and low[0, -1] > 0
    assert found.sign().tolist() == ["+"] and found.interval(WEIGHTS, 0.95)[0, 0] == low[0, -1]


def test_signs_of_noise_are_rare():
    found = estimates(TRUTHS["nothing"], covariance(), freedom=8.0)
    assert (found.sign() != "").mean() < 0.07


def test_magnitudes_are_those_of_shrunken_effects():
    shrunken = np.array([[1.0, -2, 3, -4, 99], [0, 0, 0, 10, 99]])
    found = signed(5 * shrunken, covariance(), shrunken=shrunken)
    np.testing.assert_allclose(found.magnitude(WEIGHTS), [0.4 + 0.6 + 0.6 + 0.4, 1])


def test_the_opposite_turns_both():
    found = signed(with_mean(TRUTHS["both signs"]), covariance())
    one = found.turned(-1)
    np.testing.assert_array_equal(one.effect, -found.effect)
    np.testing.assert_array_equal(one.shrunken, -found.shrunken)
    lengths = norms(1.0, n=3)
    np.testing.assert_array_equal(lengths.turned(-1).effect, lengths.effect)
    np.testing.assert_array_equal(lengths.turned(-1).shrunken, lengths.shrunken)


def test_pointwise_bounds_and_p_values():
    found = signed(with_mean(TRUTHS["weak"]), covariance(), 7.0)
    low, high, p = found.pointwise(0.9)
    error = np.sqrt(covariance().diagonal())
    assert_close(high - low, 2 * student.ppf(0.95, 7) * error[None], 1e-12)
    assert_close(p, 2 * student.sf(np.abs(found.effect) / error, 7), 1e-12)
    null = estimates(TRUTHS["nothing"], covariance(), freedom=7.0).pointwise(0.95)[2]
    assert (null < 0.05).mean() == pytest.approx(0.05, abs=0.02)


def test_effects_at_levels_have_the_bounds_of_effects_in_groups():
    found = signed(with_mean(TRUTHS["weak"]), covariance(), 7.0)
    shape = (1, M + 1)
    one = LevelEffects(found.effect, np.sqrt(found.square), 7.0, np.ones(shape, dtype=int))
    for own, expected in zip(one.pointwise(0.9), found.pointwise(0.9), strict=True):
        assert own.shape == shape
        assert_close(own, expected, 1e-12)


# Decisions


def decisions(n_outputs=1, p=(1e-4, 0.3, np.nan)):
    effects = [estimates(TRUTHS["one sign"], covariance(), n=3, seed=k) for k in range(n_outputs)]
    for one in effects:
        for part in (one.effect, one.shrunken, one.square, one.correlation, one.freedom):
            part[2] = np.nan
    return Decisions(
        np.array(p),
        np.array(["", "", "why"], object),
        np.array([0.2, 0.1, np.nan]),
        effects,
        WEIGHTS,
    )


def test_corrections_count_pairs_that_were_not_tested():
    found = decisions()
    assert found.tested.tolist() == [True, True, False]
    np.testing.assert_array_equal(found.p_fdr, adjust(found.p_value, "fdr"))
    assert found.p_fdr[0] == pytest.approx(3e-4)


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_effects_are_inside_their_intervals(n_outputs):
    found = decisions(n_outputs)
    low, high = found.interval(0.95).T
    assert ((low <= found.effect) & (found.effect <= high))[:2].all()
    for part in (found.effect, low, high):
        assert np.isnan(part).tolist() == [False, False, True]


def test_magnitudes_beyond_an_interval_are_its_ends():
    found = decisions()
    (one,) = found.effects
    low, high = found.interval(0.95).T
    for factor, end in ((0, low), (100, high)):
        other = replace(found, effects=[replace(one, shrunken=factor * one.effect)])
        np.testing.assert_array_equal(other.effect, end)
    inside = replace(found, effects=[replace(one, shrunken=one.effect)])
    np.testing.assert_allclose(inside.effect, np.abs(one.effect[:, :-1]) @ WEIGHTS)


def test_several_outputs():
    found = decisions(3)
    assert found.sign.tolist() == ["", "", ""] and decisions().sign.tolist() == ["+", "+", ""]
    each = [one.interval(WEIGHTS, 1 - 0.05 / 3) for one in found.effects]
    np.testing.assert_array_equal(found.interval(0.95), np.mean(each, axis=0))
    mean = np.mean([one.magnitude(WEIGHTS) for one in found.effects], axis=0)
    np.testing.assert_allclose(found.effect[:2], np.clip(mean, *found.interval(0.95).T)[:2])


def test_pickle():
    found = decisions(2)
    copy = pickle.loads(pickle.dumps(found))
    np.testing.assert_array_equal(copy.interval(0.9), found.interval(0.9))
