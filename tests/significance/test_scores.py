import numpy as np
import pytest

from skgeh.significance._nuisance import main_effect_basis
from skgeh.significance._scores import fold_scores, without
from tests.oracles import assert_close


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


def case(n=120, q=4, s=1, seed=0):
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
    target, shapes, nuisance, folds = case(q=q, s=s, seed=seed)
    expected = scores_by_hand(target, shapes, nuisance, folds)
    assert np.abs(expected).max() > 1
    assert_close(fold_scores(target, shapes, nuisance, folds), expected, 1e-6)


def test_rows_of_no_fold_are_in_the_regression_but_in_no_score():
    target, shapes, nuisance, folds = case()
    folds = np.where(np.arange(120) < 40, -1, folds)
    t = fold_scores(target, shapes, nuisance, folds)
    assert_close(t, scores_by_hand(target, shapes, nuisance, folds), 1e-6)
    target[:40] += shapes[:40, 0, 0]
    assert np.abs(fold_scores(target, shapes, nuisance, folds) - t).min() > 1e-9


@pytest.mark.parametrize("unit", [1e-8, 1e8])
def test_units_do_not_matter(unit):
    target, shapes, nuisance, folds = case(s=2)
    expected = fold_scores(target, shapes, nuisance, folds)
    assert_close(fold_scores(unit * target, shapes, nuisance, folds), expected, 1e-9)
    assert_close(fold_scores(target, unit * shapes, nuisance, folds), expected, 1e-9)
    shapes[:, 1] *= unit
    assert_close(fold_scores(target, shapes, nuisance, folds), expected, 1e-9)


def test_the_sign_is_that_of_the_shape_in_the_target():
    target, shapes, nuisance, folds = case(n=400)
    target = shapes[:, 1, 0] - 2 * shapes[:, 2, 0]
    target += 0.1 * np.random.default_rng(0).normal(size=400)
    t = fold_scores(target, shapes, nuisance, folds)[..., 0]
    assert (t[:, 1] > 4).all()
    assert (t[:, 2] < -4).all()


def test_main_effects_do_not_matter():
    target, shapes, nuisance, folds = case()
    expected = fold_scores(target, shapes, nuisance, folds)
    moved = 10 * nuisance @ np.arange(nuisance.shape[1])
    assert_close(fold_scores(target + moved, shapes, nuisance, folds), expected, 1e-8)
    shapes = shapes + 0.1 * moved[:, None, None]
    assert_close(fold_scores(target, shapes, nuisance, folds), expected, 1e-6)


def test_a_shape_of_zeros_scores_zero_and_changes_no_other():
    target, shapes, nuisance, folds = case()
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


@pytest.mark.parametrize("of", aliases(*case()[1:3]))
def test_shapes_that_are_combinations_score_zero(of):
    target, shapes, nuisance, folds = case()
    shape, aliased = aliases(shapes, nuisance)[of]
    t = fold_scores(target, np.insert(shapes, 2, shape[:, None], axis=1), nuisance, folds)
    assert np.flatnonzero(~t.any((0, 2))).tolist() == aliased
    alone = fold_scores(target, shapes, nuisance, folds)
    others = [pair for pair in range(4) if pair + (pair >= 2) not in aliased]
    assert_close(np.delete(t, aliased, axis=1), alone[:, others], 1e-5)


def test_twins_inside_a_pair_score_as_one():
    target, shapes, nuisance, folds = case()
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
