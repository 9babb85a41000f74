"""Scores of pairs, against dense matrices built without the pair."""

from itertools import combinations

import numpy as np
import pytest

from skgeh.geh.pairs import pair_index
from skgeh.process import _scores
from skgeh.process._model import Observed
from skgeh.process._posterior import ProcessPosterior
from skgeh.process._scores import (
    evidence,
    pair_evidence,
    pairs_of_copies,
    score_outside,
    score_pairs,
    triple_evidence,
    triples,
)
from skgeh.process._variances import typical_variances
from tests.oracles import assert_close, assert_mean
from tests.process.dense import (
    SPACES,
    Dense,
    main_effects,
    posterior_of,
    products_of,
    table,
    variances_of,
    weights_of,
)

spaces = pytest.mark.parametrize("space", SPACES)
rows = pytest.mark.parametrize("n", [20, 90])
CASES = {
    "all pairs": (),
    "a pair left": (10,),
    "finer products": (),
    "finer products left": (12,),
    "only finer products stay": (11,),
}


def case(name, space, n=60, noise=0.3):
    """Four features with eight components of main effects; two pairs may have finer products."""
    X, y = table(n, 4)
    weight = weights_of(n)
    products = products_of(X, n_functions=4, m=2, weight=weight)
    if "finer" in name:
        products = products.refined([3], 4)  # components 11 and 12
    variances = variances_of(products)
    variances[list(CASES[name])] = 0
    return posterior_of(space, X, y, products, variances, noise, weight)


def typical(X):
    return typical_variances(products_of(X))


def evidence_of(phi, K, y, relative):
    """Q and its expectation."""
    inverse = np.linalg.inv(K)
    expected = np.einsum("np,nm,mp->p", phi, inverse, phi)
    return relative @ (phi.T @ inverse @ y) ** 2, relative @ expected


def evidence_without(dense, columns, out):
    """The same of the best component of some columns, by a model without other columns."""
    products, found = dense.posterior.products, []
    for component in np.unique(products.component[columns]):
        own = columns[products.component[columns] == component]
        found.append(evidence_of(dense.phi[:, own], dense.K(out), dense.y, products.relative[own]))
    return max(found, key=lambda both: both[0] / both[1])


@spaces
@rows
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("noise", [0.3, 1e-3])
def test_evidence_for_a_pair_is_that_of_the_model_without_it(name, space, n, noise):
    given = case(name, space, n, noise)
    dense, products = Dense(given), given.products
    found = np.stack(pair_evidence(given), axis=1)
    for k in range(6):
        columns = np.flatnonzero(products.pair == k)
        expected = evidence_without(dense, columns, columns)
        np.testing.assert_allclose(found[k], expected, rtol=2e-5)


@spaces
@rows
@pytest.mark.parametrize("left", [(), (8,), (11,), (8, 12)], ids=["", "one", "other", "both"])
def test_pairs_of_copies_are_left_out_together(space, n, left):
    """Each would otherwise explain what the other does. Some of their components may have left."""
    X, y = table(n, 4)
    X[:, 3] = 1 - X[:, 1]
    products = products_of(X)
    variances = variances_of(products)
    variances[list(left)] = 0
    given = posterior_of(space, X, y, products, variances, weight=weights_of(n))
    # in the order 01 02 03 12 13 23
    copies = {0: [2], 2: [0], 3: [5], 5: [3]}
    assert pairs_of_copies(given) == copies
    dense, found = Dense(given), np.stack(pair_evidence(given), axis=1)
    for k in range(6):
        columns = np.flatnonzero(products.pair == k)
        out = np.flatnonzero(np.isin(products.pair, [k, *copies.get(k, [])]))
        expected = evidence_without(dense, columns, out)
        np.testing.assert_allclose(found[k], expected, rtol=2e-5)
    np.testing.assert_allclose(found[[2, 5]], found[[0, 3]], rtol=1e-6)


