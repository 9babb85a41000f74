import numpy as np
import pytest

from skgeh.geh.pairs import pair_index
from skgeh.significance import _learned as components
from skgeh.significance._learned import (
    assemble,
    fold_shapes,
    half_shapes,
    pair_components,
)
from skgeh.significance._refits import Refit
from skgeh.tables.features import Features
from tests.oracles import assert_close

TRUE = [1, 7, 4]  # places of 10 pairs, weakest first


def case(n=200, d=5):
    X, pairs = np.random.default_rng(0).normal(size=(n, d)), pair_index(d)

    def predict(rows):
        strengths = zip((1.0, 2.0, 4.0), pairs[TRUE], strict=True)
        return rows.sum(1) + sum(k * rows[:, i] * rows[:, j] for k, (i, j) in strengths)

    return Refit(predict), X, pairs, Features.alone(X)


TRAIN, TEST = np.arange(150), np.arange(150, 200)


def test_shapes_are_components_at_test_rows_around_the_training_mean():
    one, X, pairs, features = case()
    kept, shapes = fold_shapes(one, TRAIN, TEST, pairs=pairs, features=features, limit=10)
    assert kept.tolist() == list(range(10))
    expected = pair_components(one, features.at(TEST), X[TRAIN].mean(0), pairs, features.twins)
    assert_close(shapes, expected, 1e-12)


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_the_strongest_pairs_are_kept(limit):
    one, X, pairs, features = case()
    kept, shapes = fold_shapes(one, TRAIN, TEST, pairs=pairs, features=features, limit=limit)
    assert kept.tolist() == sorted(TRUE[-limit:])
    every = pair_components(one, features.at(TEST), X[TRAIN].mean(0), pairs, features.twins)
    assert_close(shapes, every[:, kept], 1e-12)


def test_screening_sees_no_test_row():
    one, X, pairs, features = case()
    seen = []
    recording = Refit(lambda rows: [seen.append(rows), one.predict(rows)][1])
    fold_shapes(recording, TRAIN, TEST, pairs=pairs, features=features, limit=2)
    screening, testing = seen
    for j in range(5):
        assert not np.isin(X[TEST, j], screening).any()
        assert not np.isin(X[TRAIN, j], testing).any()


def test_too_many_pairs_to_screen_by_predictions():
    d = 101
    X = np.zeros((200, d))
    ask = {"pairs": pair_index(d), "features": Features.alone(X), "limit": 10}
    with pytest.raises(ValueError, match="5050 pairs are too many"):
        fold_shapes(Refit(lambda rows: rows[:, 0]), TRAIN, TEST, **ask)


def test_halves_of_models_without_hessians_have_shapes_only():
    one, X, pairs, features = case()
    ask = {"pairs": pairs, "features": features, "partition": None, "points": TEST}
    shapes, hessians = half_shapes(one, TRAIN, np.arange(200), **ask)
    assert hessians is None
    assert_close(
        shapes, pair_components(one, features, X[TRAIN].mean(0), pairs, features.twins), 1e-12
    )


def test_answers_find_their_rows_and_pairs():
    """Two splits of six rows in three folds, seven pairs, two of them kept each time."""
    rng = np.random.default_rng(0)
    folds = np.stack([rng.permutation(6) % 3 for _ in range(2)])
    splits, answers = [], []
    expected, chosen = np.zeros((2, 6, 7)), np.zeros((2, 3, 7), dtype=bool)
    for r in range(2):
        for k in range(3):
            train, test = np.flatnonzero(folds[r] != k), np.flatnonzero(folds[r] == k)
            mine = np.sort(rng.permutation([0, 2, 3, 6])[:2])
            values = rng.normal(size=(2, 2, 1))
            for a, row in enumerate(test):
                for b, pair in enumerate(mine):
                    expected[r, row, pair] = values[a, b, 0]
                    chosen[r, k, pair] = True
            splits.append((train, test))
            answers.append((mine, values))
    shapes, kept = assemble(splits, answers, 2, 6, 7)
    np.testing.assert_array_equal(kept, chosen)
    union = chosen.any((0, 1))
    assert union.sum() == 4
    np.testing.assert_array_equal(shapes[..., 0], expected[..., union])


