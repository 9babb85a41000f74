import random
import warnings
from itertools import product

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy.stats import binom, norm
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils.validation import check_is_fitted

from skgeh import (
    BayesianInteractionClassifier,
    BayesianInteractionRegressor,
    crossfit_test,
    score_test,
)
from skgeh.geh.pairs import pair_index
from skgeh.posteriors import GaussianProcess
from skgeh.significance import _refits as refits
from skgeh.significance._combination import VARIANCE_INFLATION
from skgeh.significance._regressions import Regressions
from skgeh.tables.corrections import adjust
from skgeh.tables.table import Table
from tests.oracles import assert_close
from tests.significance.crossfits import NAMES, logistic, once, products, quick, same, small, table
from tests.significance.oracles import binary, combined_by_hand, features, numbers, three

# Parameters


def test_folds_of_a_sequence_are_not_inflated():
    result = crossfit_test(products(), *table(600), cv="sequential", random_state=0)
    assert result.variance_inflation == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"cv": 1}, "cv == 1"),
        ({"cv": 16}, "for 300 rows: each fold needs 20 rows, so use at most 15 folds"),
        ({"cv": "time"}, "cv must be a whole number of folds or 'sequential'; got 'time'"),
        ({"n_repeats": 0}, "n_repeats == 0"),
        ({"max_pairs": 0}, "max_pairs == 0"),
        ({"pairs": [(0, 4)]}, "pairs must be a sequence"),
        ({"pairs": []}, "two different features"),
        ({"variance_inflation": 0.0}, "variance_inflation must be .* got 0.0"),
        ({"variance_inflation": "none"}, "variance_inflation must be 'auto' or a number"),
        ({"estimator": LogisticRegression()}, "Unknown label type"),
        ({"estimator": "forest"}, "an estimator with predict, such as .*; got 'forest'"),
        ({"estimator": small(max_epochs=0)}, "max_epochs == 0"),
        ({"random_state": "one"}, "cannot be used to seed"),
    ],
    ids=str,
)
def test_parameters_that_cannot_be_used(given, message):
    with pytest.raises(ValueError, match=message):
        quick(*table(), **given)


@pytest.mark.parametrize("given", [{"cv": 2.5}, {"n_repeats": 1.5}, {"max_pairs": 3.5}], ids=str)
def test_parameters_of_the_wrong_type(given):
    with pytest.raises(TypeError, match="must be an instance of"):
        quick(*table(), **given)


def test_tables_that_cannot_be_used():
    X, y = table()
    with pytest.raises(ValueError, match="at least 100 rows; got 99"):
        quick(X[:99], y[:99])
    X[3, 1] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        quick(X, y)


def test_a_model_of_several_targets_is_refused():
    class Two(LinearRegression):
        def predict(self, X):
            return np.column_stack([super().predict(X)] * 2)

    with pytest.raises(ValueError, match="one number per row"):
        quick(*table(), Two())


# What is found


@pytest.fixture(scope="module")
def found():
    X, y = table(400)
    frame = pd.DataFrame(X, columns=NAMES)
    return crossfit_test(small(max_epochs=25), frame, y, random_state=0), X, y


class TestNetworks:
    def test_the_true_pair_is_found_and_no_other(self, found):
        result, *_ = found
        assert result.p_value[0] < 1e-8
        assert (result.adjusted("fwer")[1:] > 0.05).all()
        assert result.tested.all()
        assert repr(result) == "<CrossfitResult of 6 pairs, 1 at a false discovery rate of 0.05>"

    def test_the_frame_begins_with_it(self, found):
        frame = found[0].to_frame()
        assert frame.loc[0, ["feature_i", "feature_j"]].tolist() == ["age", "bmi"]
        assert len(frame) == 6

    def test_p_values_are_those_of_the_scores(self, found):
        result, X, y = found
        regressions = Regressions(Table.of(X, y), pair_index(4))
        every = np.ones((3, 5, 6), dtype=bool)
        z, weights = regressions.smooth(every, np.zeros((3, 400), dtype=int))
        z = z[..., 0]
        phi = VARIANCE_INFLATION["concrete_dropout"][3]
        assert result.variance_inflation == phi
        third = score_test(X, y).p_value
        expected = combined_by_hand(result.fold_scores, phi, z, 1.0, weights, False, third)
        np.testing.assert_allclose(result.p_value, expected, rtol=1e-6, atol=1e-14)
        np.testing.assert_allclose(norm.sf(result.statistic), result.p_value, rtol=1e-6)

    def test_the_strength_is_that_of_the_truth(self, found):
        result, X, y = found
        true = (X[:, 0] * X[:, 1]).std() / y.std()
        assert 0.6 * true < result.strength[0] < 1.1 * true
        assert 0 < result.strength_lower()[0] < true
        assert np.abs(result.strength[1:]).max() < 0.2 * true
        assert (result.strength_lower() >= 0).all()

    def test_the_effect_is_that_of_the_truth(self, found):
        """The Hessian of a product, in standard units."""
        result, X, y = found
        true = X[:, 0].std() * X[:, 1].std() / y.std()
        low, high = result.confirmed_interval()[0]
        assert low < true < high
        assert 0.6 * true < result.confirmed_effect[0] < 1.6 * true
        assert result.confirmed_effect.argmax() == 0


