from dataclasses import replace

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skgeh import (
    BayesianInteractionClassifier,
    BayesianInteractionRegressor,
    permutation_test,
    posteriors,
)
from skgeh.geh.pairs import pair_index
from skgeh.posteriors import GaussianProcess
from skgeh.significance import permutation
from skgeh.significance._refits import learner_of
from skgeh.significance.permutation import _Null
from skgeh.significance.result import PermutationResult
from skgeh.tables.table import Table
from tests.significance.oracles import binary, numbers, three
from tests.significance.runs import answer, assert_same, leave_chunks, product, small


def learning(**parameters):
    """Large and long enough to see the product."""
    defaults = {"hidden_layer_sizes": (20, 20), "n_networks": 1, "max_epochs": 20}
    return BayesianInteractionRegressor(**{**defaults, **parameters})


def null_of(data=None, seed=0):
    trainer, table = learner_of(small(), None), Table.of(*(data or product()))
    return _Null.of(trainer, table, "effect", seed, n_groups=11, n_draws=25)


def assert_near(one, two, rtol=1e-4):
    """Up to what single precision and a few steps of training make of rounding."""
    np.testing.assert_allclose(one.statistic, two.statistic, rtol=rtol)
    np.testing.assert_allclose(one.null, two.null, rtol=rtol)


@pytest.fixture
def chunks_of(monkeypatch):
    """Chunks of so many refits from now on."""

    def set_size(size):
        monkeypatch.setattr(permutation, "refits_per_stack", lambda *_: size)

    return set_size


@pytest.fixture(scope="module")
def result():
    return answer()


class TestFormulas:
    def by_hand(self, observed, null):
        """``(1 + #{null >= observed}) / (1 + B)``, counted one by one."""
        return (1 + sum(value >= observed for value in null)) / (1 + len(null))

    def results(self, result):
        rng = np.random.default_rng(0)
        with_ties = replace(
            result,
            pairs=pair_index(4),
            statistic=np.array([3.0, 1.0, 1.0, 0.0, 2.0, 1.0]),
            null=rng.integers(0, 4, size=(30, 6)).astype(float),
            tested=np.ones(6, dtype=bool),
            feature_names=tuple("abcd"),
        )
        own = [
            self.by_hand(with_ties.statistic[pair], with_ties.null[:, pair]) for pair in range(6)
        ]
        return result, replace(with_ties, p_value=np.array(own))

    def test_p_values_compare_a_pair_with_its_own_null(self, result):
        assert isinstance(result, PermutationResult)
        assert result.null.shape == (19, 3) and result.tested.all()
        for pair in range(3):
            expected = self.by_hand(result.statistic[pair], result.null[:, pair])
            assert result.p_value[pair] == expected
        assert len(set(result.p_value)) > 1

    def test_family_wise_and_global_by_the_maximum_over_pairs(self, result):
        for one in self.results(result):
            largest = [max(row) for row in one.null]
            expected = [self.by_hand(value, largest) for value in one.statistic]
            assert one.adjusted("fwer").tolist() == one.adjusted().tolist() == expected
            assert one.global_p_value == self.by_hand(max(one.statistic), largest) == min(expected)
            assert (one.adjusted("fwer") >= one.p_value).all()

    def test_false_discovery_rate_from_the_pairs_own_p_values(self, result):
        for one in self.results(result):
            p = one.p_value
            ranks = [(p <= value).sum() for value in p]
            steps = [value * len(p) / rank for value, rank in zip(p, ranks, strict=True)]
            expected = [
                min(1.0, *(step for step, other in zip(steps, p, strict=True) if other >= value))
                for value in p
            ]
            np.testing.assert_allclose(one.adjusted("fdr"), expected, rtol=1e-12)
            np.testing.assert_allclose(
                one.adjusted("fdr_by"),
                np.minimum(1, one.adjusted("fdr") * sum(1 / k for k in range(1, len(p) + 1))),
                rtol=1e-12,
            )

    def test_no_other_correction(self, result):
        with pytest.raises(ValueError, match="maximum"):
            result.adjusted("maximum")

    def test_no_p_value_is_zero(self):
        result = answer(learning(), n_permutations=24)
        assert result.p_value.min() == result.global_p_value == result.adjusted().min() == 1 / 25

    def test_table_has_the_same_numbers(self, result):
        frame = result.to_frame()
        order = np.lexsort([-result.statistic, result.p_value])
        for column, values in {
            "statistic": result.statistic,
            "p_value": result.p_value,
            "p_fdr": result.adjusted("fdr"),
            "p_fwer": result.adjusted("fwer"),
        }.items():
            assert frame[column].tolist() == values[order].tolist()


