"""Score statistics against dense matrices of rows, built without the pair."""

from dataclasses import replace

import numpy as np
import pytest

from skgeh.process import _pair_statistics
from skgeh.process._pair_statistics import (
    BY_CHANCE,
    LEAST_LEFT,
    POWER,
    PairColumns,
    Rows,
    no_less,
    pair_statistics,
)
from tests.oracles import assert_close
from tests.process.dense import (
    SPACES,
    Dense,
    main_effects,
    posterior_of,
    standard,
    table,
    variances_of,
    weights_of,
)

spaces = pytest.mark.parametrize("space", SPACES)
rows = pytest.mark.parametrize("n", [30, 90])  # fewer and more than the columns
weighted = pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
NAMES = ("u", "C", "M", "spread", "seen", "fourth", "fourth_of_columns")

# in the order 01 02 03 12 13 23: pairs 01 and 13 are in the model, the variance of 12 is 0
INSIDE, PAIRS = [0, 3, 4], [[0], [1], [3], [4]]
STARTS = np.array([0, 4, 5, 13, 20, 21])


def case(space, n=60, weighted=True, noise=0.3):
    X, y = table(n, 4)
    weight = weights_of(n) if weighted else np.ones(n)
    products = main_effects(X, 4, weight).with_pairs(np.array(INSIDE), 2)
    variances = variances_of(products)
    variances[9] = 0
    return posterior_of(space, X, y, products, variances, noise, weight)


def columns_of(posterior, pairs=PAIRS, m=2):
    """Columns of pairs of features, given by places of their pairs of columns."""
    products, prior = posterior.products, Dense(posterior).prior
    known = dict(zip(map(tuple, products.factors.T.tolist()), prior, strict=True))
    parts = [[products.products_of(k, m) for k in own] for own in pairs]
    factors = np.stack(
        [np.concatenate([one.factors for one in part], axis=1) for part in parts], axis=1
    )
    relative = np.stack([np.concatenate([one.relative for one in part]) for part in parts])
    own = [[known.get(tuple(both), 0.0) for both in of.T.tolist()] for of in factors.swapaxes(0, 1)]
    waves = np.zeros(relative.shape, dtype=int)
    return PairColumns(np.arange(len(pairs)), factors, relative, waves, np.array(own))


def asked(rows, columns, **options):
    """Statistics of all pairs, together."""
    found = list(pair_statistics(rows, [columns], **options))
    return {name: np.concatenate([getattr(one, name) for one in found]) for name in NAMES}


class Naive:
    """One pair, by n x n matrices."""

    def __init__(self, posterior, columns, pair):
        self.dense = dense = Dense(posterior)
        factors = columns.factors[:, pair]
        own = [
            k
            for k, both in enumerate(posterior.products.factors.T.tolist())
            if both in factors.T.tolist()
        ]
        self.o, self.s2 = columns.relative[pair], dense.noise
        phi, self.without = dense.columns(factors), np.linalg.inv(dense.K(own))
        weight = posterior.observed.weight
        self.mean = np.outer(np.sqrt(weight), np.sqrt(weight)) / weight.sum()
        self.F = self.without @ phi
        self.u, self.C = phi.T @ self.without @ dense.y, phi.T @ self.F
        self.seen = self.s2 * self.C.diagonal() / (phi**2).sum(0)

    def covariances(self, stretched):
        """M, its spread and fourth moments, by residuals over what a model leaves of them.

        M has residuals of the model without the pair, and the spread those of the model.
        """
        without, within = (
            stretched(self.s2 * one @ self.dense.y, self.s2 * one - self.mean)
            for one in (self.without, self.dense.inverse)
        )
        S, own = without(self.F), within(self.F)
        rest = self.C - self.s2 * self.F.T @ self.F
        fourth = 2 / 3 * np.sum((S**2 @ self.o) ** 2), 2 / 3 * (S**4).sum(0)
        return rest + S.T @ S, rest + own.T @ own, self.seen, *fourth

    def by_rows(self):
        def stretched(noise, left):
            return lambda F: F * (noise / left.diagonal() ** (POWER / 2))[:, None]

        return self.covariances(stretched)

    def by_units(self, starts):
        def stretched(noise, left):
            found = noise.copy()
            for unit in np.split(np.arange(len(noise)), starts[1:]):
                share, V = np.linalg.eigh(left[np.ix_(unit, unit)])
                share = np.maximum(share, LEAST_LEFT) ** (-POWER / 2)
                found[unit] = V @ (share * (V.T @ noise[unit]))
            return lambda F: np.add.reduceat(F * found[:, None], starts)

        return self.covariances(stretched)

    def by_known(self, known):
        M = self.C + (known - 1) * self.s2 * self.F.T @ self.F
        return M, M, self.seen, 0.0, 0 * self.u

    def by_even(self):
        M, spread, seen, _, variances = self.by_rows()
        return *(self.no_less(one, variances) for one in (M, spread)), seen, 0.0, 0 * self.u

    def no_less(self, M, variances):
        """Covariances with the correlations of the model."""
        error = np.sqrt(self.C.diagonal())
        sure = M.diagonal() - BY_CHANCE * np.sqrt(variances)
        larger = np.sqrt(np.maximum(self.C.diagonal(), sure))
        return self.C / np.outer(error, error) * np.outer(larger, larger)


