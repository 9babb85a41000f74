"""Which products enter, where all would be too many."""

import numpy as np
import pytest

from skgeh.geh.pairs import n_pairs, pair_index
from skgeh.process import _screen as screen
from skgeh.process._regression import regress
from skgeh.process._scores import score_outside
from skgeh.process._screen import Sizes, choose_products, finer, is_feasible
from tests.process.dense import standard

PLAIN = {"known_noise": False, "unit": 1.0}


def place(d, i, j):
    return int(np.flatnonzero((pair_index(d) == [i, j]).all(1))[0])


def wide(n, d, noise=0.5, seed=0):
    """Two products, one with a main effect, among many features."""
    rng = np.random.default_rng(seed)
    X = standard(rng.normal(size=(n, d)))
    f = X[:, 1] * X[:, 4] + X[:, 2] + X[:, 2] * np.tanh(2 * X[:, d - 1])
    return X, standard(f + noise * rng.normal(size=n))


def chosen(X, y, sizes, weight=None, **options):
    y = y if y.ndim == 2 else y[:, None]
    weight = np.ones_like(y) if weight is None else weight
    return choose_products(X, y, weight, sizes, **{**PLAIN, **options})


def test_all_pairs_enter_if_they_are_few():
    X, y = wide(100, 6)
    products = chosen(X, y, Sizes(5, 3))
    assert list(products.sections) == list(range(15))
    assert len(products) == 6 * 5 + 15 * 9 and products.pair_functions == 3


@pytest.mark.parametrize("n", [400, 1500])
def test_true_pairs_enter_where_all_would_be_too_many(n, monkeypatch):
    monkeypatch.setattr(screen, "MOST_WEIGHTS", 600)
    monkeypatch.setattr(screen, "MOST_IN_ROWS", 1e6)
    X, y = wide(n, 40)
    products = chosen(X, y, Sizes(6, 3))
    assert {place(40, 1, 4), place(40, 2, 39)} <= set(products.sections)
    assert 240 < len(products) <= 600
    assert 30 <= len(products.sections) <= 40
    assert list(products.sections) == sorted(products.sections)
    fit = regress(products, X, y[:, None], np.ones((n, 1)))[0]
    assert set(np.argsort(-fit.scores)[:2]) == {place(40, 1, 4), place(40, 2, 39)}


def test_more_products_enter_in_the_space_of_few_rows(monkeypatch):
    monkeypatch.setattr(screen, "MOST_WEIGHTS", 600)
    X, y = wide(100, 20)
    assert len(chosen(X, y, Sizes(6, 3)).sections) == 190
    monkeypatch.setattr(screen, "MOST_VALUES", 1e5)
    assert len(chosen(X, y, Sizes(6, 3)).sections) < 190


def test_many_features_have_fewer_functions():
    assert Sizes(20, 4).of_many(10) == Sizes(20, 4)
    assert Sizes(20, 4).of_many(100) == Sizes(15, 4)
    assert Sizes(20, 4).of_many(600) == Sizes(2, 2)
    assert Sizes(20, 4).of_many(5000) == Sizes(1, 1)


@pytest.mark.parametrize(("n", "d"), [(30, 60), (20, 90)])
def test_fewer_rows_than_features(n, d):
    X, y = wide(n, d, noise=0.1)
    products = chosen(X, y, Sizes(20, 4))
    assert len(products) >= d and products.n_pairs == n_pairs(d)
    fit = regress(products, X, y[:, None], np.ones((n, 1)))[0]
    assert np.isfinite(fit.scores).all() and np.isfinite(fit.fitted).all()
    assert fit.scores.shape == (n_pairs(d),)


def test_a_pair_is_not_taken_for_the_shadow_of_another(monkeypatch):
    """A feature and its near copy: their pairs look alike until one is in the model."""
    monkeypatch.setattr(screen, "MOST_WEIGHTS", 400)
    monkeypatch.setattr(screen, "MOST_IN_ROWS", 1e6)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 30))
    X[:, 1] = X[:, 0] + 0.3 * rng.normal(size=500)
    X = standard(X)
    y = standard(3 * X[:, 0] * X[:, 2] + X[:, 3] * X[:, 4] + 0.2 * rng.normal(size=500))
    products = chosen(X, y, Sizes(4, 2))
    assert {place(30, 0, 2), place(30, 3, 4)} <= set(products.sections)
    fit = regress(products, X, y[:, None], np.ones((500, 1)))[0]
    assert fit.scores[place(30, 3, 4)] > fit.scores[place(30, 1, 2)]


def test_pairs_enter_for_any_of_the_outputs(monkeypatch):
    monkeypatch.setattr(screen, "MOST_WEIGHTS", 400)
    monkeypatch.setattr(screen, "MOST_IN_ROWS", 1e6)
    rng = np.random.default_rng(1)
    X = standard(rng.normal(size=(300, 25)))
    both = standard(np.column_stack([X[:, 0] * X[:, 1], X[:, 5] * X[:, 9]]))
    both = both + 0.3 * rng.normal(size=(300, 2))
    products = chosen(X, both, Sizes(4, 2))
    assert {place(25, 0, 1), place(25, 5, 9)} <= set(products.sections)


