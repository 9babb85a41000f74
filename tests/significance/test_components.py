import numpy as np
import pytest

from skgeh.geh.pairs import pair_index
from skgeh.significance import _components as components
from tests.oracles import assert_close

FEW, MANY = 60, 1500  # predicted at the rows themselves, on a grid


def pair_components(predict, *given):
    """Of one target, without its axis."""
    return components.pair_components(lambda rows: predict(rows)[:, None], *given)[..., 0]


def table(n, d=3, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


def alone(d):
    return [np.array([j]) for j in range(d)]


def components_by_hand(predict, X, anchor, pairs):
    """One row and one pair at a time, by the definition."""
    found = np.zeros((len(X), len(pairs)))
    for row, x in enumerate(X):
        for k, (i, j) in enumerate(pairs):
            for inside, sign in (((i, j), 1), ((i,), -1), ((j,), -1), ((), 1)):
                point = np.array(anchor)
                point[list(inside)] = x[list(inside)]
                found[row, k] += sign * predict(point[None])[0]
    return found


def additive(X):
    return np.sin(X).sum(1) + X[:, 0] ** 3 + 5


def smooth(X):
    return additive(X) + np.sin(X[:, 0] * X[:, 1]) + np.tanh(X[:, 1] + X[:, 2]) * X[:, 0]


def test_components_are_those_of_the_definition():
    X, anchor, pairs = table(FEW, 4), np.array([0.3, -0.2, 1.0, 0.5]), pair_index(4)
    expected = components_by_hand(smooth, X, anchor, pairs)
    assert_close(pair_components(smooth, X, anchor, pairs, alone(4)), expected, 1e-12)


@pytest.mark.parametrize("n", [FEW, MANY])
def test_an_additive_function_has_none(n):
    X = table(n)
    found = pair_components(additive, X, X.mean(0), pair_index(3), alone(3))
    assert np.abs(found).max() < 1e-12


@pytest.mark.parametrize("n", [FEW, MANY])
def test_a_product_is_centred_at_the_anchor(n):
    X, c = table(n), np.array([0.5, -1.0, 2.0])
    found = pair_components(
        lambda rows: 3 * rows[:, 0] * rows[:, 2] + additive(rows), X, c, pair_index(3), alone(3)
    )
    assert_close(found[:, 1], 3 * (X[:, 0] - c[0]) * (X[:, 2] - c[2]), 1e-12)
    assert np.abs(found[:, [0, 2]]).max() < 1e-12


@pytest.mark.parametrize("n", [FEW, MANY])
def test_a_third_feature_stands_at_the_anchor(n):
    X, c = table(n), np.array([0.5, -1.0, 2.0])
    found = pair_components(lambda rows: rows.prod(1), X, c, np.array([[0, 1]]), alone(3))
    assert_close(found[:, 0], 2 * (X[:, 0] - c[0]) * (X[:, 1] - c[1]), 1e-12)


def test_many_rows_are_interpolated_closely():
    X, anchor, pairs = table(MANY), np.full(3, 0.5), pair_index(3)
    sizes = []

    def counted(rows):
        sizes.append(len(rows))
        return smooth(rows)

    found = pair_components(counted, X, anchor, pairs, alone(3))
    assert sum(sizes) <= 1 + 3 * 12 + 3 * 12**2
    parts = [pair_components(smooth, half, anchor, pairs, alone(3)) for half in np.split(X, 3)]
    exact = np.concatenate(parts)
    error = ((found - exact) ** 2).mean(0) / exact.var(0)
    assert 0 < error.max() < 0.03


@pytest.mark.parametrize("n", [FEW, MANY])
def test_a_binary_feature(n):
    X = table(n)
    X[:, 1] = X[:, 1] > 0.8
    c = X.mean(0)
    found = pair_components(
        lambda rows: np.where(rows[:, 1] > 0.5, 2.0, 0.0) * rows[:, 0],
        X,
        c,
        pair_index(3),
        alone(3),
    )
    assert_close(found[:, 0], 2 * X[:, 1] * (X[:, 0] - c[0]), 1e-12)
    assert np.abs(found[:, 1:]).max() < 1e-12


@pytest.mark.parametrize("n", [FEW, MANY])
def test_a_constant_feature_has_none(n):
    X = table(n)
    X[:, 1] = 0.4
    found = pair_components(smooth, X, X.mean(0), pair_index(3), alone(3))
    assert np.abs(found[:, [0, 2]]).max() < 1e-12
    assert found[:, 1].std() > 0.1


@pytest.mark.parametrize("n", [FEW, MANY])
def test_twins_move_together(n):
    """A model may use either copy: the component is that of the feature, not of the column."""
    X = table(n)
    copied = np.column_stack([X, X[:, 0]])
    together = [np.array([0, 3]), np.array([1]), np.array([2]), np.array([0, 3])]

    def predict(rows):
        return rows[:, 1] * (0.4 * rows[:, 0] + 0.6 * rows[:, 3]) + rows[:, 0] * rows[:, 3]

    c = copied.mean(0)
    found = pair_components(predict, copied, c, np.array([[0, 1], [0, 2]]), together)
    assert_close(found[:, 0], (X[:, 0] - c[0]) * (X[:, 1] - c[1]), 1e-12)
    assert np.abs(found[:, 1]).max() < 1e-12
    apart = pair_components(predict, copied, c, np.array([[0, 1]]), alone(4))
    assert_close(apart[:, 0], 0.4 * (X[:, 0] - c[0]) * (X[:, 1] - c[1]), 1e-12)


def test_some_pairs_are_those_of_all():
    X, anchor, pairs = table(FEW, 5), np.zeros(5), pair_index(5)
    every = pair_components(smooth, X, anchor, pairs, alone(5))
    some = [7, 1, 4]
    assert_close(pair_components(smooth, X, anchor, pairs[some], alone(5)), every[:, some], 1e-12)


def test_few_rows_at_a_time_predict_the_same(monkeypatch):
    X, anchor, pairs = table(FEW), np.zeros(3), pair_index(3)
    expected = pair_components(smooth, X, anchor, pairs, alone(3))
    sizes = []

    def counted(rows):
        sizes.append(len(rows))
        return smooth(rows)

    monkeypatch.setattr(components, "ROWS", 37)
    assert_close(pair_components(counted, X, anchor, pairs, alone(3)), expected, 1e-12)
    assert set(sizes[:-1]) == {37}
    assert sum(sizes) == 1 + (3 + 3) * FEW