def assert_same(found, posterior, columns, spread, share=1e-6):
    for pair in range(len(columns.places)):
        naive = Naive(posterior, columns, pair)
        expected = (naive.u, naive.C, *spread(naive))
        for name, value in zip(NAMES, expected, strict=True):
            assert_close(found[name][pair], value, share)


@spaces
@rows
@weighted
def test_statistics_are_those_of_the_model_without_the_pair(space, n, weighted):
    posterior = case(space, n, weighted)
    columns = columns_of(posterior)
    assert columns.prior.any(1).tolist() == [True, False, False, True]
    found = asked(Rows(posterior), columns)
    assert_same(found, posterior, columns, Naive.by_rows)


@spaces
@rows
@weighted
def test_sums_over_units(space, n, weighted):
    posterior = case(space, n, weighted)
    columns = columns_of(posterior)
    found = asked(Rows(posterior, STARTS), columns)
    assert_same(found, posterior, columns, lambda one: one.by_units(STARTS), 1e-5)


@spaces
@pytest.mark.parametrize("known", [1, 0.5, 2 / 3])
def test_noise_of_labels_is_known(space, known):
    posterior = case(space, noise=1.0)
    columns = columns_of(posterior)
    found = asked(Rows(posterior, known=known), columns)
    assert_same(found, posterior, columns, lambda one: one.by_known(known))
    if known == 1:
        assert_close(found["M"], found["C"], 1e-12)


@spaces
@weighted
def test_even_noise_has_the_variance_of_the_model_or_more(space, weighted):
    posterior = case(space, weighted=weighted)
    columns = columns_of(posterior)
    found = asked(Rows(posterior, even=True), columns)
    assert_same(found, posterior, columns, Naive.by_even)
    own, seen = (np.einsum("pmm->pm", found[name]) for name in ("C", "M"))
    assert (seen > own * (1 - 1e-9)).all()
    assert (seen > 1.01 * own).any() and (seen < own * (1 + 1e-9)).any()  # there are both


def test_what_is_no_less():
    """Correlations stay, and so do variances that squared residuals exceed by chance alone."""
    C = np.array([[[4.0, 1], [1, 1]]])
    M, variances = C + np.array([[[3.0, 5], [5, 2]]]), np.array([[4.0, 400]])
    more = (7 - BY_CHANCE * 2) / 4
    root = np.sqrt(more)
    assert_close(no_less(C, M, variances), [[[4 * more, root], [root, 1]]], 1e-12)
    assert_close(no_less(C, M - 5 * np.eye(2), variances), C, 1e-12)
    assert_close(no_less(C, M, 0 * variances).diagonal(axis1=1, axis2=2), [[7, 3]], 1e-12)
    np.testing.assert_array_equal(no_less(0 * C, 0 * C, variances), 0)


def test_seen_is_what_others_do_not_explain():
    """Of a product of features of which no row has both, nothing is."""
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 3, 200)
    X = standard(np.column_stack([kind == 0, kind == 1, rng.normal(size=200)]).astype(float))
    products = main_effects(X, 4).with_pairs(np.array([], int), 2)
    variances = np.full(products.component.max() + 1, 1e4)
    y = standard(X[:, 0] + rng.normal(size=200))
    posterior = posterior_of("weights", X, y, products, variances)
    seen, one = [], np.ones((1, 1))
    for k in range(3):
        lines = products.products_of(k, 2).factors[:, :1, None]
        columns = PairColumns(np.arange(1), lines, one, np.zeros((1, 1), int), 0 * one)
        seen.append(asked(Rows(posterior), columns)["seen"].item())
    assert seen[0] < 1e-5 and min(seen[1:]) > 0.5 and max(seen) <= 1


@spaces
def test_a_feature_of_several_columns_is_left_out_as_one(space):
    """One of its pairs of columns is in the model, one is not, and of one the variance is 0."""
    posterior = case(space)
    columns = columns_of(posterior, [[0, 1, 3], [3, 4, 5]])
    assert columns.relative.shape == (2, 12)
    assert ((columns.prior > 0).sum(1) == 4).all()
    assert_same(asked(Rows(posterior), columns), posterior, columns, Naive.by_rows)


@spaces
def test_what_is_left_of_rows(space):
    posterior = case(space)
    dense, weight = Dense(posterior), posterior.observed.weight
    expected = dense.noise * dense.inverse.diagonal() - weight / weight.sum()
    assert_close(Rows(posterior).left, expected, 1e-7)


