import inspect
import pickle
import warnings

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

import skgeh.selector
from skgeh import (
    BayesianInteractionClassifier,
    BayesianInteractionRegressor,
    GEHSelector,
    score_test,
)
from skgeh.geh.pairs import pair_index
from skgeh.posteriors.trainer import Trainer
from skgeh.significance.crossfit import crossfit
from skgeh.significance.result import TestResult
from skgeh.significance.score import ScoreResult
from tests.significance.oracles import binary, numbers, three

SAMPLE_WEIGHT = {
    "check_sample_weight_equivalence_on_dense_data": "a stochastic learner's batches and held-out "
    "rows are other ones when rows are repeated"
}
SHIFT = np.array([3.0, -2.0, 5.0, 0.0])  # means far from 0: products have to be centred
NAMES = ["age", "weight", "dose", "time"]
FAR = 1e-200  # a level that nothing reaches
may_choose_nothing = pytest.mark.filterwarnings("ignore:GEHSelector chooses no pair:UserWarning")


def quick(**parameters):
    defaults = {"posterior": "concrete_dropout", "hidden_layer_sizes": (20,), "n_networks": 2}
    defaults |= {"max_epochs": 15, "n_draws": 25}
    return BayesianInteractionRegressor(**{**defaults, **parameters})


def rough(**parameters):
    return quick(
        **{"hidden_layer_sizes": (8,), "n_networks": 1, "max_epochs": 3, "n_draws": 5, **parameters}
    )


def selector(estimator=None, **parameters):
    estimator = quick() if estimator is None else estimator
    given = {"test": "crossfit", "n_groups": 3, "random_state": 0, **parameters}
    return GEHSelector(estimator, **given)


def product(n=200, d=4, noise=0.5, seed=0):
    """One interaction, of x0 and x2, beside a main effect."""
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(n, d))
    return Z + SHIFT[:d], Z[:, 0] * Z[:, 2] + Z[:, 1] + noise * rng.normal(size=n)


def by_names(frame):
    frame = (
        frame if isinstance(frame, pd.DataFrame) else pd.DataFrame(frame.to_dict(as_series=False))
    )
    return frame.set_index(["feature_i", "feature_j"])


def set_p_values(monkeypatch, p_value, tested=None):
    """Let the cross-fitted test find these p-values."""

    def found(estimator, table, trainer, **options):
        counted = np.ones(len(p_value), dtype=bool) if tested is None else np.array(tested)
        p = np.where(counted, p_value, np.nan)
        names = tuple(f"x{j}" for j in range(table.X.shape[1]))
        return TestResult(pair_index(len(names)), -p, p, counted, names, "pandas")

    monkeypatch.setattr(skgeh.selector, "crossfit", found)


