import numpy as np
import pytest
from scipy.stats import norm
from sklearn.linear_model import RidgeCV

from skgeh.geh.pairs import pair_index
from skgeh.significance import _regressions as regressions
from skgeh.significance._nuisance import main_effect_basis, orthonormal
from skgeh.significance._regressions import fold_scores, without
from skgeh.significance._smooth_shapes import smooth_shapes
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
        rows, past = folds == k, folds < k
        splines = main_effect_basis(X, past.mean()) * np.sqrt(300)
        model = RidgeCV(np.logspace(-2, 2, 9)).fit(splines[past], y[past])
        suggested = model.predict(splines[rows])
        nuisance = orthonormal(np.column_stack([main_effect_basis(X[rows]), suggested]))
        expected = fold_scores(y[rows], shapes[rows], nuisance, np.zeros(rows.sum(), dtype=int))
        assert_close(t[k], expected[0], 1e-9)


def test_in_few_rows_earlier_rows_say_what_a_main_effect_is():
    """Of two features that are nearly one, in 100 rows a fold: a bend is not left to products."""
    found = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(500, 4))
        X[:, 1] = X[:, 0] + 0.1 * X[:, 1]
        y = 3 * np.tanh(6 * X[:, 0] - 2) + 0.3 * rng.normal(size=500)
        shapes = np.tanh(3 * X[:, :2] - 1).prod(1)[:, None, None]
        folds = np.maximum(rng.permutation(500) % 5 - 2, -1)
        given = Regressions(X, y, np.array([[0, 1]]), within=True)
        found.append(given.scores(shapes, folds)[:, 0, 0])
    t = np.array(found)
    assert np.abs(t.mean()) < 0.6
    assert (np.abs(t) > 1.96).mean() < 0.15


@pytest.mark.parametrize("within", [True, False])
def test_only_regressions_of_all_rows_see_the_targets_of_other_folds(within):
    X, y, pairs, shapes, folds = case()
    t = Regressions(X, y, pairs, within).scores(shapes, folds)
    moved = np.where(folds == 2, 10 * y**2, y)
    again = Regressions(X, moved, pairs, within).scores(shapes, folds)
    assert np.abs(again[2] - t[2]).min() > 1e-3
    assert (np.abs(again[:2] - t[:2]).max() < 1e-9) == within


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
    known = smooth_shapes(X, pairs, 4)
    expected = fold_scores(y, known.functions, main_effect_basis(X), np.zeros(300, dtype=int))
    assert_close(z, expected, 1e-12)
    assert weights.tolist() == known.weights.tolist()
    assert z[0, 0, 0] > 6


def test_pairs_that_some_folds_chose_have_the_sum_of_these():
    X, y, pairs, _, folds = case()
    folds = np.stack([folds, np.roll(folds, 1)])
    kept = np.ones((2, 3, 3), dtype=bool)
    kept[0, 1, 0] = kept[1, :, 2] = False
    found = Regressions(X, y, pairs, within=False)
    z, _ = found.smooth(kept, folds)
    shapes = smooth_shapes(X, pairs, 4).functions
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


def scores_by_hand(target, shapes, nuisance, folds):
    """Each pair by its own regression of the target and its shapes on all the rest, and HC2."""
    n, q, s = shapes.shape
    t = np.zeros((max(folds) + 1, q, s))
    for pair in range(q):
        others = [shapes[:, other] for other in range(q) if other != pair]
        regressors = np.hstack([nuisance, *others])
        hat = regressors @ np.linalg.pinv(regressors)
        e = target - regressors @ np.linalg.lstsq(regressors, target)[0]
        for shape in range(s):
            f = shapes[:, pair, shape]
            a = f - regressors @ np.linalg.lstsq(regressors, f)[0]
            for k in range(max(folds) + 1):
                score = square = 0.0
                for row in range(n):
                    if folds[row] == k:
                        score += a[row] * e[row]
                        square += (a[row] * e[row]) ** 2 / (1 - hat[row, row])
                t[k, pair, shape] = score / np.sqrt(square)
    return t