def test_a_pair_without_monotone_part_is_found_by_what_was_learned():
    """Polynomials of degree 2 have little of a checkerboard; trees learn it."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, size=(800, 3))
    y = np.sign(np.sin(7 * X[:, 0])) * np.sign(np.sin(7 * X[:, 1])) + 0.3 * rng.normal(size=800)
    forest = RandomForestRegressor(10, min_samples_leaf=3)
    result = quick(X, y, forest, n_repeats=1, cv=3)
    assert result.p_value[0] < 1e-6
    assert norm.sf(np.abs(result.shape_scores[0, 0])).min() > 1e-4
    assert (result.adjusted("fwer")[1:] > 0.05).all()


@pytest.mark.parametrize("cv", [5, "sequential"])
def test_p_values_are_never_zero(cv):
    X, _ = table(600)
    y = 50 * X[:, 0] * X[:, 1] + 1e-3 * np.random.default_rng(1).normal(size=600)
    result = quick(X, y, cv=cv)
    assert 0 < result.p_value[0] < 1e-20
    assert (result.p_value > 0).all()
    assert np.isfinite(result.statistic).all()
    assert (result.adjusted("fdr") > 0).all()


def level(found, n_data_sets):
    """Bounds that a valid test exceeds with probability 1e-3."""
    null = np.array([result.p_value[1:] for result in found])
    assert (null <= 0.05).mean() <= binom.isf(1e-3, null.size, 0.05) / null.size
    wrong = [result.adjusted("fwer")[1:].min() <= 0.05 for result in found]
    assert sum(wrong) <= binom.isf(1e-3, n_data_sets, 0.05)
    power = np.mean([result.adjusted("fwer")[0] <= 0.05 for result in found])
    return power, null


def test_level_and_power():
    found = [quick(*table(strength=0.7, seed=seed)) for seed in range(60)]
    power, null = level(found, 60)
    assert power > 0.95
    assert (null <= 0.3).mean() > 0.1  # it is no test that never rejects


def test_level_and_power_of_a_sequence():
    found = [quick(*table(600, strength=0.7, seed=seed), cv="sequential") for seed in range(60)]
    power, null = level(found, 60)
    assert power > 0.95
    assert (null <= 0.3).mean() > 0.05


# Which tables


@pytest.mark.parametrize(
    ("build", "kind", "names"),
    [
        (lambda X: X, pd.DataFrame, {"x0", "x1"}),
        (lambda X: pd.DataFrame(X, columns=NAMES), pd.DataFrame, {"age", "bmi"}),
        (lambda X: pl.DataFrame(X, schema=list(NAMES)), pl.DataFrame, {"age", "bmi"}),
    ],
    ids=["array", "pandas", "polars"],
)
def test_names_and_kind_of_frame(build, kind, names):
    X, y = table()
    result = quick(build(X), y, n_repeats=1)
    frame = result.to_frame()
    assert type(frame) is kind
    assert {frame["feature_i"].to_list()[0], frame["feature_j"].to_list()[0]} == names
    assert same(result, quick(X, y, n_repeats=1))


def test_targets_of_any_kind():
    X, y = table()
    series = quick(X, pd.Series(y, index=np.arange(300)[::-1]), n_repeats=1)
    assert same(series, quick(X, y, n_repeats=1))
    counts = np.round(3 * y).astype(int)
    assert same(quick(X, counts, n_repeats=1), quick(X, counts.astype(float), n_repeats=1))


def test_whole_and_binary_features():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "count": rng.poisson(2, size=300),
            "yes": rng.random(300) < 0.4,
            "other": rng.random(300) < 0.5,
            "size": rng.normal(size=300),
        }
    )
    y = frame["count"] * frame["yes"] + frame["size"] + 0.5 * rng.normal(size=300)
    result = quick(frame, y)
    assert result.to_frame().loc[0, ["feature_i", "feature_j"]].tolist() == ["count", "yes"]
    assert result.p_value[0] < 1e-6
    assert (result.adjusted("fwer")[1:] > 0.05).all()


@pytest.mark.parametrize("pairs", [[("dose", "age"), ("age", "bmi")], [(0, 1), (0, 2)]], ids=str)
def test_chosen_pairs(pairs):
    X, y = table()
    result = quick(pd.DataFrame(X, columns=NAMES), y, pairs=pairs)
    assert result.pairs.tolist() == [[0, 1], [0, 2]]
    assert result.p_value[0] < 1e-6 < result.p_value[1]
    assert len(result.to_frame()) == 2


def copied():
    X, y = table()
    a, b, c, _ = X.T
    return pd.DataFrame({"a": a, "b": b, "log": -np.exp(a), "c": c, "one": 0 * a + 1}), y


@pytest.mark.filterwarnings("ignore:Constant features")
@pytest.mark.parametrize("estimator", [products(), small()], ids=["products", "networks"])
def test_pairs_of_copies_and_constants_are_not_tested(estimator):
    with pytest.warns(UserWarning, match="copies: log of a. Pairs with a copy") as caught:
        result = quick(*copied(), estimator, n_repeats=1)
    assert {one.filename for one in caught} == {quick.__code__.co_filename}
    names = np.array(result.feature_names)[result.pairs]
    mine = ~np.isin(names, ["log", "one"]).any(1)
    assert result.tested.tolist() == mine.tolist()
    for values in (result.p_value, result.statistic, result.adjusted("fwer")):
        assert np.isnan(values[~mine]).all() and np.isfinite(values[mine]).all()
    reasons = dict(zip(map(tuple, names), result.reason, strict=True))
    assert reasons["a", "log"] == reasons["log", "one"] == "log is a copy of a"
    assert reasons["a", "one"] == "one is constant" and reasons["a", "b"] == ""
    assert result.p_value[0] < 1e-6
    assert len(result.to_frame()) == 10


def test_no_pair_to_test():
    X, y = table()
    frame = pd.DataFrame({"a": X[:, 0], "back": -X[:, 0], "one": np.ones(300)})
    with pytest.raises(ValueError, match="no pair to test: back is a copy of a; one is constant"):
        quick(frame, y)


def aliases():
    """Of a, b and their product, all of 1 and -1, every product of two is the third."""
    rng = np.random.default_rng(0)
    a, b = rng.choice([-1.0, 1.0], size=(2, 800))
    frame = pd.DataFrame({"a": a, "b": b, "ab": a * b, "c": rng.normal(size=800)})
    return frame, frame["a"] * frame["c"] + rng.normal(size=800)


def test_pairs_that_are_combinations_of_others_are_named():
    with pytest.warns(UserWarning, match="^a x b, a x ab, b x ab: any interaction of these"):
        result = quick(*aliases(), cv="sequential")
    assert result.tested.tolist() == [False, False, True, False, True, True]
    assert np.isnan(result.p_value[~result.tested]).all()
    assert result.p_value[2] < 1e-6


# Screening


@pytest.mark.parametrize("estimator", [products(), small()], ids=["products", "networks"])
def test_of_many_features_the_strongest_pairs_are_learned(estimator):
    """Others have the score test alone."""
    X, y = table(400, 22, strength=2.0)
    result = quick(X, y, estimator, cv=2, n_repeats=1, max_pairs=10)
    assert len(result.p_value) == 231
    learned = np.isfinite(result.fold_scores).all((0, 1))
    assert 10 <= learned.sum() <= 20 and learned[0]
    assert np.isnan(result.fold_scores[..., ~learned]).all()
    assert result.tested.all() and (result.reason == "").all()
    assert result.p_value[0] < 1e-6
    score = score_test(X, y).p_value
    np.testing.assert_allclose(result.p_value[~learned], np.minimum(2 * score, 1)[~learned])
    for control in ("fdr", "fwer"):
        np.testing.assert_array_equal(result.adjusted(control), adjust(result.p_value, control))


# Reproducible, and without a trace


def test_the_seed_decides():
    X, y = table()
    forest = RandomForestRegressor(5, max_depth=4)
    first = quick(X, y, forest, n_repeats=1)
    assert same(first, quick(X, y, forest, n_repeats=1))
    assert same(first, quick(X, y, clone(forest).set_params(random_state=7), n_repeats=1))
    assert not same(first, quick(X, y, forest, n_repeats=1, random_state=1))
    generator = np.random.RandomState(0)
    assert same(first, quick(X, y, forest, n_repeats=1, random_state=generator))
    assert not same(first, quick(X, y, forest, n_repeats=1, random_state=generator))


def test_without_a_seed_every_run_is_another():
    X, y = table()
    runs = [quick(X, y, n_repeats=1, random_state=None) for _ in range(2)]
    assert not same(*runs)


@pytest.mark.parametrize(
    ("estimator", "backend"),
    [
        (products(), "threading"),
        (make_pipeline(StandardScaler(), RandomForestRegressor(3)), "threading"),
        (small(max_epochs=3), "threading"),
        (small(max_epochs=3), "loky"),
    ],
    ids=["products", "forest", "networks", "networks in processes"],
)
def test_results_do_not_depend_on_the_number_of_jobs(estimator, backend, monkeypatch):
    monkeypatch.setattr(refits, "STACK", (4, 4))  # several chunks
    X, y = table(200)
    alone = quick(X, y, estimator, n_repeats=1)
    with joblib.parallel_config(backend=backend):
        assert same(alone, quick(X, y, estimator, n_repeats=1, n_jobs=2))


@pytest.fixture
def two_threads():
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize(
    "estimator", [RandomForestRegressor(2), small(max_epochs=2)], ids=["forest", "networks"]
)
def test_nothing_global_is_touched(estimator, n_jobs):
    X, y = table(120)
    before = X.copy(), y.copy()
    python, torchs, numpys = random.getstate(), torch.get_rng_state(), np.random.get_state()  # noqa: NPY002
    with joblib.parallel_config(backend="threading"):
        quick(X, y, estimator, n_repeats=1, cv=2, n_jobs=n_jobs)
    assert random.getstate() == python
    assert torch.equal(torch.get_rng_state(), torchs)
    assert all(map(np.array_equal, np.random.get_state(), numpys))  # noqa: NPY002
    assert torch.get_num_threads() == 2
    np.testing.assert_array_equal(X, before[0])
    np.testing.assert_array_equal(y, before[1])


@pytest.mark.parametrize("estimator", [products(), small(max_epochs=3)], ids=["products", "nets"])
def test_the_estimator_stays_as_it_was(estimator):
    X, y = table(120)
    estimator = clone(estimator)
    given = str(estimator.get_params())
    quick(X, y, estimator, n_repeats=1, cv=2)
    with pytest.raises(NotFittedError):
        check_is_fitted(estimator)
    estimator.fit(X, y)
    predictions = estimator.predict(X)
    quick(X, -y, estimator, n_repeats=1, cv=2)
    np.testing.assert_array_equal(estimator.predict(X), predictions)
    assert str(estimator.get_params()) == given


def test_progress_is_shown_where_asked(capsys):
    quick(*table(), n_repeats=1)
    assert capsys.readouterr().err == ""
    quick(*table(), n_repeats=1, verbose=True)
    shown = capsys.readouterr().err
    assert "folds: 100%" in shown
    assert "halves: 100%" in shown


def test_the_warning_about_calibration_points_at_the_caller():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        quick(*table(), n_repeats=1, variance_inflation="auto")
    (warning,) = caught
    assert "Pipeline (of another kind) with cv=5 was not calibrated" in str(warning.message)
    assert warning.filename == quick.__code__.co_filename


# Who sees which rows


class Recording(RegressorMixin, BaseEstimator):
    """Remembers the rows that each of its clones was given."""

    log: list = []  # noqa: RUF012

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y):
        self.model_, self.predicted_ = products().fit(X, y), []
        self.log.append((X, y, self.predicted_, self.random_state))
        return self

    def predict(self, X):
        self.predicted_.append(X)
        return self.model_.predict(X)


@pytest.fixture
def log():
    Recording.log.clear()
    yield Recording.log
    Recording.log.clear()


def rows_of(values, X):
    """Which rows values of the first feature belong to; the anchor is none."""
    return set(np.flatnonzero(np.isin(X[:, 0], values)).tolist())


def seen(log, X, y):
    """Rows that each clone learned from, and rows that it was asked about."""
    found = []
    for rows, target, predicted, _ in log:
        learned = rows_of(rows[:, 0], X)
        assert len(learned) == len(rows)
        np.testing.assert_array_equal(np.sort(target), np.sort(y[sorted(learned)]))
        found.append((learned, rows_of(np.concatenate(predicted)[:, 0], X)))
    return found


@pytest.mark.parametrize("cv", [5, "sequential"])
def test_no_clone_sees_a_row_of_a_unit_that_is_held_out(log, cv):
    X, y = table(400)
    unit = np.random.default_rng(0).permutation(np.arange(400) % 80)
    quick(X, y, Recording(), cv=cv, groups=unit, n_repeats=1)
    splits = seen(log[: 3 if cv == "sequential" else 5], X, y)
    for train, test in splits:
        assert not set(unit[list(train)]) & set(unit[list(test)])
    assert len(splits) == (3 if cv == "sequential" else 5)


def test_no_clone_sees_its_test_rows(log):
    X, y = table(203)
    quick(X, y, Recording(), cv=5, n_repeats=2)
    splits = seen(log, X, y)
    assert len(splits) == 2 * 5 + 2
    everything = set(range(203))
    for learned, asked in splits[:10]:
        assert learned.isdisjoint(asked)
        assert learned | asked == everything
    for repeat in (splits[:5], splits[5:10]):
        assert sorted(row for _, asked in repeat for row in asked) == list(range(203))
    halves = [learned for learned, _ in splits[10:]]
    assert halves[0].isdisjoint(halves[1])
    assert halves[0] | halves[1] == everything


def test_a_sequence_learns_from_the_past_only(log):
    X, y = table(600)
    quick(X, y, Recording(), cv="sequential")
    first, second, third, *halves = seen(log, X, y)
    assert len(halves) == 2
    assert [len(learned) for learned, _ in (first, second, third)] == [240, 360, 480]
    assert second[0] == first[0] | first[1]
    assert third[0] == second[0] | second[1]
    assert third[0] | third[1] == set(range(600))
    assert all(learned.isdisjoint(asked) for learned, asked in (first, second, third))


def test_every_clone_has_a_seed_of_its_own(log):
    quick(*table(), Recording(random_state=3), n_repeats=1)
    states = [state for *_, state in log]
    assert all(isinstance(state, int) for state in states)
    assert len(set(states)) == len(states) == 5 + 2


def test_scores_of_a_sequence_do_not_know_later_targets(log):
    """The last fold's targets have no part in the scores of the folds before."""
    X, y = table(600)
    result = quick(X, y, Recording(), cv="sequential")
    last = sorted(seen(log[:3], X, y)[2][1])
    moved = y.copy()
    moved[last] = y[last] ** 2
    again = quick(X, moved, Recording(), cv="sequential")
    assert_close(again.fold_scores[:, :2], result.fold_scores[:, :2], 1e-9)
    assert np.abs(again.fold_scores[:, 2] - result.fold_scores[:, 2]).min() > 1e-6