@may_choose_nothing
@parametrize_with_checks(
    [
        selector(rough(), n_groups=2, test=None, max_pairs=2),
        selector(rough(), n_groups=2, test="interval"),
    ],
    expected_failed_checks=lambda estimator: SAMPLE_WEIGHT,
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def fitted():
    """Fitted on a data frame by the cross-fitted test; nobody changes it."""
    X, y = product()
    return selector().fit(pd.DataFrame(X, columns=NAMES), y)


@pytest.fixture(scope="module")
def frozen():
    """A fitted model of product(100)."""
    return FrozenEstimator(rough(random_state=0).fit(*product(100)))


class TestDecisions:
    def test_crossfit_finds_the_interaction(self, fitted):
        assert fitted.pairs_ == [(0, 2)]
        assert all(type(index) is int for index in fitted.pairs_[0])
        assert fitted.test_result_.p_value[1] < 1e-3

    def test_sequential_finds_the_interaction(self):
        X, y = product(n=450, d=3)
        model = selector(test="sequential").fit(X, y)
        assert model.pairs_ == [(0, 2)]
        assert model.test_result_.variance_inflation == 1.0
        assert model.test_result_.fold_scores.shape[:2] == (1, 3)

    def test_sequential_takes_small_tables(self):
        X, y = product(n=100)
        model = selector(rough(), test="sequential").fit(X, y)
        p_value, tested = model.test_result_.p_value, model.test_result_.tested
        assert tested.any()
        assert ((p_value[tested] > 0) & (p_value[tested] <= 1)).all()
        assert np.isnan(p_value[~tested]).all()  # folds of 20 rows bear two pairs each

    def test_permutation_finds_the_interaction_and_warns_what_it_is_no_test_of(self):
        X, y = product(n=150, d=3, noise=0.1)
        y = y - 0.5 * X[:, 1]
        model = selector(quick(n_networks=1), test="permutation", control="fwer")
        with pytest.warns(UserWarning, match="nothing in the table matters.*'score'") as caught:
            model.fit(X, y)
        assert {warning.filename for warning in caught} == {__file__}
        assert (0, 2) in model.pairs_
        assert model.test_result_.global_p_value == 1 / 200
        passed = model.test_result_.adjusted("fwer") <= 0.05
        assert {tuple(pair) for pair in model.test_result_.pairs[passed]} == set(model.pairs_)

    def test_interval_finds_the_interaction(self):
        X, y = product(n=300)
        ranking = FrozenEstimator(quick(max_epochs=60, random_state=0).fit(X, y))
        chosen = []
        for alpha in (0.5, 0.01):
            model = selector(ranking, test="interval", alpha=alpha).fit(X, y)
            assert model.test_result_ is None
            assert model.pairs_[0] == (0, 2)
            above = model.interactions_.interval(1 - alpha, kind="posterior")[:, 0] > 0
            assert {tuple(pair) for pair in model.interactions_.pairs[above]} == set(model.pairs_)
            chosen.append(len(model.pairs_))
        assert chosen[0] > chosen[1]

    def test_without_a_test_the_strongest_are_chosen(self):
        X, y = product()
        model = selector(test=None, max_pairs=2).fit(X, y)
        names = [(f"x{i}", f"x{j}") for i, j in model.pairs_]
        assert names == model.interactions_.top(2)
        assert model.pairs_[0] == (0, 2)
        assert model.test_result_ is None

    @pytest.mark.parametrize("case", ["noise", "strict level"])
    def test_nothing_found_passes_the_table_through(self, case):
        X, y = product(n=120)
        alpha = FAR
        if case == "noise":
            alpha, y = 0.05, np.random.default_rng(1).normal(size=len(y))
        with pytest.warns(UserWarning, match="chooses no pair") as caught:
            model = selector(alpha=alpha).fit(X, y)
        (message,) = (text for one in caught if "GEHSelector" in (text := str(one.message)))
        assert f"test='crossfit', control='fdr', alpha={alpha}" in message
        first = model.to_frame().iloc[0]
        least = f"p-value is {first.p_adjusted:.2g}, of {first.feature_i} x {first.feature_j}."
        assert least in message and "set test=None" in message
        assert model.pairs_ == []
        np.testing.assert_array_equal(model.transform(X), X)
        assert model.get_feature_names_out().tolist() == ["x0", "x1", "x2", "x3"]
        assert not model.to_frame().selected.any()
        assert model.interaction_cst() == [{0}, {1}, {2}, {3}]

    @pytest.mark.parametrize(
        ("control", "alpha", "chosen"),
        [("fdr", 0.05, 4), ("fdr", 0.042, 3), ("fdr", 0.001, 0), ("fwer", 0.05, 1),
         ("fwer", 0.07, 2), ("fwer", 0.1, 4)],
    )  # fmt: skip
    @may_choose_nothing
    def test_level_and_control_act_on_adjusted_p_values(
        self, frozen, monkeypatch, control, alpha, chosen
    ):
        # six pairs: Benjamini-Hochberg .006 .036 .04 .045 .6 .9, Holm .006 .06 .08 .09 1 1
        set_p_values(monkeypatch, [0.001, 0.012, 0.02, 0.03, 0.5, 0.9])
        model = selector(frozen, control=control, alpha=alpha).fit(*product(100))
        assert sorted(model.pairs_) == [(0, 1), (0, 2), (0, 3), (1, 2)][:chosen]
        p_adjusted = by_names(model.to_frame()).p_adjusted
        assert p_adjusted["x0", "x1"] == pytest.approx(0.006)
        assert p_adjusted["x0", "x2"] == pytest.approx(0.036 if control == "fdr" else 0.06)

    def test_where_none_could_be_tested_it_says_why(self, frozen, monkeypatch):
        set_p_values(monkeypatch, [1.0] * 6, tested=[False] * 6)
        with pytest.warns(UserWarning, match=r"none could be tested \(not tested\)"):
            selector(frozen).fit(*product(100))

    def test_no_interval_above_0_is_said_too(self, frozen):
        with pytest.warns(UserWarning, match="test='interval'.*no posterior interval lies above 0"):
            assert selector(frozen, test="interval", alpha=FAR).fit(*product(100)).pairs_ == []

    def test_who_wants_no_pair_is_not_told_so(self, frozen):
        assert selector(frozen, test=None, max_pairs=0).fit(*product(100)).pairs_ == []

    def test_a_p_value_at_the_level_passes(self, frozen, monkeypatch):
        set_p_values(monkeypatch, [1.0, 1.0, 1.0, 1.0, 1.0, 0.002], tested=[False] * 5 + [True])
        assert selector(frozen, alpha=0.012).fit(*product(100)).pairs_ == [(2, 3)]

    def test_pairs_that_were_not_tested_count_and_are_never_chosen(self, frozen, monkeypatch):
        set_p_values(monkeypatch, [0.008, 0.02, 1, 1, 1, 1], tested=[True] * 2 + [False] * 4)
        model = selector(frozen, control="fwer", alpha=0.99).fit(*product(100))
        assert sorted(model.pairs_) == [(0, 1), (0, 2)]
        frame = by_names(model.to_frame())
        assert frame.p_adjusted["x0", "x1"] == pytest.approx(0.048)
        assert frame.p_adjusted["x0", "x2"] == pytest.approx(0.1)
        assert frame[["p_value", "p_adjusted"]].isna().sum().tolist() == [4, 4]

    def test_pairs_are_in_the_order_of_p_values_and_ties_in_that_of_scores(
        self, frozen, monkeypatch
    ):
        ranking = frozen.estimator.interactions(n_groups=3)
        strongest = np.argsort(-ranking.score)
        p_value = np.empty(6)
        p_value[strongest] = [0.006, 0.005, 0.004, 0.004, 0.004, 0.001]
        set_p_values(monkeypatch, p_value)
        ordered = [tuple(pair) for pair in ranking.pairs[strongest[[5, 2, 3, 4, 1, 0]]].tolist()]
        model = selector(frozen).fit(*product(100))
        assert model.pairs_ == ordered
        assert selector(frozen, max_pairs=2).fit(*product(100)).pairs_ == ordered[:2]
        assert by_names(model.to_frame()).index.tolist() == [(f"x{i}", f"x{j}") for i, j in ordered]

    def test_most_pairs_are_taken_of_those_that_pass(self, frozen, monkeypatch):
        ranking = frozen.estimator.interactions(n_groups=3)
        p_value, strongest = np.full(6, 0.001), np.argsort(-ranking.score)
        p_value[strongest[0]] = 0.9
        set_p_values(monkeypatch, p_value)
        ordered = [tuple(pair) for pair in ranking.pairs[strongest].tolist()]
        assert selector(frozen, max_pairs=2).fit(*product(100)).pairs_ == ordered[1:3]
        assert selector(frozen, max_pairs=0).fit(*product(100)).pairs_ == []
        assert selector(frozen, max_pairs=99).fit(*product(100)).pairs_ == ordered[1:]

    def test_the_test_asked_for_is_run_on_the_estimator_as_it_is(self, frozen, monkeypatch):
        asked = []

        def watched(estimator, table, trainer, **options):
            asked.append((estimator, table, trainer, options))
            return crossfit(estimator, table, trainer, n_repeats=1, n_jobs=1, random_state=0)

        monkeypatch.setattr(skgeh.selector, "crossfit", watched)
        X, y = product(100)
        selector(frozen, n_jobs=2).fit(X, y)
        ((estimator, table, trainer, options),) = asked
        assert estimator is not frozen.estimator
        same = estimator.get_params() | {"n_groups": frozen.estimator.n_groups}
        assert same == frozen.estimator.get_params() and estimator.n_groups == 3
        own = frozen.estimator.trainer()
        assert vars(trainer.settings) == vars(own.settings)
        assert repr(trainer.family) == repr(own.family)
        np.testing.assert_array_equal(table.X, X)
        np.testing.assert_array_equal(table.y[:, 0], y)
        assert options["cv"] == 5 and options["n_jobs"] == 2
        selector(rough(max_epochs=2), test="sequential").fit(*product(450, d=3))
        assert asked[1][3]["cv"] == "sequential"
        assert asked[1][2].settings.max_epochs == asked[1][0].max_epochs == 2


class TestScoreTest:
    """The default."""

    def test_it_is_the_default(self):
        assert GEHSelector().test == "score"

    def test_p_values_are_those_of_the_score_test(self):
        X, y = product(150)
        frame = pd.DataFrame(X, columns=NAMES)
        model = selector(rough(), test="score").fit(frame, y)
        expected = score_test(frame, y)
        np.testing.assert_allclose(model.test_result_.p_value, expected.p_value, rtol=1e-9)
        assert isinstance(model.test_result_, ScoreResult) and model.pairs_ == [(0, 2)]
        rows = by_names(model.to_frame())
        assert "confirmed_effect" not in rows and "p_fdr" not in rows
        np.testing.assert_allclose(
            [rows.p_adjusted[NAMES[i], NAMES[j]] for i, j in expected.pairs],
            expected.adjusted("fdr"),
        )
        np.testing.assert_allclose(model.interactions_.p_value, expected.p_value, rtol=1e-6)

    @may_choose_nothing
    def test_weights_and_units_enter(self):
        X, y = product(150)
        weight, units = np.random.default_rng(1).uniform(0.5, 2, 150), np.arange(150) // 2
        for given in ({"sample_weight": weight}, {"groups": units}):
            found = selector(rough(), test="score").fit(X, y, **given).test_result_.p_value
            np.testing.assert_allclose(found, score_test(X, y, **given).p_value, rtol=1e-6)

    def test_nothing_is_refitted(self, frozen, monkeypatch):
        monkeypatch.setattr(Trainer, "train", None)
        assert selector(frozen, test="score").fit(*product(100, seed=3)).pairs_ == [(0, 2)]

    @pytest.mark.parametrize("loss", ["poisson", "gamma"])
    def test_log_links(self, loss):
        rng = np.random.default_rng(0)
        X = rng.normal(size=(300, 3))
        mean = np.exp(1 + X[:, 2] + 0.7 * X[:, 0] * X[:, 1])
        y = rng.poisson(mean) if loss == "poisson" else mean * rng.gamma(4, 0.25, size=300)
        model = selector(rough(loss=loss), test="score").fit(X, y)
        assert model.pairs_[0] == (0, 1)
        np.testing.assert_allclose(
            model.test_result_.p_value, score_test(X, y, loss=loss).p_value, rtol=1e-6
        )

    def test_too_few_rows(self, frozen):
        X, y = product(100)
        with pytest.raises(ValueError, match="at least 40 rows; got 39"):
            selector(frozen, test="score").fit(X[:39], y[:39])
        assert selector(frozen, test="score").fit(X[:40], y[:40]).test_result_.tested.all()


class TestTransform:
    def test_products_of_features_centred_at_the_training_means(self, fitted):
        X, _ = product()
        np.testing.assert_allclose(fitted.means_, X.mean(0))
        for table in (X, product(n=7, seed=3)[0] + 10, X[:1]):
            frame = pd.DataFrame(table, columns=NAMES)
            centred = table - X.mean(0)
            expected = np.column_stack([table, centred[:, 0] * centred[:, 2]])
            np.testing.assert_allclose(fitted.transform(frame), expected, atol=1e-12)

    def test_fit_transform_is_fit_and_transform(self):
        X, y = product()
        once = selector(rough(), test=None, max_pairs=3).fit_transform(X, y)
        twice = selector(rough(), test=None, max_pairs=3).fit(X, y).transform(X)
        assert once.shape == (200, 7)
        np.testing.assert_array_equal(once, twice)

    def test_the_target_is_not_looked_at(self, frozen):
        X, y = product(100)
        other = np.random.default_rng(5).normal(size=100)
        one, two = (selector(frozen, test=None, max_pairs=2).fit(X, goal) for goal in (y, other))
        assert one.pairs_ == two.pairs_
        np.testing.assert_array_equal(one.transform(X), two.transform(X))
        assert list(inspect.signature(one.transform).parameters) == ["X"]

    def test_weights_move_the_centres(self, frozen):
        X, y = product(100)
        weight = np.random.default_rng(1).integers(0, 4, 100)
        model = selector(frozen, test=None, max_pairs=1).fit(X, y, sample_weight=weight)
        np.testing.assert_allclose(model.means_, np.repeat(X, weight, axis=0).mean(0))

    def test_other_columns_are_refused(self, fitted):
        X, _ = product()
        with pytest.raises(ValueError, match="3 features, but GEHSelector is expecting 4"):
            selector(rough(), test=None, max_pairs=1).fit(*product()).transform(X[:, :3])
        with pytest.raises(ValueError, match="feature names should match"):
            fitted.transform(pd.DataFrame(X, columns=NAMES[::-1]))

    def test_new_missing_values_are_medians(self, fitted):
        X = pd.DataFrame(product()[0], columns=NAMES)
        median = X.iloc[:, 1].median()
        X.iloc[3, 1] = np.nan
        found = np.asarray(fitted.transform(X))
        assert found[3, 1] == pytest.approx(median) and np.isfinite(found).all()

    def test_unfitted(self):
        X, _ = product()
        unfitted = selector()
        for question in (
            unfitted.get_feature_names_out,
            unfitted.to_frame,
            unfitted.interaction_cst,
            lambda: unfitted.transform(X),
        ):
            with pytest.raises(NotFittedError):
                question()


class TestNames:
    def test_of_a_data_frame(self, fitted):
        assert fitted.feature_names_in_.tolist() == NAMES
        names = fitted.get_feature_names_out()
        assert names.dtype == object
        assert names.tolist() == [*NAMES, "age dose"]
        assert fitted.get_feature_names_out(NAMES).tolist() == names.tolist()
        with pytest.raises(ValueError, match="input_features is not equal to feature_names_in_"):
            fitted.get_feature_names_out(NAMES[::-1])

    def test_without_names(self):
        model = selector(rough(), test=None, max_pairs=1).fit(*product())
        model.column_pairs_ = [(1, 3), (0, 2)]
        assert not hasattr(model, "feature_names_in_")
        own = ["x0", "x1", "x2", "x3", "x1 x3", "x0 x2"]
        assert model.get_feature_names_out().tolist() == own
        given = [*NAMES, "weight time", "age dose"]
        assert model.get_feature_names_out(NAMES).tolist() == given
        with pytest.raises(ValueError, match="input_features should have length"):
            model.get_feature_names_out(NAMES[:3])

    @pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame])
    @pytest.mark.parametrize("output", ["pandas", "polars", "default"])
    def test_set_output(self, kind, output):
        X, y = product(100)
        table = kind(dict(zip(NAMES, X.T, strict=True)))
        model = selector(rough(), test=None, max_pairs=2).set_output(transform=output)
        found = model.fit(table, y).transform(table)
        expected = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "default": np.ndarray}
        assert isinstance(found, expected[output])
        if output != "default":
            assert list(found.columns) == model.get_feature_names_out().tolist()
            found = found.to_numpy()
        plain = clone(model).set_output(transform="default").fit(table, y).transform(table)
        np.testing.assert_array_equal(found, plain)
        assert found.shape == (100, 6)

    def test_set_output_keeps_the_index(self, fitted):
        X = pd.DataFrame(product(5)[0], columns=NAMES, index=list("abcde"))
        copy = pickle.loads(pickle.dumps(fitted)).set_output(transform="pandas")
        assert copy.transform(X).index.tolist() == list("abcde")