class TestStatistic:
    def test_names_of_features(self):
        X, y = product()
        names = ["age", "bmi", "dose"]
        result = answer()
        for frame, kind in (
            (pd.DataFrame(X, columns=names), pd.DataFrame),
            (pl.DataFrame(X, schema=names), pl.DataFrame),
        ):
            named = answer(data=(frame, y))
            assert named.feature_names == tuple(names)
            assert isinstance(named.to_frame(), kind)
            assert (named.to_frame()["feature_i"][0], named.to_frame()["feature_j"][0]) == (
                "age",
                "dose",
            )
            assert_near(named, result)
        assert result.feature_names == ("x0", "x1", "x2")
        assert isinstance(result.to_frame(), pd.DataFrame)

    def test_effect_is_the_mean_over_25_draws_with_11_groups(self, result):
        assert_same(answer(small(n_draws=25, n_groups=11)), result)
        for other in (small(n_draws=24), small(n_groups=8)):
            assert np.abs(answer(other).null / result.null - 1).max() > 1e-3

    def test_score_is_what_the_ranking_sorts_by(self, monkeypatch):
        estimator, seen = small(n_networks=2), []

        def rank_pairs(posterior, x, effect):
            seen.append((posterior, x, effect))
            return effect + 1

        effects = answer(estimator)
        scores = answer(estimator, statistic="score")
        assert np.isfinite(scores.null).all() and (scores.null > 0).all()
        assert np.abs(scores.null / effects.null - 1).max() > 1e-3
        monkeypatch.setattr(permutation, "rank_pairs", rank_pairs)
        np.testing.assert_array_equal(answer(estimator, statistic="score").null, effects.null + 1)
        assert len(seen) == 20 and all(len(one.members()) == 2 for one, *_ in seen)

    def test_networks_are_small_unless_their_size_was_chosen(self):
        few = {"max_epochs": 1, "n_draws": 2}
        result = answer(small(hidden_layer_sizes=None, **few))
        assert_same(result, answer(small(hidden_layer_sizes=(40, 40), **few)))

    @pytest.mark.parametrize("posterior", ["ensemble", posteriors.ConcreteDropout((20, 20))])
    def test_other_posteriors(self, posterior):
        sizes = (20, 20) if isinstance(posterior, str) else None
        result = answer(learning(posterior=posterior, hidden_layer_sizes=sizes))
        assert result.statistic.argmax() == 1 and result.global_p_value == 0.05

    def test_units_do_not_matter(self, result):
        X, y = product()
        assert_near(answer(data=(X * [1e3, 1e-3, 2] + [5, 0, -1], 100 * y - 7)), result, 1e-2)

    def test_a_constant_feature_has_no_effect(self):
        X, y = product()
        X[:, 1] = 4
        result = answer(data=(X, y))
        assert result.statistic[[0, 2]].tolist() == [0, 0]
        assert result.p_value.tolist() == [1, 0.05, 1] and result.global_p_value == 0.05

    def test_it_is_measured_at_300_rows(self):
        X, y = product(n=400)
        points = null_of((X, y)).points
        assert len(np.unique(points)) == len(points) == 300
        assert sorted(null_of().points) == list(range(80))

    def test_few_rows(self):
        X, y = product(n=8)
        assert np.isfinite(answer(data=(X, y)).null).all()