@pytest.mark.parametrize("n", [100, 200, 300, 600])
@pytest.mark.parametrize("d", [3, 8])
def test_a_sequence_of_few_rows(n, d):
    result = quick(*table(n, d, strength=2.0), cv="sequential")
    p = result.p_value[result.tested]
    assert len(p) and ((p > 0) & (p <= 1)).all()


@pytest.mark.parametrize(("n", "d"), [(100, 8), (100, 25), (300, 30)])
def test_many_pairs_for_few_rows(n, d):
    result = quick(*table(n, d, strength=3.0))
    p = result.p_value[result.tested]
    assert len(p) and ((p > 0) & (p <= 1)).all()
    assert result.p_value[0] < 0.01


def test_a_balanced_design_of_binary_features():
    """Polynomials of degree 2 are constant on two equally frequent values: no evidence, not 1."""
    X = np.array(list(product([0.0, 1.0], repeat=4)) * 20)
    y = 1.4 * (X[:, 0] - 0.5) * (X[:, 1] - 0.5) + np.random.default_rng(0).normal(size=320)
    assert quick(X, y).p_value[0] < 1e-4


def test_shapes_of_the_scores(found):
    result, *_ = found
    assert result.fold_scores.shape == (3, 5, 6)
    assert result.shape_scores.shape == (1, 6, 4)