class TestFrame:
    @pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame])
    def test_rows_belong_to_their_pairs(self, kind):
        X, y = product()
        model = selector().fit(kind(dict(zip(NAMES, X.T, strict=True))), y)
        frame = model.to_frame()
        assert isinstance(frame, kind)
        columns = ["feature_i", "feature_j", "score", "effect", "ci_low", "ci_high", "sign"]
        columns += ["share", "p_value", "p_adjusted", "tested", "reason", "selected"]
        columns += ["confirmed_effect", "confirmed_low", "confirmed_high", "strength_low"]
        assert list(frame.columns) == columns
        assert list(frame["p_value"]) == sorted(frame["p_value"])
        rows, result = by_names(frame), model.test_result_
        assert rows.index[0] == ("age", "dose")  # not in the order of the pairs
        adjusted, decided = result.adjusted("fdr"), model.interactions_.decisions
        confirmed = result.confirmed_interval()
        for k, (i, j) in enumerate(model.interactions_.pairs.tolist()):
            row = rows.loc[NAMES[i], NAMES[j]]
            assert row.effect == decided.effect[k] and row.share == decided.share[k]
            assert [row.ci_low, row.ci_high] == decided.interval(0.95)[k].tolist()
            assert row.p_value == result.p_value[k]
            assert row.p_adjusted == adjusted[k]
            assert row.sign == decided.sign[k]
            assert (row.tested, row.reason) == (True, "")
            assert row.selected == ((i, j) in model.pairs_)
            assert row.confirmed_effect == result.confirmed_effect[k]
            assert [row.confirmed_low, row.confirmed_high] == confirmed[k].tolist()
        assert rows.selected.sum() == 1
        assert rows.sign["age", "dose"] == "+"

    def test_units(self, fitted):
        standard, original = by_names(fitted.to_frame()), by_names(fitted.to_frame("original"))
        scale = dict(zip(NAMES, fitted.interactions_.feature_scales, strict=True))
        factor = fitted.interactions_.target_scale / (scale["age"] * scale["dose"])
        pair = ("age", "dose")
        for column in ("effect", "ci_low", "ci_high", "confirmed_effect"):
            assert original[column][pair] == pytest.approx(standard[column][pair] * factor)
        unit_free = ["score", "sign", "p_value", "p_adjusted", "selected"]
        pd.testing.assert_frame_equal(standard[unit_free], original[unit_free])
        with pytest.raises(ValueError, match="'standard' or 'original'"):
            fitted.to_frame("metres")

    @pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame])
    @pytest.mark.parametrize("test", ["interval", None])
    def test_without_a_test_p_values_are_missing(self, kind, test):
        X, y = product(100)
        model = selector(rough(), test=test, max_pairs=2)
        rows = by_names(model.fit(kind(dict(zip(NAMES, X.T, strict=True))), y).to_frame())
        assert rows.p_value.isna().all() and rows.p_adjusted.isna().all()
        assert not rows.tested.any() and (rows.reason == "no test").all()
        assert rows.selected.sum() == len(model.pairs_)