class TestSharedStart:
    """Refits differ by nothing but their targets."""

    @pytest.mark.parametrize("statistic", ["effect", "score"])
    @pytest.mark.parametrize("n_networks", [1, 2])
    def test_without_shuffling_all_refits_are_equal(
        self, n_networks, statistic, chunks_of, monkeypatch
    ):
        """Dropout is on in the second half of the epochs, and in the draws."""
        chunks_of(3)
        estimator = small(n_networks=n_networks)
        assert np.ptp(answer(estimator, statistic=statistic).null, axis=0).min() > 1e-3
        monkeypatch.setattr(_Null, "permuted", lambda self, number: self.target)
        result = answer(estimator, statistic=statistic)
        np.testing.assert_allclose(result.null, np.tile(result.statistic, (19, 1)), rtol=1e-4)

    def test_a_target_has_one_statistic_in_every_chunk(self, monkeypatch):
        null, permuted = null_of(), _Null.permuted
        _, observed = null(0, 3)
        monkeypatch.setattr(
            _Null, "permuted", lambda self, number: permuted(self, 0 if number == 7 else number)
        )
        start, other = null(6, 9)
        assert start == 6
        np.testing.assert_allclose(other[1], observed[0], rtol=1e-4)
        assert np.abs(other[[0, 2]] / observed[0] - 1).max(1).min() > 1e-3

    def test_chunks_do_not_matter(self, chunks_of, result):
        for size in (1, 6):
            chunks_of(size)
            assert_near(answer(), result)

    def test_more_permutations_begin_with_the_same_ones(self, result):
        more = answer(n_permutations=30)
        np.testing.assert_allclose(more.null[:19], result.null, rtol=1e-4)
        np.testing.assert_allclose(more.statistic, result.statistic, rtol=1e-4)

    def test_permutations_are_of_the_target_and_all_differ(self):
        null = null_of()
        assert null.permuted(0) is null.target
        targets = np.stack([null.permuted(number) for number in range(200)])
        np.testing.assert_array_equal(
            np.sort(targets, axis=1), np.tile(np.sort(null.target, axis=0), (200, 1, 1))
        )
        assert len(np.unique(targets, axis=0)) == 200
        places = (targets[1:] == null.target).sum(1)
        assert places.mean() < 1.5  # rows that stay where they are: 1 on average
        assert not np.array_equal(null_of(seed=1).permuted(1), null.permuted(1))

    def test_read_only_rows_are_no_matter(self):
        """joblib gives large arrays to its workers as read-only maps of files."""
        null = null_of()
        _, expected = null(0, 2)
        Z = null.Z.copy()
        Z.setflags(write=False)
        torch.set_warn_always(True)
        try:
            _, values = replace(null, Z=Z)(0, 2)
        finally:
            torch.set_warn_always(False)
        np.testing.assert_array_equal(values, expected)


class TestEvidence:
    def test_a_strong_signal_is_found(self):
        result = answer(learning(), product(n=150, noise=0.3), n_permutations=99)
        assert result.global_p_value == 0.01
        assert result.adjusted().argmin() == result.statistic.argmax() == 1
        assert result.p_value[[0, 2]].min() > 0.05

    def test_by_its_score_too(self):
        estimator = learning(hidden_layer_sizes=(40, 40), n_networks=2, max_epochs=30)
        result = answer(estimator, product(n=200, noise=0.3), statistic="score")
        assert result.global_p_value == 0.05
        assert result.adjusted().argmin() == result.statistic.argmax() == 1

    def test_noise_is_not(self):
        """Binomial: 20 p-values are at most 0.1 two times on average, over 6 one time in 400."""
        p, own = [], []
        for seed in range(20):
            X, y = np.split(np.random.default_rng(seed).normal(size=(60, 4)), [3], axis=1)
            result = answer(data=(X, y[:, 0]), random_state=seed)
            p.append(result.global_p_value)
            own.extend(result.p_value)
        assert (np.array(p) <= 0.1).sum() <= 6
        assert 4 <= (np.array(p) <= 0.5).sum() <= 16
        assert np.mean(np.array(own) <= 0.1) < 0.25
        assert 0.35 < np.mean(own) < 0.65


