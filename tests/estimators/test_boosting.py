import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from skgeh.estimators._boosting import _FOLDS, _settings, boosted_predictions, folds
from skgeh.geh.likelihoods import LEAST, LOG_LOSSES, CrossEntropy, SquaredError
from skgeh.geh.task import Task


def numbers(n, n_targets=1):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 4))
    y = np.sign(X[:, 0] * X[:, 1])[:, None] * np.arange(1, n_targets + 1)
    return Task(X, y + 0.1 * rng.normal(size=y.shape), np.ones(n), SquaredError())


def labels(X, codes, n_classes):
    y = np.eye(n_classes)[codes]
    return Task(X, y[:, 1:] if n_classes == 2 else y, np.ones(len(X)), CrossEntropy(1.0))


def r2(y, predictions):
    return 1 - np.square(y - predictions).mean(0) / y.var(0)


@pytest.mark.parametrize("n_targets", [1, 3])
def test_a_product_of_signs_is_learned(n_targets):
    task = numbers(600, n_targets)
    assert (r2(task.y, boosted_predictions(task, 0)) > 0.8).all()


@pytest.mark.parametrize("n_classes", [2, 3])
def test_classes_are_learned(n_classes):
    X = np.random.default_rng(0).normal(size=(600, 4))
    codes = (X[:, 0] * X[:, 1] > 0) * (n_classes - 1)
    codes[X[:, 2] > 1] = 1
    logits = boosted_predictions(labels(X, codes, n_classes), 0)
    found = logits[:, 0] > 0 if n_classes == 2 else logits.argmax(1)
    assert (found == codes).mean() > 0.9


def test_a_target_has_no_part_in_its_own_prediction():
    task = numbers(60)
    before = boosted_predictions(task, 0)
    for row in (0, 17, 59):
        y = task.y.copy()
        y[row] += 100
        after = boosted_predictions(Task(task.X, y, task.weight, task.likelihood), 0)
        same_fold = folds(np.zeros(60), 0) == folds(np.zeros(60), 0)[row]
        assert np.array_equal(after[same_fold], before[same_fold])
        assert not np.array_equal(after, before)


def test_rows_of_little_weight_say_little():
    task = numbers(600)
    wrong = np.where(np.arange(600)[:, None] % 2, task.y, 50.0)
    weight = np.where(np.arange(600) % 2, 1.0, 1e-9)
    odd = np.arange(1, 600, 2)
    some = boosted_predictions(Task(task.X, wrong, weight, task.likelihood), 0)
    every = boosted_predictions(Task(task.X, wrong, np.ones(600), task.likelihood), 0)
    assert r2(task.y[odd], some[odd]) > 0.7
    assert r2(task.y[odd], every[odd]) < 0


def test_scales_of_weights_and_monotone_transforms_change_nothing():
    task = numbers(200)
    same = Task(np.exp(task.X), task.y, np.full(200, 7.0), task.likelihood)
    assert np.array_equal(boosted_predictions(task, 0), boosted_predictions(same, 0))


def test_the_seed_decides_and_threads_do_not():
    task = numbers(300)
    first = boosted_predictions(task, 0)
    with threadpool_limits(4):
        assert np.array_equal(first, boosted_predictions(task, 0))
    assert not np.array_equal(first, boosted_predictions(task, 1))


@pytest.mark.parametrize("counts", [[20, 10], [7, 2, 1], [3, 3, 3], [9]])
def test_folds_have_equal_shares_of_every_class(counts):
    codes = np.repeat(np.arange(len(counts)), counts)
    fold = folds(codes, 0)
    for rows in (codes == k for k in range(len(counts))):
        sizes = np.bincount(fold[rows], minlength=_FOLDS)
        assert sizes.max() - sizes.min() <= 1


@pytest.mark.parametrize("n_units", [2, 3, 10, 40])
def test_units_are_in_one_fold_and_folds_have_as_many(n_units):
    units = 2 * np.random.default_rng(0).permutation(120 + n_units) % (2 * n_units)
    fold = folds(np.zeros(len(units)), 0, units)
    of_unit = [set(fold[units == unit]) for unit in np.unique(units)]
    assert all(len(found) == 1 for found in of_unit)
    sizes = np.bincount([min(found) for found in of_unit], minlength=_FOLDS)
    assert sizes.sum() == n_units and sizes.max() - sizes.min() <= 1


@pytest.mark.parametrize("n_units", [2, 5])
def test_a_unit_has_no_part_in_its_own_prediction(n_units):
    plain, units = numbers(60), np.arange(60) % n_units
    task = Task(plain.X, plain.y, plain.weight, plain.likelihood, units)
    before = boosted_predictions(task, 0)
    for unit in range(n_units):
        y = np.where(units[:, None] == unit, 5 - task.y, task.y)
        after = boosted_predictions(Task(task.X, y, task.weight, task.likelihood, units), 0)
        assert np.array_equal(after[units == unit], before[units == unit])
        assert not np.array_equal(after, before)


@pytest.mark.parametrize("n", [3, 8, 9, 20])
def test_few_rows_and_constant_columns(n):
    task = numbers(n)
    X = np.column_stack([task.X, np.ones(n), np.arange(n) % 2])
    for y in (task.y, np.zeros((n, 1))):
        found = boosted_predictions(Task(X, y, task.weight, task.likelihood), 0)
        assert np.isfinite(found).all()
    assert not found.any()  # the target was constant


@pytest.mark.parametrize("counts", [[7, 1], [1, 7], [6, 1, 1]])
def test_classes_of_a_single_row(counts):
    codes = np.repeat(np.arange(len(counts)), counts)
    X = np.random.default_rng(0).normal(size=(len(codes), 3))
    assert np.isfinite(boosted_predictions(labels(X, codes, len(counts)), 0)).all()


def test_large_tasks_take_fewer_and_larger_steps():
    small, wide, many = (
        _settings(np.zeros((900, d)), trees) for d, trees in ((10, 1), (500, 1), (10, 20))
    )
    assert small["max_iter"] > wide["max_iter"] > many["max_iter"] >= 5
    assert small["learning_rate"] < wide["learning_rate"] == many["learning_rate"]


def test_counts_of_a_fold_may_all_be_zero():
    X, y = np.random.default_rng(0).normal(size=(30, 3)), np.zeros((30, 2))
    y[[4, 5], [0, 1]] = 30.0
    task = Task(X, y, np.ones(30), LOG_LOSSES["poisson"].of(y, np.ones(30)))
    found = boosted_predictions(task, 0)
    assert np.isfinite(found).all() and found.min() >= np.log(LEAST)