class TestSigns:
    @pytest.mark.parametrize(
        ("formula", "sign"),
        [
            (lambda X: X[:, 0] * X[:, 1], "+"),
            (lambda X: -X[:, 0] * X[:, 1], "-"),
            (lambda X: X[:, 0] ** 2 * X[:, 1], "mixed"),
        ],
        ids=["product", "negative product", "square times x1"],
    )
    def test_of_learned_interactions(self, formula, sign):
        rng = np.random.default_rng(0)
        X = rng.uniform(-1.5, 1.5, size=(400, 3))
        y = formula(X) + 0.05 * rng.normal(size=400)
        estimator = quick(hidden_layer_sizes=(20, 20), max_epochs=60)
        model = selector(estimator, test=None, max_pairs=1, n_groups=8).fit(X, y)
        assert model.pairs_ == [(0, 1)]
        assert model.to_frame().sign[0] == sign


class TestInteractionConstraints:
    @pytest.mark.parametrize(
        ("pairs", "sets"),
        [
            ([], [{0}, {1}, {2}, {3}]),
            ([(1, 3)], [{1, 3}, {0}, {2}]),
            ([(0, 2), (0, 1)], [{0, 2}, {0, 1}, {3}]),
            ([(0, 1), (2, 3)], [{0, 1}, {2, 3}]),
        ],
    )
    def test_every_feature_is_in_a_set(self, pairs, sets):
        model = selector(rough(), test=None, max_pairs=1).fit(*product(100))
        model.pairs_ = pairs
        assert model.interaction_cst() == sets

    def test_boosting_takes_them(self, fitted):
        X, y = product()

        def score(constraints):
            trees = HistGradientBoostingRegressor(max_iter=30, interaction_cst=constraints)
            return trees.fit(X, y).score(X, y)

        assert score(fitted.interaction_cst()) > score("no_interactions") + 0.1


class TestGroups:
    def test_number_of_groups(self, frozen):
        model = selector(frozen, test=None, max_pairs=1, n_groups=4).fit(*product(100))
        assert model.n_groups_ == len(model.interactions_.group_weights) == 4
        assert model.distances_ is None

    def test_auto_is_what_the_estimator_chooses_itself(self, frozen):
        model = selector(frozen, test=None, max_pairs=1, n_groups="auto").fit(*product(100))
        assert 8 <= model.n_groups_ <= 30
        assert model.n_groups_ == len(model.interactions_.group_weights)
        assert model.distances_.shape == (1, 29)
        own = clone(frozen.estimator).fit(*product(100)).interactions_
        np.testing.assert_array_equal(model.interactions_.effect, own.effect)
        np.testing.assert_array_equal(model.interactions_.group_effects, own.group_effects)

    def test_auto_is_the_default(self):
        assert GEHSelector().n_groups == "auto"
        model = GEHSelector(rough(), test=None, max_pairs=1, random_state=0).fit(*product(100))
        assert model.n_groups_ >= 8