def test_pairs_that_are_combinations_of_others_are_named_by_folds_too():
    with pytest.warns(UserWarning, match="^a x b, a x ab, b x ab: any interaction of these"):
        quick(*aliases(), cv=5, n_repeats=1)


def test_labels_of_columns_that_are_numbers():
    X, y = table()
    result = quick(pd.DataFrame(X, columns=[3, 2, 1, 0]), y, pairs=[(3, 2)], n_repeats=1)
    assert result.p_value[0] < 1e-6  # of the columns labelled 3 and 2, not of columns 3 and 2


# Other posteriors


def test_a_process_is_crossfitted_like_any_regressor(monkeypatch):
    monkeypatch.setattr(refits, "fit_stack", None)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 3))
    y = X[:, 0] * X[:, 2] + X[:, 1] + 0.5 * rng.normal(size=120)
    estimator = BayesianInteractionRegressor(posterior=GaussianProcess(3, 3))
    words = r"inflation.*\(gaussian_process\).*not calibrated"
    with pytest.warns(UserWarning, match=words) as caught:
        result = crossfit_test(estimator, X, y, n_repeats=1, random_state=0)
    assert {warning.filename for warning in caught} == {__file__}
    assert result.variance_inflation == 2
    assert (result.adjusted("fwer") <= 0.05).tolist() == [False, True, False]