@spaces
def test_a_copy_of_a_feature_hides_no_pair(space):
    X, y = table(200, 3)
    twice = np.column_stack([X, X[:, 0]])
    one, two = (posterior_of(space, Z, y, variances=typical(Z)) for Z in (X, twice))
    alone, found = (score_pairs(given) for given in (one, two))
    np.testing.assert_allclose(found[[0, 4]], alone[0], rtol=0.2)
    assert alone[0] > 20 and pairs_of_copies(one) == {}


def test_features_that_do_not_vary_are_no_copies():
    X, y = table(50, 4)
    X[:, [1, 2]] = 0
    assert pairs_of_copies(posterior_of("weights", X, y)) == {}
    X[:, 0] = 0
    assert pairs_of_copies(posterior_of("weights", X, y)) == {}


@spaces
def test_pairs_without_columns_have_no_evidence(space):
    X, y = table(50, 4)
    main = main_effects(X)
    given = posterior_of(space, X, y, main.with_pairs(np.array([1, 4]), 2))
    for found in pair_evidence(given):
        np.testing.assert_array_equal(found > 0, [0, 1, 0, 0, 1, 0])


@spaces
def test_columns_that_do_not_vary_are_no_evidence(space):
    """The product of two rare features, which no row has together."""
    rng = np.random.default_rng(0)
    X = np.column_stack([np.arange(60) % 3 == 0, np.arange(60) % 3 == 1, rng.normal(size=60)])
    X = X.astype(float)
    products = products_of(X)
    given = posterior_of(space, X, rng.normal(size=60), products)
    found = np.stack(pair_evidence(given))
    assert np.isfinite(found).all()
    flat = np.column_stack([np.ones(60), np.ones(60), X[:, 2]])
    other = posterior_of(space, flat, rng.normal(size=60), products_of(flat))
    np.testing.assert_array_equal(np.stack(pair_evidence(other)), 0)


@spaces
@rows
def test_evidence_of_other_products(space, n):
    given = case("a pair left", space, n)
    dense = Dense(given)
    factors = np.array([[1, 2, 9, 4], [6, 11, 14, 0], [0, 3, 0, 0]])
    phi = dense.columns(factors)
    asked, expected = evidence(given, factors)
    assert_close(asked, (phi.T @ dense.inverse @ dense.y) ** 2, 1e-6)
    assert_close(expected, np.einsum("np,nm,mp->p", phi, dense.inverse, phi), 1e-7)


@spaces
def test_evidence_in_chunks_of_columns_and_blocks_of_rows(space, monkeypatch):
    X, y = table(1500, 3)
    products = products_of(X)
    given = posterior_of(space, X, y, products, weight=weights_of(1500))
    factors = products.factors[:, 12:]
    whole = evidence(given, factors)
    monkeypatch.setattr(_scores, "CHUNK", 5)
    for one, two in zip(evidence(given, factors), whole, strict=True):
        assert_close(one, two, 1e-9)
    dense = Dense(given)
    phi = dense.phi[:, 12:]
    assert_close(whole[0], (phi.T @ dense.inverse @ dense.y) ** 2, 1e-6)
    assert_close(whole[1], np.einsum("np,nm,mp->p", phi, dense.inverse, phi), 1e-6)


def test_expectations_may_come_from_some_of_the_rows(monkeypatch):
    X, y = table(4000, 4)
    main = main_effects(X)
    given = posterior_of("weights", X, y, main.with_pairs(np.array([0]), 2))
    factors = main.with_pairs(np.arange(1, 6), 2).factors[:, 16:]
    asked, expected = evidence(given, factors)
    monkeypatch.setattr(_scores, "PRODUCTS", 0)
    again, fewer = evidence(given, factors)
    np.testing.assert_array_equal(asked, again)
    assert np.abs(fewer - expected).min() > 0
    np.testing.assert_allclose(fewer, expected, rtol=0.5)  # of rows with long tails
    assert fewer.mean() == pytest.approx(expected.mean(), rel=0.1)