class TestFrozenEstimators:
    def test_a_frozen_estimator_ranks_as_it_is(self, frozen, monkeypatch):
        trained, original = [], Trainer.train

        def watched(self, *args, **options):
            trained.append(self)
            return original(self, *args, **options)

        monkeypatch.setattr(Trainer, "train", watched)
        posterior, seed = frozen.estimator.posterior_, frozen.estimator.random_state
        net = frozen.estimator.net_
        X, y = product(100, seed=9)
        model = selector(frozen, test=None, max_pairs=1).fit(X, y)
        assert trained == []
        assert model.estimator_ is frozen.estimator
        assert model.estimator_.posterior_ is posterior
        own = frozen.estimator.interactions(n_groups=3)
        for name in ("effect", "std", "score", "group_effects"):
            np.testing.assert_array_equal(getattr(model.interactions_, name), getattr(own, name))

        model.set_params(test="crossfit").fit(X, y)  # clones of it are refitted
        assert len(trained) > 0
        assert all(one.settings.max_epochs == frozen.estimator.max_epochs for one in trained)
        assert frozen.estimator.posterior_ is posterior and frozen.estimator.net_ is net
        assert frozen.estimator.random_state == seed
        np.testing.assert_array_equal(model.interactions_.effect, own.effect)

    def test_what_the_test_finds_does_not_depend_on_what_was_fitted(self, frozen):
        X, y = product(100)
        params = frozen.estimator.get_params()
        free = BayesianInteractionRegressor(**params)
        one, two = (selector(estimator).fit(X, y) for estimator in (frozen, free))
        np.testing.assert_array_equal(one.test_result_.p_value, two.test_result_.p_value)

    def test_any_other_fitted_estimator_is_cloned(self):
        X, y = product(100)
        estimator = rough(random_state=0).fit(X[:50], y[:50])
        posterior = estimator.posterior_
        model = selector(estimator, test=None, max_pairs=1).fit(X, y)
        assert model.estimator_ is not estimator
        assert estimator.posterior_ is posterior
        assert len(model.estimator_._points) == 100

    def test_without_an_estimator_one_with_defaults_is_fitted(self, monkeypatch):
        asked, original = [], BayesianInteractionRegressor.trainer

        def cheaper(self):
            asked.append(self.get_params())
            return original(self.set_params(**rough().get_params()))

        monkeypatch.setattr(BayesianInteractionRegressor, "trainer", cheaper)
        model = GEHSelector(test=None, max_pairs=1, n_groups=2).fit(*product(100))
        assert model.estimator is None
        (found,) = asked
        assert found.pop("random_state") is not None
        defaults = BayesianInteractionRegressor().get_params()
        assert found == {name: defaults[name] for name in found}

    def test_copies_of_the_selector_share_it(self, frozen):
        assert clone(selector(frozen)).estimator.estimator is frozen.estimator

    def test_unfitted(self):
        with pytest.raises(NotFittedError, match="BayesianInteractionRegressor"):
            selector(FrozenEstimator(rough())).fit(*product(100))

    def test_other_columns(self):
        X, y = product(100)
        table = pd.DataFrame(X, columns=list("abcd"))
        model = FrozenEstimator(rough(max_epochs=2).fit(table, y))
        with pytest.raises(ValueError, match=r"the columns \['a', .*; X has \['d', "):
            selector(model, test=None, max_pairs=1).fit(table[list("dcba")], y)

    def test_other_number_of_features(self, frozen):
        with pytest.raises(ValueError, match="fitted on 4 features; X has 3"):
            selector(frozen).fit(*product(100, d=3))


class TestRandomness:
    def test_same_seed_same_answer(self):
        X, y = product(120)
        one, two, other = (selector(rough(), random_state=s).fit(X, y) for s in (1, 1, 2))
        pd.testing.assert_frame_equal(one.to_frame(), two.to_frame())
        assert not np.array_equal(one.interactions_.effect, other.interactions_.effect)
        assert not np.array_equal(one.test_result_.p_value, other.test_result_.p_value)
        again = selector(rough(), random_state=np.random.RandomState(1)).fit(X, y)
        pd.testing.assert_frame_equal(one.to_frame(), again.to_frame())

    def test_the_estimators_own_seed_is_kept_for_the_ranking(self):
        X, y = product(120)
        models = [selector(rough(random_state=7), random_state=s).fit(X, y) for s in (1, 2)]
        one, two = models
        np.testing.assert_array_equal(one.interactions_.effect, two.interactions_.effect)
        assert not np.array_equal(one.test_result_.p_value, two.test_result_.p_value)

    def test_the_estimator_is_left_as_it_came(self):
        estimator = rough()
        before = estimator.get_params()
        model = selector(estimator, n_jobs=1).fit(*product(120))
        assert estimator.get_params() == before
        assert not hasattr(estimator, "posterior_")
        assert model.estimator_.n_jobs == 1

    def test_jobs_do_not_matter(self):
        X, y = product(120)
        one = selector(rough(n_draws=60)).fit(X, y)
        with joblib.parallel_config(backend="threading"):
            two = selector(rough(n_draws=60), n_jobs=2).fit(X, y)
        pd.testing.assert_frame_equal(one.to_frame(), two.to_frame())
        np.testing.assert_array_equal(one.interactions_.draws, two.interactions_.draws)
        np.testing.assert_array_equal(one.test_result_.fold_scores, two.test_result_.fold_scores)

    @pytest.mark.parametrize("test", ["crossfit", "interval"])
    def test_global_state_is_left_as_found(self, test):
        torch.manual_seed(3)
        np.random.seed(3)  # noqa: NPY002 - the global state is what is watched
        states = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
        threads = torch.get_num_threads()
        X, y = product(120)
        selector(rough(), test=test, n_groups="auto").fit(X, y).transform(X)
        assert torch.equal(states[0], torch.get_rng_state())
        np.testing.assert_array_equal(states[1], np.random.get_state()[1])  # noqa: NPY002
        assert torch.get_num_threads() == threads