def scored(n=120, q=4, s=1, seed=0):
    """Correlated shapes, a target that contains two of them, uneven folds."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    shapes = rng.normal(size=(n, q, s)) + 0.7 * rng.normal(size=(n, 1, 1))
    shapes *= np.exp(rng.normal(size=(q, s)))
    shapes[:, 0] += X[:, :1] ** 2
    noise = rng.standard_t(4, size=n) * (1 + X[:, 0] ** 2)
    target = X.sum(1) + shapes[:, 0, 0] - shapes[:, -1, -1] + noise
    return target, shapes, main_effect_basis(X), rng.permutation(n) % 5 // 2


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("q", "s"), [(1, 1), (4, 1), (1, 3), (3, 4)])
def test_scores_are_those_of_separate_regressions(q, s, seed):
    target, shapes, nuisance, folds = scored(q=q, s=s, seed=seed)
    expected = scores_by_hand(target, shapes, nuisance, folds)
    assert np.abs(expected).max() > 0.5
    assert_close(fold_scores(target, shapes, nuisance, folds), expected, 1e-6)


def combinations(q, u, s, seed=0):
    return np.random.default_rng(seed).normal(size=(q, u, s))


@pytest.mark.parametrize(("q", "s", "u"), [(1, 1, 1), (3, 2, 5), (2, 4, 1)])
def test_directions_are_scored_in_the_place_of_shapes(q, s, u):
    """The span of a pair is taken out of the other pairs, whatever is scored in it."""
    target, shapes, nuisance, folds = scored(q=q, s=s)
    directions = combinations(q, u, s)
    found = fold_scores(target, shapes, nuisance, folds, directions)
    assert found.shape == (3, q, u)
    for k in range(u):
        mixed = np.einsum("nqs,qs->nq", shapes, directions[:, k])
        for pair in range(q):
            alone = np.delete(shapes, pair, axis=1).reshape(len(shapes), -1)
            basis = orthonormal(np.hstack([nuisance, alone]))
            own = [mixed[:, pair], *shapes[:, pair].T]
            expected = fold_scores(target, np.stack(own, axis=1)[:, None], basis, folds)[:, 0, 0]
            assert_close(found[:, pair, k], expected, 1e-4)


def units_by_hand(target, shapes, nuisance, folds, units):
    """Scores of one pair with one shape, its variance by CR2."""
    hat = nuisance @ nuisance.T
    a = shapes[:, 0, 0] - hat @ shapes[:, 0, 0]
    e = target - hat @ target
    full = np.column_stack([nuisance, a / np.linalg.norm(a)])
    t = np.zeros(folds.max() + 1)
    for k in range(len(t)):
        score = square = 0.0
        for unit in np.unique(units[folds == k]):
            rows = units == unit
            values, vectors = np.linalg.eigh(np.eye(rows.sum()) - full[rows] @ full[rows].T)
            scaled = vectors @ ((vectors.T @ e[rows]) / np.sqrt(values))
            score += a[rows] @ e[rows]
            square += (a[rows] @ scaled) ** 2
        t[k] = score / np.sqrt(square)
    return t


@pytest.mark.parametrize("largest", [1, 4, 30])
def test_units_count_together(largest):
    rng = np.random.default_rng(0)
    units = np.repeat(np.arange(60), rng.integers(1, largest + 1, size=60))
    n = len(units)
    X = rng.normal(size=(60, 2))[units] + 0.2 * rng.normal(size=(n, 2))
    target = X[:, 0] ** 2 + rng.normal(size=60)[units] + 0.3 * rng.normal(size=n)
    nuisance, shapes = orthonormal(np.column_stack([np.ones(n), X, X**2])), X.prod(1)[:, None, None]
    folds = units % 3
    order = rng.permutation(n)
    given = [one[order] for one in (target, shapes, nuisance, folds)]
    t = fold_scores(*given, units=units[order])[:, 0, 0]
    assert_close(t, units_by_hand(target, shapes, nuisance, folds, units), 1e-6)
    if largest == 1:
        assert_close(t, fold_scores(*given)[:, 0, 0], 0.1)


def test_scores_of_units_without_an_interaction_are_standard_normal():
    """Features and noise of a unit: rows alone would count each unit eight times."""
    found = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        units = np.repeat(np.arange(60), 8)
        X = rng.normal(size=(60, 2))[units]
        target = rng.normal(size=60)[units] + 0.3 * rng.normal(size=480)
        nuisance = orthonormal(np.column_stack([np.ones(480), X, X**2]))
        shapes, folds = X.prod(1)[:, None, None], np.zeros(480, dtype=int)
        found.append(
            [
                fold_scores(target, shapes, nuisance, folds, units=one)[0, 0, 0]
                for one in (units, None)
            ]
        )
    together, apart = np.array(found).T
    assert 0.8 < together.std() < 1.15 and apart.std() > 2
    assert 0.01 < (np.abs(together) > 1.96).mean() < 0.085


def test_rows_of_no_fold_are_in_the_regression_but_in_no_score():
    target, shapes, nuisance, folds = scored()
    folds = np.where(np.arange(120) < 40, -1, folds)
    t = fold_scores(target, shapes, nuisance, folds)
    assert_close(t, scores_by_hand(target, shapes, nuisance, folds), 1e-6)
    target[:40] += shapes[:40, 0, 0]
    assert np.abs(fold_scores(target, shapes, nuisance, folds) - t).min() > 1e-9


@pytest.mark.parametrize("unit", [1e-8, 1e8])
def test_units_do_not_matter(unit):
    target, shapes, nuisance, folds = scored(s=2)
    expected = fold_scores(target, shapes, nuisance, folds)
    assert_close(fold_scores(unit * target, shapes, nuisance, folds), expected, 1e-9)
    assert_close(fold_scores(target, unit * shapes, nuisance, folds), expected, 1e-9)
    shapes[:, 1] *= unit
    assert_close(fold_scores(target, shapes, nuisance, folds), expected, 1e-9)


def test_the_sign_is_that_of_the_shape_in_the_target():
    target, shapes, nuisance, folds = scored(n=400)
    target = shapes[:, 1, 0] - 2 * shapes[:, 2, 0]
    target += 0.1 * np.random.default_rng(0).normal(size=400)
    t = fold_scores(target, shapes, nuisance, folds)[..., 0]
    assert (t[:, 1] > 4).all()
    assert (t[:, 2] < -4).all()


def test_main_effects_do_not_matter():
    target, shapes, nuisance, folds = scored()
    expected = fold_scores(target, shapes, nuisance, folds)
    moved = 10 * nuisance @ np.arange(nuisance.shape[1])
    assert_close(fold_scores(target + moved, shapes, nuisance, folds), expected, 1e-8)
    shapes = shapes + 0.1 * moved[:, None, None]
    assert_close(fold_scores(target, shapes, nuisance, folds), expected, 1e-6)


def test_a_shape_of_zeros_scores_zero_and_changes_no_other():
    target, shapes, nuisance, folds = scored()
    expected = fold_scores(target, shapes, nuisance, folds)
    longer = np.insert(shapes, 2, 0.0, axis=1)
    t = fold_scores(target, longer, nuisance, folds)
    assert not t[:, 2].any()
    assert_close(np.delete(t, 2, axis=1), expected, 1e-7)


def aliases(shapes, nuisance):
    return {
        "of main effects": (nuisance @ np.arange(nuisance.shape[1]), [2]),
        "of another pair": (3 * shapes[:, 1, 0], [1, 2]),
        "of two other pairs": (shapes[:, 0, 0] - shapes[:, 1, 0], [0, 1, 2]),
        "of a pair and main effects": (nuisance[:, 1] + shapes[:, 1, 0], [1, 2]),
    }


@pytest.mark.parametrize("of", aliases(*scored()[1:3]))
def test_shapes_that_are_combinations_score_zero(of):
    target, shapes, nuisance, folds = scored()
    shape, aliased = aliases(shapes, nuisance)[of]
    t = fold_scores(target, np.insert(shapes, 2, shape[:, None], axis=1), nuisance, folds)
    assert np.flatnonzero(~t.any((0, 2))).tolist() == aliased
    alone = fold_scores(target, shapes, nuisance, folds)
    others = [pair for pair in range(4) if pair + (pair >= 2) not in aliased]
    assert_close(np.delete(t, aliased, axis=1), alone[:, others], 1e-5)


def test_twins_inside_a_pair_score_as_one():
    target, shapes, nuisance, folds = scored()
    twice = np.repeat(shapes, 2, axis=2)
    expected = np.repeat(fold_scores(target, shapes, nuisance, folds), 2, axis=2)
    assert_close(fold_scores(target, twice, nuisance, folds), expected, 1e-4)


def test_scores_without_an_interaction_are_standard_normal():
    """Noise with outliers whose variance follows the shapes, beside one strong pair."""
    found = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(200, 3))
        shapes = np.stack([X[:, 0] * X[:, 1], X[:, 1] * X[:, 2]], axis=1)[..., None]
        noise = rng.standard_t(5, size=200) * np.sqrt(1 + shapes[:, 1, 0] ** 2)
        target = X[:, 0] + 3 * shapes[:, 0, 0] + noise
        found.append(
            fold_scores(target, shapes, main_effect_basis(X), rng.permutation(200) % 2)[:, 1, 0]
        )
    t = np.ravel(found)
    assert abs(t.mean()) < 4 / 600**0.5
    assert 0.85 < t.std() < 1.1
    assert 0.02 < (np.abs(t) > 1.96).mean() < 0.08


def test_what_a_basis_leaves():
    rng = np.random.default_rng(0)
    basis, columns = np.linalg.qr(rng.normal(size=(50, 4)))[0], rng.normal(size=(50, 3))
    left = without(columns, basis)
    assert np.abs(basis.T @ left).max() < 1e-12
    assert np.linalg.matrix_rank(np.hstack([basis, left, columns]), tol=1e-9) == 7
    assert_close(without(columns[:, 0], basis), left[:, 0])