def test_auto_is_crossfitted_as_calibrated_networks():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 3))
    y = X.sum(1) + 0.05 * rng.normal(size=120)
    model = BayesianInteractionRegressor(max_epochs=1)
    result = crossfit_test(model, X, y, n_repeats=1, random_state=0)
    assert result.variance_inflation == 1.5


# Labels


def classifier(**parameters):
    return BayesianInteractionClassifier(
        **{"hidden_layer_sizes": (16, 16), "max_epochs": 15, **parameters}
    )


@pytest.mark.parametrize(
    "estimator",
    [logistic(), classifier(), RandomForestClassifier(50), products(LinearSVC())],
    ids=["logistic", "networks", "forest", "decision function"],
)
def test_two_classes(estimator):
    X, y = binary()
    result = once(estimator, X, y)
    assert result.targets is None and result.p_value.shape == (6,)
    assert result.p_value[0] < 1e-6 and result.p_value[1:].min() > 1e-3
    assert result.fold_scores.shape == (1, 5, 6)
    assert result.strength_lower()[0] > 0.5


def test_the_strength_is_in_logits():
    X, y = binary(3000)
    result = once(logistic(), X, y)
    true = 3 * (X[:, 0] * X[:, 1]).std()
    assert result.strength[0] == pytest.approx(true, rel=0.15)
    assert np.abs(result.strength[1:]).max() < 0.3