def test_what_some_rows_expect_of_copies_of_columns_is_not_negative(monkeypatch):
    """The model explains them, so that their evidence is far smaller than what they vary."""
    X, y = table(4000, 3)
    given = posterior_of("weights", X, y)
    factors = given.products.factors[:, 12:]
    asked, expected = evidence(given, factors)
    monkeypatch.setattr(_scores, "PRODUCTS", 0)
    _, fewer = evidence(given, factors)
    assert (fewer >= expected).all()
    assert (asked / fewer < 1).all()


def test_fewer_rows_than_columns_are_all_needed(monkeypatch):
    X, y = table(60, 3)
    given = posterior_of("rows", X, y)
    factors = given.products.factors[:, 12:]
    found = evidence(given, factors)
    monkeypatch.setattr(_scores, "PRODUCTS", 0)
    monkeypatch.setattr(_scores, "LEAST_ROWS", 7)
    for one, two in zip(evidence(given, factors), found, strict=True):
        assert_close(one, two, 1e-9)


@spaces
def test_too_many_products_are_taken_as_unshared(space, monkeypatch):
    given = case("all pairs", space)
    monkeypatch.setattr(_scores, "MOST_PROJECTED", 0)
    dense = Dense(given)
    factors = given.products.factors[:, 16:]
    _, expected = evidence(given, factors)
    assert_close(expected, (dense.columns(factors) ** 2).sum(0) / 0.3, 1e-9)


# Triples


def test_columns_of_triples():
    X, _ = table(30, 4)
    X[:, 2] = X[:, 2] > 0  # has a line only
    products = products_of(X)
    trios, factors = triples(products)
    of_each = {trio: [] for trio in combinations(range(4), 3)}
    for trio, three in zip(trios.tolist(), factors.T, strict=True):
        waves = three - products.starts[trio]
        of_each[tuple(trio)].append(tuple(waves))
    assert {trio: len(set(found)) for trio, found in of_each.items()} == {
        trio: 4 if 2 in trio else 8 for trio in of_each
    }
    assert len(trios) == sum(map(len, of_each.values()))


def test_triples_of_two_features_are_none():
    X, y = table(30, 2)
    given = posterior_of("weights", X, y)
    np.testing.assert_array_equal(np.stack(triple_evidence(given)), 0)
    assert len(triples(given.products)[0]) == 0


@pytest.mark.parametrize(("most", "each"), [(100, 8), (31, 1), (3, 0)])
def test_many_triples_have_fewer_columns(most, each, monkeypatch):
    monkeypatch.setattr(_scores, "MOST_COLUMNS", most)
    X, y = table(30, 4)
    given = posterior_of("weights", X, y)
    assert len(triples(given.products)[0]) == 4 * each
    assert np.stack(triple_evidence(given)).any() == (each > 0)


def test_many_triples_are_not_even_listed():
    """Those of a thousand features would fill the memory."""
    X = np.random.default_rng(0).normal(size=(20, 1000))
    assert len(triples(main_effects(X[:, :1000], 1))[0]) == 0


@spaces
@rows
def test_evidence_of_triples_is_that_of_all_that_contain_the_pair(space, n):
    given = case("a pair left", space, n)
    dense, products = Dense(given), given.products
    found = np.stack(triple_evidence(given))
    trios = list(combinations(range(4), 3))
    for k, pair in enumerate(pair_index(4).tolist()):
        total = np.zeros(2)
        for trio in trios:
            if set(pair) <= set(trio):
                for waves in np.ndindex(2, 2, 2):
                    factors = products.starts[list(trio)] + waves
                    phi = dense.columns(factors[:, None])
                    total += evidence_of(phi, dense.K(), dense.y, np.ones(1))
        np.testing.assert_allclose(found[:, k], total, rtol=1e-5)


# Scores