FEW, MANY = 60, 1500  # predicted at the rows themselves, on a grid


def components_of_one(predict, X, *given):
    """Of one target, without its axis."""
    features = Features.alone(X) if isinstance(X, np.ndarray) else X
    return pair_components(lambda rows: predict(rows)[:, None], features, *given)[..., 0]


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
    assert_close(components_of_one(smooth, X, anchor, pairs, alone(4)), expected, 1e-12)


@pytest.mark.parametrize("n", [FEW, MANY])
def test_an_additive_function_has_none(n):
    X = table(n)
    found = components_of_one(additive, X, X.mean(0), pair_index(3), alone(3))
    assert np.abs(found).max() < 1e-12


@pytest.mark.parametrize("n", [FEW, MANY])
def test_a_product_is_centred_at_the_anchor(n):
    X, c = table(n), np.array([0.5, -1.0, 2.0])
    found = components_of_one(
        lambda rows: 3 * rows[:, 0] * rows[:, 2] + additive(rows), X, c, pair_index(3), alone(3)
    )
    assert_close(found[:, 1], 3 * (X[:, 0] - c[0]) * (X[:, 2] - c[2]), 1e-12)
    assert np.abs(found[:, [0, 2]]).max() < 1e-12


@pytest.mark.parametrize("n", [FEW, MANY])
def test_a_third_feature_stands_at_the_anchor(n):
    X, c = table(n), np.array([0.5, -1.0, 2.0])
    found = components_of_one(lambda rows: rows.prod(1), X, c, np.array([[0, 1]]), alone(3))
    assert_close(found[:, 0], 2 * (X[:, 0] - c[0]) * (X[:, 1] - c[1]), 1e-12)


def test_many_rows_are_interpolated_closely():
    X, anchor, pairs = table(MANY), np.full(3, 0.5), pair_index(3)
    sizes = []

    def counted(rows):
        sizes.append(len(rows))
        return smooth(rows)

    found = components_of_one(counted, X, anchor, pairs, alone(3))
    assert sum(sizes) <= 1 + 3 * 12 + 3 * 12**2
    parts = [components_of_one(smooth, half, anchor, pairs, alone(3)) for half in np.split(X, 3)]
    exact = np.concatenate(parts)
    error = ((found - exact) ** 2).mean(0) / exact.var(0)
    assert 0 < error.max() < 0.03


@pytest.mark.parametrize("n", [FEW, MANY])
def test_a_binary_feature(n):
    X = table(n)
    X[:, 1] = X[:, 1] > 0.8
    c = X.mean(0)
    found = components_of_one(
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
    found = components_of_one(smooth, X, X.mean(0), pair_index(3), alone(3))
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
    found = components_of_one(predict, copied, c, np.array([[0, 1], [0, 2]]), together)
    assert_close(found[:, 0], (X[:, 0] - c[0]) * (X[:, 1] - c[1]), 1e-12)
    assert np.abs(found[:, 1]).max() < 1e-12
    apart = components_of_one(predict, copied, c, np.array([[0, 1]]), alone(4))
    assert_close(apart[:, 0], 0.4 * (X[:, 0] - c[0]) * (X[:, 1] - c[1]), 1e-12)


def test_some_pairs_are_those_of_all():
    X, anchor, pairs = table(FEW, 5), np.zeros(5), pair_index(5)
    every = components_of_one(smooth, X, anchor, pairs, alone(5))
    some = [7, 1, 4]
    assert_close(components_of_one(smooth, X, anchor, pairs[some], alone(5)), every[:, some], 1e-12)


def test_few_rows_at_a_time_predict_the_same(monkeypatch):
    X, anchor, pairs = table(FEW), np.zeros(3), pair_index(3)
    expected = components_of_one(smooth, X, anchor, pairs, alone(3))
    sizes = []

    def counted(rows):
        sizes.append(len(rows))
        return smooth(rows)

    monkeypatch.setattr(components, "ROWS", 37)
    assert_close(components_of_one(counted, X, anchor, pairs, alone(3)), expected, 1e-12)
    assert set(sizes[:-1]) == {37}
    assert sum(sizes) == 1 + (3 + 3) * FEW
