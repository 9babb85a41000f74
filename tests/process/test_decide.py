"""Tests and effects of all pairs of a table."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from skgeh.geh.hessians import group_mean_hessians
from skgeh.geh.likelihoods import LOG_LOSSES, CrossEntropy, SquaredError
from skgeh.geh.pairs import pair_index
from skgeh.geh.partition import Partition
from skgeh.geh.task import Task
from skgeh.geh.views.blocks import Blocks, GroupedFunction
from skgeh.geh.views.differences import Steps
from skgeh.process import decide
from skgeh.process._products import AnovaFunctions
from skgeh.process._screen import Sizes
from skgeh.process.decide import _LOST, _WIDE, PairTests, _Places, _too_few
from skgeh.tables.features import Features
from tests.oracles import assert_close, random_partition
from tests.process.dense import standard

NAMES = "abcdefgh"


def task(X, y, weight=None, units=None):
    y = standard(y if y.ndim > 1 else y[:, None])
    weight = np.ones(len(X)) if weight is None else weight
    return Task(standard(X), y, weight, SquaredError(), units)


def pair_tests(given, features=None, **options):
    options = {"sizes": Sizes(8, 3), **options}
    features = [[j] for j in range(given.X.shape[1])] if features is None else features
    named = Features.named(given.X, dict(zip(NAMES, features, strict=False)))
    return PairTests.of(given, named, **options)


def product(n=600, noise=0.1, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3)) * [1, 5, 0.2]
    return X, X[:, 0] * X[:, 1] + np.sin(4 * X[:, 2]) + noise * X[:, 1].std() * rng.normal(size=n)


def unit(X, y, i=0, j=1):
    """What an effect of 1 in original units is in standard ones."""
    return X[:, i].std() * X[:, j].std() / y.std()


def thirds(x):
    return Partition(np.digitize(x, np.quantile(x, [1 / 3, 2 / 3])))


def asked(found, groups=None, features=None, **options):
    X = found.task.X
    features = [[j] for j in range(X.shape[1])] if features is None else features
    groups = random_partition(len(X), 3) if groups is None else groups
    return found.decided(X, groups, Blocks.of(features, X), **options)


# Effects


@pytest.mark.parametrize("seed", range(3))
def test_a_product_has_the_same_effect_everywhere(seed):
    X, y = product(seed=seed)
    found = pair_tests(task(X, y))
    for feature in range(3):
        decided = asked(found, thirds(X[:, feature]))
        effect = decided.effects[0].effect[0] / unit(X, y)
        np.testing.assert_allclose(effect, 1, atol=0.1)
        low, high = decided.interval(0.95)[0] / unit(X, y)
        assert 0 < low < 1 < high
    assert decided.sign[0] == "+" and decided.p_value[0] < 1e-6


@pytest.mark.parametrize("noise", [0, 1e-3])
def test_a_product_without_noise(noise):
    for seed in range(3):
        X, y = product(1000, noise, seed)
        y = y - np.sin(4 * X[:, 2]) + X[:, 2]
        found = pair_tests(task(X, y), sizes=decide._SIZES)
        effect = asked(found).effects[0].effect[0] / unit(X, y)
        np.testing.assert_allclose(effect, 1, atol=0.01)
        assert found.p_value[0, 0] < 1e-6


def test_effects_are_those_of_least_squares():
    """Two features of two values have one product, which is hardly shrunk."""
    rng = np.random.default_rng(0)
    X = (rng.random(size=(2000, 3)) < [0.5, 0.3, 0.6]).astype(float)
    y = X @ [1, -1, 0.5] - 0.4 * X[:, 0] * X[:, 1] + rng.normal(size=2000)
    design = np.column_stack([np.ones(2000), X, *(X[:, i] * X[:, j] for i, j in pair_index(3))])
    weights, (left,) = np.linalg.lstsq(design, y)[:2]
    error = np.sqrt(left / 2000 * np.linalg.inv(design.T @ design).diagonal())
    found = asked(pair_tests(task(X, y))).effects[0]
    for place, (i, j) in enumerate(pair_index(3)):
        ratio = unit(X, y, i, j)
        np.testing.assert_allclose(found.effect[place] / ratio, weights[4 + place], atol=0.015)
        np.testing.assert_allclose(np.sqrt(found.square[place]) / ratio, error[4 + place], rtol=0.1)
        np.testing.assert_allclose(found.correlation[place], 1, rtol=1e-9)


def test_effects_follow_a_curve():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1500, 3))
    y = X[:, 0] ** 2 * X[:, 1] + 0.3 * rng.normal(size=1500)
    groups = thirds(X[:, 0])
    found = asked(pair_tests(task(X, y)), groups)
    slopes = [2 * X[groups.labels == g, 0].mean() for g in range(3)]
    np.testing.assert_allclose(
        found.effects[0].effect[0] / unit(X, y), [*slopes, 2 * X[:, 0].mean()], atol=0.4
    )
    assert found.sign[0] == "mixed"
    magnitude = np.abs(slopes) @ groups.weights * unit(X, y)
    low, high = found.interval(0.95)[0]
    assert low < magnitude < high
    assert found.effect[0] == pytest.approx(magnitude, rel=0.15)


def test_the_opposite_of_an_output():
    X, y = product()
    found = pair_tests(task(X, y))
    one, two = (asked(found, output=0, sign=sign) for sign in (1.0, -1.0))
    np.testing.assert_array_equal(two.effects[0].effect, -one.effects[0].effect)
    assert (one.sign[0], two.sign[0]) == ("+", "-")
    for name in ("p_value", "share", "effect"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


def test_shrunken_effects_are_smaller_and_nearer():
    """Of noise; those of a strong pair are the same."""
    X, y = product(noise=0.05)
    strong = asked(pair_tests(task(X, y))).effects[0]
    np.testing.assert_allclose(strong.shrunken[0], strong.effect[0], rtol=0.03)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 4))
    found = asked(pair_tests(task(X, X[:, 0] + rng.normal(size=200))))
    weak = found.effects[0]
    raw, less = (np.abs(one[:, :-1]) @ found.weights for one in (weak.effect, weak.shrunken))
    assert (less < raw).all() and less.mean() < 0.7 * raw.mean()
    low, high = found.interval(0.95).T
    np.testing.assert_allclose(found.effect, np.clip(less, low, high))


# Categories


def categories(n=900, seed=0):
    """A category's slopes of a number; columns of features do not follow each other."""
    rng = np.random.default_rng(seed)
    level, X = rng.choice(3, n, p=[0.5, 0.3, 0.2]), rng.normal(size=(n, 2))
    slope = np.array([1.0, -1.0, 0.5])[level]
    y = slope * X[:, 0] + X[:, 1] + 0.3 * rng.normal(size=n)
    return level, X, y, slope