class TestManners:
    def test_clone(self, fitted):
        copy = clone(fitted)
        assert repr(copy) == repr(fitted)
        assert copy.estimator is not fitted.estimator
        assert not hasattr(copy, "pairs_")

    def test_pickle(self, fitted):
        X = pd.DataFrame(product()[0], columns=NAMES)
        copy = pickle.loads(pickle.dumps(fitted))
        assert copy.pairs_ == fitted.pairs_
        np.testing.assert_array_equal(copy.transform(X), fitted.transform(X))
        pd.testing.assert_frame_equal(copy.to_frame(), fitted.to_frame())
        np.testing.assert_array_equal(
            copy.test_result_.fold_scores, fitted.test_result_.fold_scores
        )

    def test_before_a_linear_model(self):
        X, y = product(n=240, d=3)
        pipeline = Pipeline([("geh", selector(quick(max_epochs=5))), ("ridge", Ridge())])
        scores = cross_val_score(pipeline, X, y, cv=2, error_score="raise")
        assert scores.min() > cross_val_score(Ridge(), X, y, cv=2).max() + 0.2
        names = pipeline.fit(X, y)[:-1].get_feature_names_out()
        assert names.tolist() == ["x0", "x1", "x2", "x0 x2"]

    @pytest.mark.parametrize(
        ("name", "values", "best"),
        [
            ("alpha", [FAR, 0.05], 0.05),  # at the first level nothing is found
            ("n_groups", [2, "auto"], None),
            ("estimator__max_epochs", [2, 5], None),
        ],
    )
    @may_choose_nothing
    def test_searched(self, name, values, best):
        X, y = product(n=240, d=3)
        pipeline = Pipeline([("geh", selector(quick(max_epochs=3))), ("ridge", Ridge())])
        search = GridSearchCV(pipeline, {f"geh__{name}": values}, cv=2, error_score="raise")
        found = search.fit(X, y).best_params_[f"geh__{name}"]
        assert found in ([best] if best else values)
        geh = search.best_estimator_["geh"]
        assert geh.get_params()[name] == found
        assert geh.pairs_ == [(0, 2)]
        if name == "n_groups":
            assert geh.n_groups_ == found or found == "auto"
        if name == "estimator__max_epochs":
            assert len(geh.estimator_.history_) == found

    def test_verbose_shows_bars(self, capsys):
        X, y = product(100)
        for model in (selector(rough(verbose=True)), selector(rough(), verbose=1)):
            model.fit(X, y)
            shown = capsys.readouterr().err
            assert "training" in shown and "folds" in shown
        selector(rough()).fit(X, y)
        assert capsys.readouterr().err == ""

    def test_fitted_again_on_another_table(self):
        model = selector(rough(), test=None, max_pairs=1, n_groups="auto").fit(*product(100))
        X, y = product(100, d=3)
        table = pd.DataFrame(X, columns=NAMES[:3])
        model.set_params(n_groups=3).fit(table, y)
        assert model.transform(table).shape == (100, 4)
        assert model.distances_ is None
        assert len(model.interaction_cst()) == 2


class TestWeights:
    def test_rows_without_weight_are_not_there(self):
        X, y = product(150)
        weight = np.repeat([1.0, 0.0], [120, 30])
        weight = np.random.default_rng(2).permutation(weight)
        rows = weight > 0
        far = np.where(rows[:, None], X, 1e3)
        table = pd.DataFrame(far, columns=NAMES)
        one = selector(rough()).fit(table, np.where(rows, y, -1e3), sample_weight=weight)
        two = selector(rough()).fit(pd.DataFrame(X[rows], columns=NAMES), y[rows])
        pd.testing.assert_frame_equal(one.to_frame(), two.to_frame())
        np.testing.assert_array_equal(one.test_result_.fold_scores, two.test_result_.fold_scores)
        np.testing.assert_allclose(one.means_, two.means_)

    def test_equal_weights_are_none_to_the_test(self, frozen):
        X, y = product(100)
        one = selector(frozen).fit(X, y, sample_weight=np.full(100, 2.0))
        two = selector(frozen).fit(X, y)
        np.testing.assert_array_equal(one.test_result_.p_value, two.test_result_.p_value)

    @pytest.mark.parametrize("test", ["crossfit", "sequential", "permutation"])
    def test_unequal_weights_are_refused_by_tests(self, frozen, test):
        X, y = product(100)
        words = f"'{test}' does not support sample weights.*Use test='score'"
        with pytest.raises(ValueError, match=words):
            selector(frozen, test=test).fit(X, y, sample_weight=np.arange(100.0))

    @pytest.mark.parametrize("test", ["interval", None])
    def test_unequal_weights_count_in_the_ranking(self, test):
        X, y = product(100)
        weight = np.random.default_rng(1).integers(0, 4, 100)
        model = selector(rough(random_state=0), test=test, max_pairs=1)
        found = model.fit(X, y, sample_weight=weight).interactions_
        own = rough(random_state=0).fit(X, y, sample_weight=weight).interactions(n_groups=3)
        np.testing.assert_array_equal(found.effect, own.effect)
        plain = clone(model).fit(X, y).interactions_
        assert not np.allclose(found.effect, plain.effect)

    @pytest.mark.parametrize(
        ("weight", "words"),
        [
            (np.zeros(100), "at least one non-zero"),
            (-np.ones(100), "Negative values"),
            (np.ones(99), r"\(99,\), expected \(100,\)"),
            (np.full(100, np.nan), "contains NaN"),
        ],
    )
    def test_weights_that_are_none(self, frozen, weight, words):
        for estimator in (rough(), frozen):
            with pytest.raises(ValueError, match=words):
                selector(estimator, test=None, max_pairs=1).fit(*product(100), weight)


class TestTables:
    @pytest.mark.filterwarnings("ignore:Constant features")
    def test_constant_column(self):
        X, y = product(120)
        X[:, 3] = 7.0
        model = selector(rough()).fit(X, y)
        assert model.pairs_ == [(0, 2)]
        assert np.isfinite(model.transform(X)).all()
        rows = by_names(model.to_frame())
        constant = rows[rows.index.get_level_values("feature_j") == "x3"]
        assert len(constant) == 3
        assert constant[["p_value", "effect", "share"]].isna().all(axis=None)
        assert (constant.sign == "").all() and (constant.reason == "x3 is constant").all()

    @pytest.mark.parametrize("dtype", [np.int64, bool, np.float32])
    def test_dtypes(self, dtype):
        rng = np.random.default_rng(0)
        X = rng.integers(0, 2, size=(200, 3)).astype(dtype)
        y = 3.0 * X[:, 0] * X[:, 1] + 0.3 * rng.normal(size=200)
        model = selector(quick(max_epochs=5)).fit(X, y)
        assert model.pairs_ == [(0, 1)]
        found = model.transform(X)
        assert found.dtype == np.float64
        centred = X[:, :2] - X[:, :2].astype(float).mean(0)
        np.testing.assert_allclose(found[:, 3], centred.prod(1), atol=1e-7)

    def test_lists(self):
        X, y = product(100)
        one = selector(rough()).fit(X.tolist(), y.tolist())
        two = selector(rough()).fit(X, y)
        pd.testing.assert_frame_equal(one.to_frame(), two.to_frame())

    def test_two_features(self):
        rng = np.random.default_rng(0)
        X = rng.normal(size=(120, 2))
        model = selector(rough()).fit(X, X[:, 0] * X[:, 1] + 0.1 * rng.normal(size=120))
        assert model.pairs_ == [(0, 1)]
        assert model.interaction_cst() == [{0, 1}]

    def test_copies_of_a_feature_are_warned_about(self):
        X, y = product(120, d=3)
        with pytest.warns(UserWarning, match="copies: x3 of x0"):
            model = selector(rough()).fit(np.column_stack([X, X[:, 0]]), y)
        assert model.pairs_ == [(0, 2)]

    def test_column_as_target(self):
        X, y = product(100)
        model = selector(rough(), test=None, max_pairs=1)
        with pytest.warns(UserWarning, match="column-vector"):
            model.fit(X, y[:, None])