class TestRefusals:
    @pytest.mark.parametrize(
        "estimator",
        [LinearRegression(), make_pipeline(StandardScaler(), small()), None, LinearRegression],
    )
    def test_other_estimators(self, estimator):
        words = (
            "(?s)reads their Hessians.*Classifier whose posterior .*; got .*crossfit_test takes any"
        )
        with pytest.raises(ValueError, match=words):
            permutation_test(estimator, *product())

    @pytest.mark.parametrize("posterior", ["gaussian_process", GaussianProcess()])
    def test_posteriors_without_networks(self, posterior):
        with pytest.raises(ValueError, match=r"refits networks.*crossfit_test takes any reg"):
            permutation_test(BayesianInteractionRegressor(posterior=posterior), *product())

    @pytest.mark.parametrize("statistic", ["Effect", "std", None, 0])
    def test_names_of_statistics(self, statistic):
        with pytest.raises(ValueError, match="statistic must be 'effect' or 'score'; got"):
            answer(statistic=statistic)

    def test_infinite_values_and_missing_targets(self):
        X, y = product()
        for place in ((3, 1), (0, 0)):
            holed = X.copy()
            holed[place] = np.inf
            with pytest.raises(ValueError, match="infinity"):
                answer(data=(holed, y))
        with pytest.raises(ValueError, match="contains NaN"):
            answer(data=(X, np.where(y > 1, np.nan, y)))

    def test_short_and_narrow_tables(self):
        X, y = product()
        with pytest.raises(ValueError, match="at least 8 rows; got 7"):
            answer(data=(X[:7], y[:7]))
        with pytest.raises(ValueError, match=r"1 feature\(s\)"):
            answer(data=(X[:, :1], y))
        with pytest.raises(ValueError, match="Target 1 is constant"):
            answer(data=(X, np.column_stack([y, 0 * y])))

    def test_numbers_of_permutations(self):
        with pytest.raises(ValueError, match="n_permutations"):
            answer(n_permutations=0)
        with pytest.raises(TypeError, match="n_permutations"):
            answer(n_permutations=19.5)

    def test_parameters_of_the_estimator(self):
        with pytest.raises(ValueError, match="second derivative"):
            answer(small(activation="relu"))
        with pytest.raises(ValueError, match="max_epochs"):
            answer(small(max_epochs=0))

    def test_too_few_permutations_are_warned_about(self):
        words = "With n_permutations=18, no p-value can be below 1 / 19.*Use at least 19"
        with pytest.warns(UserWarning, match=words) as warned:
            result = permutation_test(small(), *product(), n_permutations=18, random_state=0)
        assert warned[0].filename == __file__
        assert result.null.shape == (18, 3) and result.p_value.min() >= 1 / 19
        with pytest.warns(UserWarning, match=r"1 / 2, "):
            assert answer(n_permutations=1).null.shape == (1, 3)


class TestManners:
    def test_jobs_do_not_matter(self, chunks_of):
        chunks_of(4)
        one = answer(n_jobs=1)
        assert_same(answer(n_jobs=2), one)
        with joblib.parallel_config(backend="threading", n_jobs=2):
            assert_same(answer(), one)

    def test_the_seed_decides(self, result):
        assert_same(answer(), result)
        assert_same(answer(random_state=np.random.RandomState(0)), result)
        assert np.abs(answer(random_state=1).null / result.null - 1).max() > 1e-3

    def test_the_seed_of_the_estimator_does_not(self, result):
        assert_same(answer(small(random_state=5)), result)

    def test_what_is_global_stays_as_it_is(self):
        threads = torch.get_num_threads()
        torch.set_num_threads(2)
        try:
            numpys, torchs = np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
            answer(statistic="score")
            assert torch.get_num_threads() == 2
            assert joblib.hash(np.random.get_state()) == joblib.hash(numpys)  # noqa: NPY002
            assert torch.equal(torch.get_rng_state(), torchs)
        finally:
            torch.set_num_threads(threads)

    @pytest.mark.parametrize("fitted", [False, True])
    def test_the_estimator_stays_as_it_is(self, fitted):
        X, y = product()
        estimator = small(hidden_layer_sizes=None, max_epochs=1, random_state=3, n_draws=2)
        if fitted:
            estimator.fit(X, y)
        parameters, attributes = estimator.get_params(), dict(vars(estimator))
        predictions = estimator.predict(X) if fitted else None
        answer(estimator)
        assert estimator.get_params() == parameters
        assert vars(estimator).keys() == attributes.keys()
        assert all(vars(estimator)[name] is value for name, value in attributes.items())
        if fitted:
            np.testing.assert_array_equal(estimator.predict(X), predictions)

    def test_tables_stay_as_they_are(self):
        X, y = product()
        before = X.copy(), y.copy()
        answer(data=(X, y))
        np.testing.assert_array_equal(X, before[0])
        np.testing.assert_array_equal(y, before[1])

    def test_verbose_shows_a_bar(self, capsys, chunks_of, tmp_path):
        chunks_of(5)
        answer()
        assert capsys.readouterr().err == ""
        answer(verbose=True, checkpoint=tmp_path / "done")
        shown = capsys.readouterr().err
        assert "permutations" in shown and "4/4" in shown
        leave_chunks(tmp_path / "done", 3)
        answer(verbose=True, checkpoint=tmp_path / "done")
        shown = capsys.readouterr().err
        assert "3/4" in shown and "4/4" in shown and "0/4" not in shown


# Labels and several targets