@pytest.mark.parametrize("cv", [5, "sequential"])
def test_three_classes(cv):
    X, y = three(seed=1)
    result = once(classifier(), X, y, cv=cv)
    assert result.targets == ["a", "b", "c"] and result.p_value.shape == (6, 3)
    assert (result.p_value[0, :2] < 1e-3).all()
    np.testing.assert_array_equal(result.adjusted("fwer"), adjust(result.p_value, "fwer"))
    assert (result.adjusted("fwer")[1:] > 0.05).all()
    frame = result.to_frame()
    assert len(frame) == 18 and set(frame.target) == {"a", "b", "c"}
    first = frame.iloc[0]
    assert (first.feature_i, first.feature_j) == ("x0", "x1")
    place = "abc".index(first.target)
    assert first.p_value == result.p_value[0, place]
    assert first.confirmed_low == result.confirmed_interval()[0, place, 0]
    assert repr(result).startswith("<CrossfitResult of 6 pairs and 3 targets, ")


def test_additive_logits_have_no_interactions_in_any_class():
    """One class against the rest would have: its log-odds are no additive function."""
    p = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(1500, 3))
        logits = np.column_stack([2 * X[:, 0], 2 * X[:, 1], 0 * X[:, 0]])
        y = (logits + rng.gumbel(size=logits.shape)).argmax(1)
        p.append(once(logistic(), X, y, variance_inflation=1.2).p_value)
    p = np.array(p)
    assert (p <= 0.05).mean() < 0.12
    assert (adjust(p, "fwer") > 0.01).all()