class TestRefusals:
    @pytest.mark.parametrize(
        ("parameters", "error", "words"),
        [
            ({"test": "bonferroni"}, ValueError, "'sequential'.*None; got 'bonferroni'"),
            ({"test": True}, ValueError, "test must be one of"),
            ({"test": None}, ValueError, "max_pairs must say how many"),
            ({"control": "fdr_by"}, ValueError, "'fdr' or 'fwer'; got 'fdr_by'"),
            ({"alpha": 0.0}, ValueError, "alpha == 0.0, must be > 0"),
            ({"alpha": 1}, ValueError, "alpha == 1, must be < 1"),
            ({"alpha": "low"}, TypeError, "alpha must be an instance of"),
            ({"max_pairs": -1}, ValueError, "max_pairs == -1, must be >= 0"),
            ({"max_pairs": 1.5}, TypeError, "max_pairs must be an instance of int"),
            ({"n_groups": 0}, ValueError, "n_groups == 0, must be >= 1"),
            ({"n_groups": 2.5}, TypeError, "n_groups must be an instance of int"),
            ({"n_groups": "many"}, TypeError, "n_groups must be an instance of int"),
            ({"random_state": "seed"}, ValueError, "cannot be used to seed"),
        ],
    )
    def test_parameters(self, frozen, parameters, error, words):
        with pytest.raises(error, match=words):
            selector(frozen, **parameters).fit(*product(100))

    @pytest.mark.parametrize(
        "estimator",
        [
            LinearRegression(),
            RandomForestRegressor(),
            FrozenEstimator(LinearRegression().fit(*product(20))),
            BayesianInteractionRegressor,
            "auto",
        ],
        ids=["linear", "forest", "frozen linear", "class", "text"],
    )
    def test_estimators_of_other_kinds(self, estimator):
        model = GEHSelector(estimator, test=None, max_pairs=1)
        with pytest.raises(ValueError, match="must be a BayesianInteractionRegressor"):
            model.fit(*product(100))

    def test_targets(self):
        X, y = product(100)
        model = selector(rough(), test=None, max_pairs=1)
        with pytest.raises(ValueError, match="y contains NaN"):
            model.fit(X, np.where(y > 1, np.nan, y))
        for target in (np.repeat(["a", "b"], 50), np.repeat(np.array(["a", "b"], object), 50)):
            with pytest.raises(ValueError, match="could not convert string to float"):
                model.fit(X, target)
        with pytest.raises(ValueError, match="Found array with dim 3"):
            model.fit(X, np.zeros((100, 2, 2)))
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            model.fit(X, y[:50])

    @pytest.mark.parametrize("test", ["crossfit", "sequential"])
    def test_too_few_rows_for_a_test(self, frozen, test):
        X, y = product(100)
        words = "at least 100 rows; got 99.*needs only 8 rows to rank pairs without a test"
        with pytest.raises(ValueError, match=words):
            selector(frozen, test=test).fit(X[:99], y[:99])
        with pytest.raises(ValueError, match=words):  # rows of weight 0 do not count
            selector(frozen, test=test).fit(X, y, sample_weight=np.arange(100) > 0)

    def test_few_rows_without_a_test(self):
        X, y = product(8)
        assert len(selector(rough(), test=None, max_pairs=2).fit(X, y).pairs_) == 2
        with pytest.raises(ValueError, match="minimum of 8 is required"):
            selector(rough(), test=None, max_pairs=2).fit(X[:7], y[:7])

    @pytest.mark.filterwarnings("ignore:test='permutation' selects")
    def test_permutations_need_as_many_rows_and_a_target_that_varies(self):
        X, y = product(60)
        model = selector(rough(), test="permutation")
        with pytest.raises(ValueError, match=r"minimum of 8|at least 8 rows"):
            model.fit(X[:7], y[:7])
        with pytest.raises(ValueError, match="The target is constant"):
            model.fit(X, 0 * y + 1)

    def test_one_feature(self):
        X, y = product(100)
        with pytest.raises(ValueError, match=r"1 feature\(s\)"):
            selector(rough()).fit(X[:, :1], y)

    @pytest.mark.filterwarnings("ignore:Constant features")
    def test_nothing_to_test(self):
        X, y = product(100)
        X[:, 1:] = 1.0
        with pytest.raises(ValueError, match="no pair to test"):
            selector(rough()).fit(X, y)


# Labels and several targets


def wide(kind, **parameters):
    return kind((16, 16), max_epochs=15, n_draws=25, **parameters)


@pytest.mark.parametrize(
    ("data", "kind", "expected"),
    [
        (binary, BayesianInteractionClassifier, [(0, 1)]),
        (three, BayesianInteractionClassifier, [(0, 1)]),
        (numbers, BayesianInteractionRegressor, [(0, 1), (1, 3)]),
    ],
    ids=["two classes", "three classes", "two targets"],
)
def test_a_selector_takes_the_union(data, kind, expected):
    X, y = data()
    model = selector(wide(kind, n_networks=2), alpha=0.01)
    found = model.fit_transform(pd.DataFrame(X, columns=list("abcd")), y)
    assert sorted(model.pairs_) == expected
    assert found.shape[1] == 4 + len(expected)
    frame = model.to_frame()
    assert frame.selected.sum() == len(expected)
    assert (frame.sign == "").all() == (data is not binary)
    assert ("confirmed_effect" in frame) == (data is binary)
    result = model.test_result_
    assert set(frame.p_value) == set(result.pair_p_value)
    assert set(frame.p_adjusted) == set(result.adjusted_pairs("fdr"))


def test_a_selector_that_only_ranks_takes_labels():
    X, y = three(200)
    for options in ({"test": None, "max_pairs": 1}, {"test": "interval", "alpha": 0.9}):
        model = selector(wide(BayesianInteractionClassifier), **options).fit(X, y)
        assert model.pairs_[0] == (0, 1)


