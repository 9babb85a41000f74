import numpy as np
import pytest

from skgeh.geh.pairs import n_pairs, pair_index
from skgeh.significance._components import pair_components
from skgeh.significance._learned import assemble, fold_shapes, half_shapes, pair_places
from skgeh.significance._refits import Refit
from tests.oracles import assert_close

TRUE = [1, 7, 4]  # places of 10 pairs, weakest first


def case(n=200, d=5):
    X, pairs = np.random.default_rng(0).normal(size=(n, d)), pair_index(d)

    def predict(rows):
        strengths = zip((1.0, 2.0, 4.0), pairs[TRUE], strict=True)
        return rows.sum(1) + sum(k * rows[:, i] * rows[:, j] for k, (i, j) in strengths)

    return Refit(predict), X, pairs, [np.array([j]) for j in range(d)]


TRAIN, TEST = np.arange(150), np.arange(150, 200)


def test_shapes_are_components_at_test_rows_around_the_training_mean():
    one, X, pairs, twins = case()
    kept, shapes = fold_shapes(one, X, TRAIN, TEST, pairs=pairs, twins=twins, limit=10)
    assert kept.tolist() == list(range(10))
    expected = pair_components(one, X[TEST], X[TRAIN].mean(0), pairs, twins)
    assert_close(shapes, expected, 1e-12)


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_the_strongest_pairs_are_kept(limit):
    one, X, pairs, twins = case()
    kept, shapes = fold_shapes(one, X, TRAIN, TEST, pairs=pairs, twins=twins, limit=limit)
    assert kept.tolist() == sorted(TRUE[-limit:])
    every = pair_components(one, X[TEST], X[TRAIN].mean(0), pairs, twins)
    assert_close(shapes, every[:, kept], 1e-12)


def test_screening_sees_no_test_row():
    one, X, pairs, twins = case()
    seen = []
    recording = Refit(lambda rows: [seen.append(rows), one.predict(rows)][1])
    fold_shapes(recording, X, TRAIN, TEST, pairs=pairs, twins=twins, limit=2)
    screening, testing = seen
    for j in range(5):
        assert not np.isin(X[TEST, j], screening).any()
        assert not np.isin(X[TRAIN, j], testing).any()


def test_too_many_pairs_to_screen_by_predictions():
    d = 101
    X = np.zeros((200, d))
    ask = {"pairs": pair_index(d), "twins": [np.array([j]) for j in range(d)], "limit": 10}
    with pytest.raises(ValueError, match="5050 pairs are too many"):
        fold_shapes(Refit(lambda rows: rows[:, 0]), X, TRAIN, TEST, **ask)


@pytest.mark.parametrize("d", [2, 3, 7, 30])
def test_places_of_pairs(d):
    assert pair_places(pair_index(d), d).tolist() == list(range(n_pairs(d)))


def test_halves_of_models_without_hessians_have_shapes_only():
    one, X, pairs, twins = case()
    ask = {"pairs": pairs, "twins": twins, "partition": None, "points": TEST}
    shapes, hessians = half_shapes(one, X, TRAIN, np.arange(200), **ask)
    assert hessians is None
    assert_close(shapes, pair_components(one, X, X[TRAIN].mean(0), pairs, twins), 1e-12)


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