def test_the_order_of_labels_does_not_matter():
    X, y = binary()
    other = np.where(y == "yes", 0, 1)
    one, two = once(logistic(), X, y), once(logistic(), X, other)
    np.testing.assert_allclose(one.p_value[0], two.p_value[0], rtol=0.5)
    assert (one.p_value < 0.05).tolist() == (two.p_value < 0.05).tolist()


@pytest.mark.parametrize(
    ("y", "words"),
    [(np.zeros(400), "one class only"), (np.linspace(0, 1, 400), "Unknown label type")],
)
def test_labels_that_cannot_be_used(y, words):
    with pytest.raises(ValueError, match=words):
        once(logistic(), features(), y)


def test_weights_of_classes_reach_the_refits():
    X, y = binary()
    plain = once(classifier(), X, y)
    for weight in ("balanced", {"no": 1.0, "yes": 4.0}):
        result = once(classifier(class_weight=weight), X, y)
        assert result.p_value[0] < 1e-6
        assert not np.array_equal(result.fold_scores, plain.fold_scores)
    forest = RandomForestClassifier(10, class_weight={"no": 1.0, "yes": 4.0})
    assert np.isfinite(once(forest, X, y).p_value).all()


# Several targets


@pytest.mark.parametrize("estimator", [products(), small()])
def test_each_target_is_tested(estimator):
    X, Y = numbers()
    result = once(estimator, X, Y)
    assert result.targets == [0, 1] and result.p_value.shape == (6, 2)
    found = result.adjusted("fwer") <= 0.05
    assert found[0, 0] and found[4, 1] and found.sum() == 2
    true = [(X[:, 0] * X[:, 1]).std(), (5 * X[:, 1] * X[:, 3]).std()] / Y.std(0)
    np.testing.assert_allclose(result.strength[[0, 4], [0, 1]], true, rtol=0.35)


def test_a_linear_model_gives_each_target_what_it_would_have_alone():
    X, Y = numbers()
    both = once(products(), X, Y)
    for k in range(2):
        alone = once(products(), X, Y[:, k])
        assert_close(both.fold_scores[..., k], alone.fold_scores, 1e-6)
        assert_close(both.shape_scores[..., k], alone.shape_scores, 1e-6)
        # pairs that enter the null model are those of any target
        pair = [0, 4][k]
        assert both.p_value[pair, k] < 1e-6 and alone.p_value[pair] < 1e-6
        others = np.delete(np.arange(6), pair)
        np.testing.assert_allclose(both.p_value[others, k], alone.p_value[others], atol=0.5)
        assert_close(both.strength[:, k], alone.strength, 1e-6)


def test_models_of_one_target_are_refused():
    class One(LinearRegression):
        def predict(self, X):
            return super().predict(X)[:, 0]

    with pytest.raises(ValueError, match=r"one number per row and target, shape .*, 2\); got"):
        once(One(), *numbers())


def test_log_links_have_no_test_yet():
    X = np.random.default_rng(0).normal(size=(100, 3))
    with pytest.raises(ValueError, match=r"loss='squared_error'; got loss='gamma'.*np\.log"):
        crossfit_test(
            BayesianInteractionRegressor((8,), loss="gamma"), X, np.exp(X[:, 0]), n_repeats=1
        )