def test_rows_without_much_weight_do_not_decide(monkeypatch):
    monkeypatch.setattr(screen, "MOST_WEIGHTS", 400)
    monkeypatch.setattr(screen, "MOST_IN_ROWS", 1e6)
    X, y = wide(600, 25, noise=0.3)
    other, _ = wide(600, 25, seed=1)
    y[300:] = 3 * other[300:, 7] * other[300:, 8]
    X[300:] = other[300:]
    weight = np.where(np.arange(600) < 300, 2, 1e-6)[:, None] / 1.0000005
    some = chosen(X, y, Sizes(4, 2), weight)
    fit = regress(some, X, y[:, None], weight)[0]
    assert set(np.argsort(-fit.scores)[:2]) == {place(25, 1, 4), place(25, 2, 24)}


# Tables that cannot be held


def test_what_is_feasible():
    sizes = Sizes(20, 4)
    for n, d, expected in [
        (10**6, 10, True),
        (10**6, 1500, True),
        (10**6, 3000, True),
        (10**6, 3001, False),
        (3000, 10**5, True),
        (3001, 3001, False),
    ]:
        assert is_feasible(n, d, sizes) is expected


def test_tables_that_are_too_large_say_so(monkeypatch):
    monkeypatch.setattr(screen, "MOST_WEIGHTS", 20)
    X, y = wide(40, 30)
    words = r"posterior='gaussian_process': it holds up to 20 features.*40 rows and 30 features"
    with pytest.raises(ValueError, match=words):
        chosen(X, y, Sizes(4, 2))


# Finer products


def strong(noise, n=400, seed=0):
    """A pair whose shape takes products of many functions."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, size=(n, 4))
    f = np.sin(4 * X[:, 0]) * np.cos(5 * X[:, 2]) + X[:, 1]
    f = standard(f)
    return standard(X), standard(f + noise * rng.normal(size=n))


def refined(X, y, sizes=None):
    sizes = sizes or Sizes(12, 3)
    products = chosen(X, y, sizes)
    y = y if y.ndim == 2 else y[:, None]
    fits = regress(products, X, y, np.ones_like(y))
    return products, finer(products, fits, len(X))


def widths(products):
    return {k: s.stop - s.start for k, s in products.sections.items()}


def test_a_strong_pair_gets_finer_products_on_clean_data():
    before, after = refined(*strong(0.03))
    assert after is not before
    pair = place(4, 0, 2)
    assert widths(after)[pair] == 144  # of all functions
    others = {k: w for k, w in widths(after).items() if k != pair}
    assert sum(w > 9 for w in others.values()) <= 1


@pytest.mark.parametrize("seed", range(3))
def test_noise_gets_none(seed):
    X, _ = strong(0, seed=seed)
    y = standard(np.random.default_rng(seed).normal(size=400))
    before, after = refined(X, y)
    assert after is before


def test_finer_products_for_any_of_the_outputs():
    X, y = strong(0.03)
    rng = np.random.default_rng(0)
    both = np.column_stack([standard(rng.normal(size=400)), y])
    _, after = refined(X, both)
    assert widths(after)[place(4, 0, 2)] == 144


def test_finer_products_are_as_many_as_cost_allows(monkeypatch):
    X, y = strong(0.03)
    before, _ = refined(X, y)
    monkeypatch.setattr(screen, "MOST_PRODUCTS", 400 * (len(before) + 60) ** 2)
    _, after = refined(X, y)
    pair = place(4, 0, 2)
    assert widths(after)[pair] > widths(before)[pair]
    assert len(after) <= len(before) + 60
    monkeypatch.setattr(screen, "MOST_PRODUCTS", 400 * len(before) ** 2)
    before, after = refined(X, y)
    assert after is before


def test_at_most_a_few_pairs_are_refined(monkeypatch):
    monkeypatch.setattr(screen, "FINER", 2)
    X, _ = strong(0)
    y = standard(X[:, 0] * X[:, 1] + X[:, 1] * X[:, 2] + X[:, 0] * X[:, 3] + X[:, 2] * X[:, 3])
    before, after = refined(X, y + 1e-3 * np.random.default_rng(0).normal(size=400))
    wider = [k for k, w in widths(after).items() if w > widths(before)[k]]
    assert len(wider) == 2


def test_finer_products_are_never_coarser(monkeypatch):
    monkeypatch.setattr(screen, "FINEST", 3)
    before, after = refined(*strong(0.03))
    assert after is before


def test_scores_outside_rank_a_true_pair_first():
    X, y = wide(300, 12)
    main = chosen(X, y, Sizes(5, 3))
    main = main.part(np.flatnonzero(main.pair < 0))
    fit = regress(main, X, y[:, None], np.ones((300, 1)))[0]
    scores = score_outside(fit, np.arange(66))
    assert set(np.argsort(-scores)[:2]) == {place(12, 1, 4), place(12, 2, 11)}