FEATURES = [[1, 3, 4], [0], [2]]


def interleaved(level, X):
    one = np.eye(3)[level]
    return np.column_stack([X[:, 0], one[:, 0], X[:, 1], one[:, 1], one[:, 2]])


@pytest.mark.parametrize(
    "features", [FEATURES, [[1, 3, 4], [2, 0]], [[4, 2], [0], [3, 1]]], ids=str
)
def test_norms_of_categories_are_those_of_blocks_of_hessians(features):
    level, X, y, _ = categories(300)
    given = task(interleaved(level, X), y)
    found = pair_tests(given, features)
    groups, blocks = random_partition(300, 4), Blocks.of(features, given.X)
    decided = found.decided(given.X, groups, blocks).effects[0]
    model, several = found.models[0], np.array([len(own) > 1 for own in features])
    np.testing.assert_array_equal(decided.is_norm, several[found.pairs].any(1))
    points = torch.as_tensor(given.X)
    seen = 0
    for part in model.statistics:
        weights = found._weights(model, part)[0]
        for row, place in enumerate(part.columns.places):
            places = np.sort(model.pairs.column_pairs[place])
            own = model.pairs.main.with_pairs(places, model.pairs.size)
            known = dict(zip(map(tuple, part.columns.factors[:, row].T), weights[row], strict=True))
            given_weights = np.array([known.get(tuple(both), 0.0) for both in own.factors.T])
            function = AnovaFunctions(own, given_weights[None], np.zeros(1))
            i, j = found.pairs[place]
            for at, partition in ((slice(4), groups), (slice(4, 5), Partition.one_group(300))):
                hessian = group_mean_hessians(GroupedFunction(function, blocks), points, partition)
                expected = hessian.full()[0, 0, :, i, j].numpy()
                assert_close(decided.effect[place, at], expected, 1e-6)
            seen += 1
    assert seen == len(found.pairs)


def test_the_effect_of_a_category_is_the_spread_of_its_levels():
    level, X, y, slope = categories()
    found = asked(pair_tests(task(interleaved(level, X), y), FEATURES), features=FEATURES)
    expected = slope.std() * X[:, 0].std() / y.std()
    np.testing.assert_allclose(found.effects[0].effect[0], expected, rtol=0.1)
    low, high = found.interval(0.95)[0]
    assert 0 < low < expected < high
    assert found.effect[0] == pytest.approx(expected, rel=0.1)
    assert found.sign[0] == "" and found.p_value[0] < 1e-6