def wide(kind, **parameters):
    return kind((16, 16), n_networks=1, max_epochs=15, **parameters)


def test_permutations_of_labels():
    X, y = three(200)
    model = wide(BayesianInteractionClassifier)
    result = permutation_test(model, X, y, n_permutations=19, random_state=0)
    assert result.global_p_value == 0.05 and result.null.shape == (19, 6)
    X, y = binary(200)
    assert permutation_test(model, X, y, n_permutations=19, random_state=0).null.shape == (19, 6)


def test_permutations_of_several_targets():
    X, Y = numbers(150)
    model = wide(BayesianInteractionRegressor)
    result = permutation_test(model, X, Y, n_permutations=19, random_state=0)
    assert result.statistic.shape == (6,)
    assert result.global_p_value == 0.05


def test_permutations_have_no_class_weights():
    with pytest.raises(ValueError, match="no class weights; got class_weight='balanced'"):
        permutation_test(wide(BayesianInteractionClassifier, class_weight="balanced"), *binary(100))


@pytest.mark.parametrize("loss", ["poisson", "gamma"])
def test_permutations_of_a_log_link(loss):
    X, y = numbers(200)
    y = np.exp(y[:, 0] / y[:, 0].std())
    model = wide(BayesianInteractionRegressor, loss=loss)
    result = permutation_test(model, X, y, n_permutations=19, random_state=0)
    assert result.global_p_value == 0.05 and result.null.shape == (19, 6)
    other = permutation_test(
        wide(BayesianInteractionRegressor), X, y, n_permutations=19, random_state=0
    )
    assert not np.allclose(result.statistic, other.statistic)
    with pytest.raises(ValueError, match=f"loss='{loss}' needs values"):
        permutation_test(model, X, -y, n_permutations=19)


# Features and units


def test_permutations_exchange_whole_units():
    X, y = product(90)
    rng = np.random.default_rng(1)
    unit = rng.permutation(np.repeat(np.arange(30), 3))
    table = Table.of(X, y, groups=unit)
    null = _Null.of(learner_of(small(), None), table, "effect", 0, n_groups=11, n_draws=25)
    targets = {tuple(null.target[unit == k, 0]) for k in range(30)}
    for number in range(1, 20):
        moved = null.permuted(number)
        assert {tuple(moved[unit == k, 0]) for k in range(30)} == targets
        assert (moved != null.target).mean() > 0.7


def test_units_of_another_size_stay():
    X, y = product(60)
    unit = np.repeat([0, 1, 2, 3, 4], [25, 10, 10, 10, 5])
    null = _Null.of(
        learner_of(small(), None), Table.of(X, y, groups=unit), "effect", 0, n_groups=11, n_draws=25
    )
    stay = np.isin(unit, [0, 4])
    moved = [null.permuted(number) for number in range(1, 9)]
    assert all((one[stay] == null.target[stay]).all() for one in moved)
    assert any((one[~stay] != null.target[~stay]).any() for one in moved)


def test_units_of_which_none_has_the_size_of_another():
    X, y = product(55)
    unit = np.repeat(np.arange(10), np.arange(1, 11))
    with pytest.raises(ValueError, match=r"whole units of equal size.*crossfit_test"):
        answer(data=(X, y), groups=unit)


def test_a_target_of_units_depends_on_nothing():
    """Alone, rows of a unit would make any network see something."""
    p = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        unit = np.repeat(np.arange(25), 8)
        X, y = rng.normal(size=(25, 3))[unit], rng.normal(size=25)[unit]
        X = X + 0.01 * rng.normal(size=X.shape)
        p.append([
            answer(learning(), (X, y), groups=one, random_state=seed).global_p_value
            for one in (unit, None)
        ])  # fmt: skip
    together, apart = np.array(p).T
    assert np.median(apart) == 0.05 < np.median(together)


def test_a_category_is_one_feature():
    rng = np.random.default_rng(0)
    level, x = rng.integers(3, size=200), rng.normal(size=(200, 2))
    X = pd.DataFrame(
        np.column_stack([np.eye(3)[level], x]), columns=["c_a", "c_b", "c_z", "x", "z"]
    )
    y = np.array([2.0, -2.0, 0.0])[level] * x[:, 0] + 0.2 * rng.normal(size=200)
    result = answer(learning(), (X, y))
    assert result.feature_names == ("c", "x", "z") and result.null.shape == (19, 3)
    assert result.statistic.argmax() == 0 and result.adjusted()[0] == 0.05