def test_log_links_are_ranked_but_not_cross_fitted():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    y = rng.poisson(np.exp(1 + X[:, 2] + 0.7 * X[:, 0] * X[:, 1]))
    model = BayesianInteractionRegressor((20, 20), loss="poisson", max_epochs=30)
    for test in ("crossfit", "sequential"):
        with pytest.raises(ValueError, match="loss='squared_error'; got loss='poisson'"):
            GEHSelector(model, test=test).fit(X, y)
    selector = GEHSelector(model, test=None, max_pairs=1, random_state=0).fit(X, y)
    assert selector.pairs_ == [(0, 1)]


# Categories and units


def with_category(n=400, seed=0):
    """The slope of num depends on the level of cat."""
    rng = np.random.default_rng(seed)
    level, num, other = rng.integers(3, size=n), rng.normal(size=n), rng.normal(size=n)
    frame = pd.DataFrame({"num": num, "other": other})
    for k, name in enumerate(("a", "b", "c")):
        frame[f"cat_{name}"] = (level == k).astype(float)
    return frame, np.array([2.0, -2.0, 0.0])[level] * num + other + 0.3 * rng.normal(size=n)


@pytest.mark.parametrize("test", ["crossfit", "sequential", "permutation"])
def test_pairs_are_of_features_and_products_of_columns(test):
    X, y = with_category()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = selector(quick(n_networks=1), test=test, max_pairs=1).fit(X, y)
    assert model.interactions_.feature_names == ("num", "other", "cat")
    assert model.test_result_.feature_names == model.interactions_.feature_names
    assert model.pairs_ == [(0, 2)] and model.column_pairs_ == [(0, 2), (0, 3), (0, 4)]
    names = [*X.columns, "num cat_a", "num cat_b", "num cat_c"]
    assert model.get_feature_names_out().tolist() == names
    products = np.asarray(model.transform(X))[:, 5:]
    centred = X.to_numpy() - X.to_numpy().mean(0)
    np.testing.assert_allclose(products, centred[:, 2:] * centred[:, :1], rtol=1e-9, atol=1e-9)
    assert model.interaction_cst() == [{0, 2, 3, 4}, {1}]
    rows = by_names(model.to_frame())
    assert rows.selected.to_dict() == {
        ("num", "cat"): True, ("num", "other"): False, ("other", "cat"): False
    }  # fmt: skip
    assert rows.sign["num", "cat"] == rows.sign["other", "cat"] == ""


def test_two_categories_have_all_products_of_their_columns():
    rng = np.random.default_rng(0)
    a, b = rng.integers(2, size=300), rng.integers(3, size=300)
    X = np.column_stack([np.eye(2)[a], rng.normal(size=300), np.eye(3)[b]])
    groups = {"a": [0, 1], "b": [3, 4, 5]}
    y = 2.0 * (a == 1) * (b == 2) + 0.2 * rng.normal(size=300)
    model = selector(rough(feature_groups=groups)).fit(X, y)
    assert model.pairs_ == [(0, 2)]
    assert model.column_pairs_ == [(i, j) for i in (0, 1) for j in (3, 4, 5)]
    assert model.transform(X).shape == (300, 12)
    assert len(set(model.get_feature_names_out())) == 12


@may_choose_nothing
def test_units_reach_the_test(monkeypatch):
    seen = []

    def found(estimator, table, trainer, **options):
        seen.append(table.units)
        p = np.ones(6)
        return TestResult(pair_index(4), -p, p, p > 0, ("a", "b", "c", "d"), "pandas")

    monkeypatch.setattr(skgeh.selector, "crossfit", found)
    X, y = product(120)
    units = np.repeat([f"patient {k}" for k in range(40)], 3)
    selector(rough()).fit(X, y, groups=units)
    np.testing.assert_array_equal(seen[0], np.unique(units, return_inverse=True)[1])
    selector(rough()).fit(X, y)
    assert seen[1] is None
    with pytest.raises(ValueError, match="one label for each of the 120 rows"):
        selector(rough()).fit(X, y, groups=units[:-1])


# Frames with words and gaps


def people(n=300, seed=0):
    """Age and sex interact, and sex and town."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.normal(40, 10, n),
            "sex": rng.choice(["female", "male"], n),
            "town": rng.choice(["Aachen", "Bonn", "Celle"], n),
        }
    )
    male = np.where(frame["sex"] == "male", 1, -1)
    y = male * ((frame["age"] - 40) / 10 + (frame["town"] == "Bonn")) + 0.5 * rng.normal(size=n)
    frame.loc[:20, "age"] = np.nan
    return frame, y.to_numpy()


@pytest.mark.parametrize("output", ["pandas", "polars"])
def test_products_of_encoded_columns_have_names(output):
    X, y = people()
    X = pl.from_pandas(X) if output == "polars" else X
    model = GEHSelector(rough(), random_state=0).set_output(transform=output)
    table = model.fit(X, y).transform(X)
    names = [
        "age", "age missing", "sex_male", "town_Aachen", "town_Bonn", "town_Celle",
    ]  # fmt: skip
    products = [
        "age sex_male", "age missing sex_male",
        "sex_male town_Aachen", "sex_male town_Bonn", "sex_male town_Celle",
    ]  # fmt: skip
    assert list(table.columns)[:6] == names and set(table.columns[6:]) == set(products)
    assert set(model.pairs_) == {(0, 1), (1, 2)} and model.feature_names_in_.tolist() == list(
        X.columns
    )
    assert {frozenset(one) for one in model.interaction_cst()} == {
        frozenset({0, 1}), frozenset({1, 2}),
    }  # fmt: skip


def test_new_levels_and_gaps_are_transformed():
    X, y = people()
    model = GEHSelector(rough(), random_state=0).fit(X, y)
    new = X[:4].assign(sex=["male", "other", None, "female"], age=np.nan)
    assert np.isfinite(model.transform(new)).all()
    steps = [("select", GEHSelector(rough(), random_state=0)), ("fit", Ridge())]
    model = Pipeline(steps)
    assert model.fit(X, y).score(X, y) > 0.6


def test_a_frozen_estimator_keeps_its_encoding():
    X, y = people()
    frozen = FrozenEstimator(rough(random_state=0).fit(X, y))
    some = X["town"].to_numpy() != "Celle"
    model = GEHSelector(frozen, random_state=0).fit(X[some], y[some])
    assert model.encoding_ is frozen.estimator.encoding_
    assert model.transform(X).shape[1] == 6 + len(model.column_pairs_)
