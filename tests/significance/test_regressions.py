import numpy as np
import pytest
from scipy.stats import norm

from skgeh.geh.pairs import pair_index
from skgeh.significance import _regressions as regressions
from skgeh.significance._nuisance import main_effect_basis, smooth_shapes
from skgeh.significance._scores import fold_scores
from skgeh.tables.table import Table
from tests.oracles import assert_close


def case(n=300, d=3, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    y = X[:, 0] * X[:, 1] + X[:, 2] ** 2 + rng.normal(size=n)
    shapes = rng.normal(size=(n, 3, 2)) + X[:, :1, None] * X[:, 1:2, None]
    return X, y, pair_index(d), shapes, rng.permutation(n) % 3


class Regressions:
    """Of one target: without its axis."""

    def __init__(self, X, y, pairs, within=False):
        self.all = regressions.Regressions(Table.of(X, y), pairs, within)

    def scores(self, shapes, folds):
        return self.all.scores(shapes[..., None], folds)[..., 0]

    def smooth(self, kept, folds):
        z, weights = self.all.smooth(kept, folds)
        return z[..., 0], weights


def test_all_rows_together():
    X, y, pairs, shapes, folds = case()
    t = Regressions(X, y, pairs, within=False).scores(shapes, folds)
    assert_close(t, fold_scores(y, shapes, main_effect_basis(X), folds), 1e-12)


def test_inside_each_fold():
    X, y, pairs, shapes, folds = case()
    folds = np.where(np.arange(300) < 60, -1, folds)
    t = Regressions(X, y, pairs, within=True).scores(shapes, folds)
    for k in range(3):
        rows = folds == k
        alone = Regressions(X[rows], y[rows], pairs, within=False)
        assert_close(t[k], alone.scores(shapes[rows], np.zeros(rows.sum(), dtype=int))[0], 1e-12)


@pytest.mark.parametrize("within", [True, False])
def test_only_regressions_of_all_rows_see_the_targets_of_other_folds(within):
    X, y, pairs, shapes, folds = case()
    t = Regressions(X, y, pairs, within).scores(shapes, folds)
    moved = np.where(folds == 2, 10 * y**2, y)
    again = Regressions(X, moved, pairs, within).scores(shapes, folds)
    assert np.abs(again[2] - t[2]).min() > 1e-3
    assert (np.abs(again[:2] - t[:2]).max() < 1e-12) == within


def test_main_effects_of_other_features_remain_where_there_are_too_many():
    X, y, _, shapes, folds = case(n=300, d=61)
    pairs = np.array([[0, 1], [1, 60], [4, 5]])
    t = Regressions(X, y, pairs, within=False).scores(shapes, folds)
    basis = main_effect_basis(X[:, [0, 1, 4, 5, 60]])
    assert_close(t, fold_scores(y, shapes, basis, folds), 1e-12)


# Smooth shapes


def test_pairs_that_all_folds_chose_have_one_score_from_all_rows():
    X, y, pairs, _, folds = case()
    kept = np.ones((2, 3, 3), dtype=bool)
    z, weights = Regressions(X, y, pairs, within=False).smooth(kept, np.stack([folds, folds]))
    shapes, expected_weights = smooth_shapes(X, pairs, 4)
    expected = fold_scores(y, shapes, main_effect_basis(X), np.zeros(300, dtype=int))
    assert_close(z, expected, 1e-12)
    assert weights.tolist() == expected_weights.tolist()
    assert z[0, 0, 0] > 6


def test_pairs_that_some_folds_chose_have_the_sum_of_these():
    X, y, pairs, _, folds = case()
    folds = np.stack([folds, np.roll(folds, 1)])
    kept = np.ones((2, 3, 3), dtype=bool)
    kept[0, 1, 0] = kept[1, :, 2] = False
    found = Regressions(X, y, pairs, within=False)
    z, _ = found.smooth(kept, folds)
    shapes, _ = smooth_shapes(X, pairs, 4)
    for r in range(2):
        masked = shapes * np.array([kept[r, fold] for fold in folds[r]])[..., None]
        t = found.scores(masked, folds[r]) * kept[r, :, :, None]
        assert_close(z[r], t.sum(0) / np.sqrt(3), 1e-12)
    assert not z[1, 2].any()


def test_smooth_scores_without_an_interaction_are_standard_normal():
    z = []
    for seed in range(150):
        X, _, pairs, _, folds = case(n=200, seed=seed)
        rng = np.random.default_rng(1000 + seed)
        y = np.exp(X[:, 0]) + np.sin(2 * X[:, 1]) + rng.standard_t(6, size=200)
        kept = np.ones((1, 3, 3), dtype=bool)
        z.append(Regressions(X, y, pairs, within=False).smooth(kept, folds[None])[0])
    z = np.concatenate(z)
    assert np.abs(z.mean(0)).max() < 4 / 150**0.5
    assert 0.9 < z.std() < 1.1
    assert (2 * norm.sf(np.abs(z)) <= 0.05).mean() < 0.075