@spaces
def test_quick_statistics_believe_the_noise_of_the_model(space):
    rows = Rows(case(space))
    columns = columns_of(rows.model)
    quick, whole = asked(rows, columns, quick=True), asked(rows, columns)
    assert_close(quick["u"], whole["u"], 1e-12)
    assert_close(quick["M"], whole["C"], 1e-12)
    assert not quick["fourth"].any() and not quick["fourth_of_columns"].any()


@spaces
@pytest.mark.parametrize("kind", ["rows", "units", "labels", "even"])
@pytest.mark.parametrize(
    "sizes",
    [{"KEPT": 0}, {"AT_ONCE": 4}, {"BLOCK": 1, "LEAST_ROWS": 7},
     {"BLOCK": 1, "LEAST_ROWS": 7, "KEPT": 0, "AT_ONCE": 5}],
    ids=str,
)  # fmt: skip
def test_the_sizes_of_blocks_do_not_matter(space, kind, sizes, monkeypatch):
    posterior = case(space)
    given = {
        "rows": {},
        "units": {"starts": STARTS},
        "labels": {"known": 2 / 3},
        "even": {"even": True},
    }[kind]
    columns = columns_of(posterior)
    whole = asked(Rows(posterior, **given), columns)
    for name, value in sizes.items():
        monkeypatch.setattr(_pair_statistics, name, value)
    rows = Rows(posterior, **given)
    lengths = [one.stop - one.start for one in rows.blocks(16)]
    assert sum(lengths) == 60 and (len(lengths) > 1) == ("BLOCK" in sizes)
    parts = list(pair_statistics(rows, [columns]))
    assert len(parts) == (1 if "KEPT" in sizes and len(sizes) == 1 else 4)
    for name in NAMES:
        assert_close(np.concatenate([getattr(one, name) for one in parts]), whole[name], 1e-9)


def test_blocks_keep_units_whole(monkeypatch):
    monkeypatch.setattr(_pair_statistics, "BLOCK", 1)
    monkeypatch.setattr(_pair_statistics, "LEAST_ROWS", 7)
    blocks = list(Rows(case("weights"), STARTS).blocks(16))
    assert [(one.start, one.stop) for one in blocks] == [(0, 13), (13, 20), (20, 60)]


@pytest.mark.parametrize("starts", [None, STARTS], ids=["rows", "units"])
def test_the_number_of_jobs_does_not_matter(starts, monkeypatch):
    monkeypatch.setattr(_pair_statistics, "AT_ONCE", 4)
    posterior = case("weights")
    columns = columns_of(posterior)
    one, two = (asked(Rows(posterior, starts), columns, n_jobs=k) for k in (1, 2))
    for name in NAMES:
        np.testing.assert_array_equal(one[name], two[name])


def test_units_of_one_row_are_rows():
    """Pairs of the model, too."""
    posterior = case("weights")
    columns = columns_of(posterior)
    one, two = (asked(Rows(posterior, starts), columns) for starts in (None, np.arange(60)))
    for name in NAMES:
        assert_close(two[name], one[name], 1e-7)


@spaces
@pytest.mark.parametrize("times", [2, 5])
def test_units_of_copies_of_a_row_are_the_row(space, times):
    """If rows count as less, by as much."""
    posterior = case(space, weighted=False)
    seen, products = posterior.observed, posterior.products
    copied = posterior_of(
        space,
        np.repeat(seen.X, times, 0),
        np.repeat(seen.y, times),
        products,
        posterior.variances,
        times * posterior.noise_variance,
    )
    columns = columns_of(posterior)
    one = asked(Rows(posterior), columns)
    two = asked(Rows(copied, np.arange(0, 60 * times, times)), columns)
    for name in NAMES:
        assert_close(two[name], one[name], 1e-6)


def test_the_total_is_of_responses_around_their_mean():
    posterior = case("weights")
    seen = posterior.observed
    mean = np.average(seen.y, weights=seen.weight)
    expected = np.sum(seen.weight * (seen.y - mean) ** 2)
    assert Rows(posterior).total == pytest.approx(expected)


@spaces
def test_weights_of_rows_are_relative(space):
    """What is known of weights that differ by a factor differs by one too, and p-values do not."""
    posterior = case(space)
    seen, products = posterior.observed, posterior.products
    twice = posterior_of(space, seen.X, seen.y, products, posterior.variances, 0.6, 2 * seen.weight)
    one, two = (asked(Rows(given), columns_of(given)) for given in (posterior, twice))
    for name in ("u", "C", "M"):
        assert_close(two[name], one[name], 1e-7)


def test_some_of_the_pairs():
    columns = columns_of(case("weights"))
    part = columns.part(slice(1, 3))
    assert part.places.tolist() == [1, 2]
    for name in ("relative", "waves", "prior"):
        np.testing.assert_array_equal(getattr(part, name), getattr(columns, name)[1:3])
    np.testing.assert_array_equal(part.factors, columns.factors[:, 1:3])
    assert replace(part, places=np.arange(2)).part(slice(0, 0)).factors.shape == (2, 0, 4)