@pytest.mark.parametrize("levels", [[0, 1], [1, 2], [2, 0]])
def test_the_coding_of_levels_does_not_matter(levels):
    level, X, y, _ = categories()
    y = y + np.random.default_rng(1).normal(size=len(y))
    one = np.eye(3)[level]
    every, some = (np.column_stack([part, X]) for part in (one, one[:, levels]))
    groups = thirds(X[:, 1])
    full, dropped = (
        asked(pair_tests(task(Z, y), features), groups, features)
        for Z, features in ((every, [[0, 1, 2], [3], [4]]), (some, [[0, 1], [2], [3]]))
    )
    for place in (0, 1):
        assert_close(dropped.effects[0].effect[place], full.effects[0].effect[place], 0.05)
        assert_close(dropped.effects[0].square[place], full.effects[0].square[place], 0.5)
    assert dropped.share[0] == pytest.approx(full.share[0], rel=0.05)


# Steps


def whole(n=900, seed=0):
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.integers(0, 5, n), rng.integers(0, 2, n), rng.normal(size=n)])
    return X.astype(float), rng.normal(size=n)


def steps_of(X):
    Z = standard(X)
    return Steps.of({0: Z[:, 0].max(), 1: Z[:, 1].max()}, X.std(0), [0, 1, 2])


def test_steps_are_slopes_for_products():
    X, noise = whole()
    y = X[:, 0] * X[:, 2] - 2 * X[:, 0] * X[:, 1] + 0.3 * noise
    found = pair_tests(task(X, y))
    slopes, steps = (asked(found, steps=one).effects[0].effect for one in (None, steps_of(X)))
    for place, expected in enumerate([-2, 1]):
        for effect in (slopes, steps):
            np.testing.assert_allclose(effect[place] / unit(X, y, 0, place + 1), expected, rtol=0.1)


def test_steps_are_differences_between_whole_numbers():
    """From the highest value, the step goes down."""
    X, noise = whole(1500)
    y = X[:, 0] ** 2 * X[:, 2] + 0.3 * noise
    groups = Partition(X[:, 0].astype(int))
    found = asked(pair_tests(task(X, y)), groups, steps=steps_of(X)).effects[0]
    expected = [1, 3, 5, 7, 7]
    np.testing.assert_allclose(found.effect[1, :5] / unit(X, y, 0, 2), expected, atol=0.4)


# P-values, outputs and shares


def test_p_values_of_several_outputs():
    X, y = product(noise=3.0)
    other = X[:, 0] * X[:, 2] + np.random.default_rng(1).normal(size=len(X))
    found = pair_tests(task(X, np.column_stack([y, other])))
    assert found.p_value.shape == found.share.shape == (3, 2)
    expected = np.minimum(1, 2 * found.p_value.min(1))
    np.testing.assert_allclose(found.pair_p_value, expected)
    every = asked(found)
    np.testing.assert_array_equal(every.p_value, found.pair_p_value)
    np.testing.assert_allclose(every.share, found.share.mean(1))
    assert every.sign.tolist() == ["", "", ""]
    for k in (0, 1):
        one = asked(found, output=k)
        np.testing.assert_array_equal(one.p_value, found.p_value[:, k])
        np.testing.assert_array_equal(one.share, found.share[:, k])
        np.testing.assert_array_equal(one.effects[0].effect, every.effects[k].effect)


def test_outputs_are_tested_as_if_alone():
    X, y = product(noise=3.0)
    other = np.random.default_rng(1).normal(size=len(X))
    both = pair_tests(task(X, np.column_stack([y, other])))
    alone = pair_tests(task(X, y))
    assert alone.p_value.shape == (3, 1)
    # pairs that enter are those of any output
    np.testing.assert_allclose(np.log(both.p_value[:, 0]), np.log(alone.p_value[:, 0]), atol=1)
    np.testing.assert_array_equal(alone.pair_p_value, alone.p_value[:, 0])


@pytest.mark.parametrize("seed", range(3))
def test_shares_add_up_to_that_of_the_interactions(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(1500, 4))
    f = X[:, 0] * X[:, 1] + 0.7 * np.sin(X[:, 1]) * X[:, 2]
    y = f + X[:, 3] + rng.normal(size=1500)
    share = pair_tests(task(X, y)).share[:, 0]
    assert (share >= 0).all() and share.argmax() == 0
    assert share.sum() == pytest.approx(f.var() / y.var(), abs=0.07)
    assert share[0] == pytest.approx((X[:, 0] * X[:, 1]).var() / y.var(), abs=0.07)