@spaces
@pytest.mark.parametrize(("most", "m"), [(20_000, 3), (20, 2), (10, 1), (1, 1)])
def test_scores_of_pairs_outside_of_the_model(space, most, m, monkeypatch):
    monkeypatch.setattr(_scores, "MOST_OUTSIDE", most)
    X, y = table(50, 4)
    X[:, 2] = X[:, 2] > 0
    main = main_effects(X)
    given = posterior_of(space, X, y, main.with_pairs(np.array([0]), 2))
    dense, outside = Dense(given), np.array([1, 2, 3, 5])
    found = score_outside(given, outside)
    for score, k in zip(found, outside, strict=True):
        part = main.products_of(k, m)
        phi = dense.columns(part.factors)
        asked, expected = evidence_of(phi, dense.K(), dense.y, part.relative)
        assert score == pytest.approx(asked / expected, rel=1e-5)


@spaces
def test_pairs_of_constants_outside_of_the_model_score_nothing(space):
    X, y = table(50, 3)
    X[:, 1] = 1
    given = posterior_of(space, X, y)
    np.testing.assert_array_equal(score_outside(given, np.array([0, 2])), 0)
    scores = score_pairs(given)
    assert scores[1] > 0 and scores[0] == scores[2] == 0


@spaces
def test_a_score_is_that_of_the_pair_and_twice_that_of_its_triples(space):
    X, y = table(50, 4)
    main = main_effects(X)
    given = posterior_of(space, X, y, main.with_pairs(np.array([0, 3]), 2))
    least = given.with_least_variance(0.3)
    (asked, expected), (more, of_more) = pair_evidence(least), triple_evidence(least)
    own = np.divide(asked, expected, out=np.zeros(6), where=expected > 0)
    own[[1, 2, 4, 5]] = score_outside(least, np.array([1, 2, 4, 5]))
    assert_close(score_pairs(given), own + 2 * more / of_more, 1e-12)


@spaces
@pytest.mark.parametrize("n", [25, 70])
def test_the_model_expects_a_score_of_one(space, n):
    """Targets from the process itself, without the pair that is scored; many of them at once."""
    X, _ = table(n, 3)
    weight = weights_of(n)
    products = products_of(X, n_functions=3, m=2)
    variances = variances_of(products)
    rng = np.random.default_rng(0)
    prior = variances[products.component] * products.relative
    scores = []
    of_triples = []
    design = products.design(X)
    for k in range(400):
        pair = k % 3
        own = np.where(products.pair == pair, 0, prior)
        main = (rng.normal(size=len(own)) * np.sqrt(own)) @ design
        noise = np.sqrt(0.3 / weight) * rng.normal(size=n)
        given = posterior_of(space, X, 5 + main + noise, products, variances, weight=weight)
        asked, expected = pair_evidence(given)
        scores.append(asked[pair] / expected[pair])
        full = main + (rng.normal(size=len(own)) * np.sqrt(prior - own)) @ design
        both = triple_evidence(
            posterior_of(space, X, full + noise, products, variances, weight=weight)
        )
        of_triples.append(both[0] / both[1])
    assert_mean(np.array(scores)[:, None], 1.0)
    assert_mean(np.array(of_triples), 1.0)


def test_a_true_pair_scores_more_than_others():
    X, y = table(200, 4)
    scores = score_pairs(posterior_of("weights", X, y))
    assert scores.argmax() == 0 and scores[0] > 5 * np.median(scores)


def test_units_of_the_target_do_not_matter():
    X, y = table(50, 3)
    one = posterior_of("weights", X, y)
    two = posterior_of(
        "weights", X, 7 * y + 100, variances=49 * one.variances, noise=49 * one.noise_variance
    )
    assert_close(score_pairs(two), score_pairs(one), 1e-7)


def test_a_posterior_of_observed_rows_has_scores():
    X, y = table(50, 3)
    one = posterior_of("weights", X, y)
    again = ProcessPosterior(
        one.products, one.data, one.variances, one.solution, Observed(X, y, np.ones(50))
    )
    np.testing.assert_array_equal(again.scores, one.scores)