@pytest.mark.parametrize("known", [0.1, 0.5, 0.9])
def test_the_share_of_a_product_is_known(known):
    """``y = a b + noise`` of independent normal features, whose product has variance 1."""
    found = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(2000, 3))
        noise = np.sqrt(1 / known - 1) * rng.normal(size=2000)
        tests = pair_tests(task(X, X[:, 0] * X[:, 1] + noise))
        found.append(tests.share[:, 0])
    assert np.mean(found, axis=0)[0] == pytest.approx(known, abs=0.05)
    assert np.mean(found, axis=0)[1:].max() < 0.01


@pytest.mark.parametrize("strength", [1.0, 2.0])
def test_the_share_of_labels_is_that_of_working_responses(strength):
    """By the weighted variance of the true log-odds in that of their working responses."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2500, 3))
    f = strength * X[:, 0] * X[:, 1]
    p = 1 / (1 + np.exp(-f))
    y = (rng.random(2500) < p).astype(float)
    given = Task(standard(X), y[:, None], np.ones(2500), CrossEntropy(0.69))
    w = p * (1 - p)
    response = f + (y - p) / w
    total, own = (w @ (v - np.average(v, weights=w)) ** 2 for v in (response, f))
    share = pair_tests(given).share[:, 0]
    assert share[0] == pytest.approx(own / total, rel=0.2)
    assert share[1:].max() < 0.01


def test_shares_are_of_rows_by_their_weights():
    """Of uneven noise, rows count more where it is small, and curves explain more there."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3000, 3))
    f = X[:, 0] * X[:, 1]
    y = f + np.exp(X[:, 0]) * rng.normal(size=3000)
    found = pair_tests(task(X, y))
    weight = found.models[0].rows.model.observed.weight
    assert np.ptp(weight) > 1
    root = np.sqrt(weight)
    curves = np.column_stack([X[:, :2] ** k for k in range(4)])
    (left,) = np.linalg.lstsq(root[:, None] * curves[:, 1:], root * f)[1]
    expected = left / weight.sum() / np.cov(y, aweights=weight, ddof=0)
    assert found.share[0, 0] == pytest.approx(expected, rel=0.2)


def test_shares_by_their_formula():
    """Of the part of u that is no noise, along the weights of the pair."""
    X, y = product(noise=3.0)
    found = pair_tests(task(X, y))
    for model in found.models:
        for part in model.statistics:
            unit, o = model.rows.model.unit, part.columns.relative
            for row, place in enumerate(part.columns.places):
                prior = np.diag(1 / (_WIDE * unit * o[row]))
                wide = np.linalg.inv(part.C[row] + prior)
                b = wide @ part.u[row]
                seen = b @ part.C[row] @ b
                noise = np.trace(part.C[row] @ wide @ part.spread[row] @ wide)
                own = model.rows.model.noise_variance * max(seen - noise, 0)
                expected = own / model.rows.total
                assert found.share[found.places[place], 0] == pytest.approx(expected)


def test_the_share_of_a_strong_pair():
    X, y = product(300, noise=0.1)
    share = pair_tests(task(X, y)).share[0, 0]
    assert share == pytest.approx((X[:, 0] * X[:, 1]).var() / y.var(), rel=0.1)


@pytest.mark.parametrize("kind", ["labels", "classes", "poisson"])
def test_shares_of_working_responses(kind):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1000, 3))
    f = 1.5 * X[:, 0] * X[:, 1]
    weight = np.ones(1000)
    if kind == "poisson":
        y = rng.poisson(np.exp(0.5 * f))[:, None] + 0.0
        given = Task(X, y / y.mean(), weight, LOG_LOSSES["poisson"].of(y / y.mean(), weight))
    else:
        p = 1 / (1 + np.exp(-f))
        codes = (rng.random(1000) < p).astype(int) + (kind == "classes") * (rng.random(1000) < 0.3)
        y = codes[:, None].astype(float) if kind == "labels" else np.eye(3)[codes]
        shares = np.bincount(codes) / 1000
        given = Task(X, y, weight, CrossEntropy(float(-shares @ np.log(shares))))
    found = pair_tests(standardised(given))
    assert (found.share >= 0).all() and (found.share <= 1).all()
    assert found.share[0].max() > 0.05 and found.share[1:].max() < 0.03
    assert found.p_value[0].min() < 1e-6


def standardised(given):
    return replace(given, X=standard(given.X))


# What cannot be tested


def test_reasons():
    X, y = product()
    X = np.column_stack([X, X[:, 0], np.ones(600)])
    given = Task(np.column_stack([standard(X[:, :4]), np.zeros(600)]), standard(y[:, None]),
                 np.ones(600), SquaredError())  # fmt: skip
    found = pair_tests(given)
    reason = {
        tuple(pair): why for pair, why in zip(found.pairs.tolist(), found.reason, strict=True)
    }
    assert reason[0, 1] == "" and reason[1, 3] == "d is a copy of a"
    assert reason[1, 4] == "e is constant"
    known = np.isfinite(found.p_value[:, 0])
    np.testing.assert_array_equal(known, found.reason == "")
    assert known.sum() == 3
    decided = asked(found)
    np.testing.assert_array_equal(np.isnan(decided.effect), ~known)
    np.testing.assert_array_equal(np.isnan(decided.interval(0.9)), ~known[:, None] & [True, True])
    np.testing.assert_array_equal(np.isnan(decided.share), ~known)


def test_a_product_that_main_effects_explain():
    """No row has both of two rare features."""
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 3, 400)
    X = np.column_stack([kind == 0, kind == 1, rng.normal(size=400)]).astype(float)
    found = pair_tests(task(X, X[:, 0] + rng.normal(size=400)))
    assert np.isnan(found.p_value[0, 0]) and found.reason[0] == _LOST
    assert np.isfinite(found.p_value[1:]).all() and found.reason[1:].tolist() == ["", ""]


def test_a_product_that_main_effects_explain_among_no_others():
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 3, 400)
    X = np.column_stack([kind == 0, kind == 1]).astype(float)
    found = pair_tests(task(X, X[:, 0] + rng.normal(size=400)))
    assert np.isnan(found.p_value).all() and found.reason.tolist() == [_LOST]


@pytest.mark.parametrize(
    ("n", "classes", "units", "words"),
    [
        (39, None, None, "39 rows; a test needs at least 40"),
        (40, None, None, ""),
        (60, [51, 9], None, "9 rows of the rarest class; a test needs at least 10"),
        (60, [9, 51], None, "9 rows of the rarest class; a test needs at least 10"),
        (60, [50, 10], None, ""),
        (60, [30, 22, 8], None, "8 rows of the rarest class; a test needs at least 10"),
        (60, None, 4, "rows of 4 units; a test needs at least 5"),
        (60, None, 5, ""),
    ],
)
def test_too_few_rows(n, classes, units, words):
    rng = np.random.default_rng(0)
    X, y, likelihood = standard(rng.normal(size=(n, 2))), rng.normal(size=(n, 1)), SquaredError()
    if classes is not None:
        codes = np.repeat(np.arange(len(classes)), classes)
        y = np.eye(len(classes))[codes][:, 1:] if len(classes) == 2 else np.eye(3)[codes]
        likelihood = CrossEntropy(0.5)
    codes = None if units is None else np.arange(n) % units
    given = Task(X, y, np.ones(n), likelihood, codes)
    assert _too_few(given) == words
    found = pair_tests(given)
    assert found.reason.tolist() == [words] and np.isnan(found.p_value).all() == (words != "")
    decided = found.decided(X, Partition.one_group(n), Blocks.of([[0], [1]], X))
    assert decided.tested.tolist() == [words == ""]
    assert np.isnan(decided.effect).all() == np.isnan(decided.p_fdr).all() == (words != "")
    assert decided.sign.tolist()[0] in ("", "+", "-", "mixed")


def test_pairs_that_are_asked_for():
    X, y = product()
    every, some = pair_tests(task(X, y)), pair_tests(task(X, y), pairs=np.array([[0, 1], [1, 2]]))
    assert some.p_value.shape == (2, 1)
    assert some.p_value[0] == pytest.approx(every.p_value[0], rel=1)


# Points


@pytest.mark.parametrize("n", [50, 2500])  # in one block of rows, and in several
def test_mean_products_of_slopes(n):
    X, y = product(80)
    model = pair_tests(task(X, y)).models[0]
    points = np.random.default_rng(1).normal(size=(n, 3))
    groups = random_partition(n, 4)
    factors = model.pairs.columns[0].factors
    found = _Places(points, groups, Blocks.of([[0], [1], [2]], points)).mean_slopes(
        model.pairs.main, factors
    )
    slopes = model.pairs.main.slopes(points)
    products = slopes[factors[0]] * slopes[factors[1]]
    expected = [products[..., groups.labels == g].mean(-1) for g in range(4)]
    assert_close(found, np.stack([*expected, products.mean(-1)], axis=-1), 1e-10)
