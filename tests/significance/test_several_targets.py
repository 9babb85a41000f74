"""The tests of pairs with labels, and with several targets."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures
from sklearn.svm import LinearSVC

from skgeh import (
    BayesianInteractionClassifier,
    BayesianInteractionRegressor,
    GEHSelector,
    crossfit_test,
    permutation_test,
    refits,
)
from skgeh.significance.combination import adjust
from skgeh.significance.folds import draw_folds
from skgeh.significance.result import TestResult
from skgeh.tables.table import Table
from tests.oracles import assert_close


def products(model=None):
    """The cheapest model that has interactions."""
    return make_pipeline(PolynomialFeatures(2), model or LogisticRegression(max_iter=1000))


def small(kind=BayesianInteractionClassifier, **parameters):
    return kind(**{"hidden_layer_sizes": (16, 16), "max_epochs": 15, **parameters})


def features(n=400, d=4, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


def binary(n=400, strength=3.0, seed=0):
    X = features(n, seed=seed)
    noise = np.random.default_rng(seed + 1).logistic(size=n)
    y = strength * X[:, 0] * X[:, 1] + X[:, 2] + np.sin(2 * X[:, 3]) + noise > 0
    return X, np.where(y, "yes", "no")


def three(n=600, strength=3.0, seed=0):
    X = features(n, seed=seed)
    product = strength * X[:, 0] * X[:, 1]
    logits = np.column_stack([-product, product, X[:, 2]])
    noise = np.random.default_rng(seed + 1).gumbel(size=logits.shape)
    return X, np.array(list("abc"))[(logits + noise).argmax(1)]


def numbers(n=300, seed=0):
    X = features(n, seed=seed)
    noise = np.random.default_rng(seed + 1).normal(size=(n, 2))
    return X, np.column_stack([X[:, 0] * X[:, 1], 5 * X[:, 1] * X[:, 3] + X[:, 2]]) + noise


def quick(estimator, X, y, **given):
    return crossfit_test(
        estimator, X, y, **{"variance_inflation": 2, "n_repeats": 1, "random_state": 0, **given}
    )


# Labels


@pytest.mark.parametrize(
    "estimator",
    [products(), small(), RandomForestClassifier(50), products(LinearSVC())],
    ids=["logistic", "networks", "forest", "decision function"],
)
def test_two_classes(estimator):
    X, y = binary()
    result = quick(estimator, X, y)
    assert result.targets is None and result.p_value.shape == (6,)
    assert result.p_value[0] < 1e-6 and result.p_value[1:].min() > 1e-3
    assert result.fold_scores.shape == (1, 5, 6)
    assert result.strength_lower()[0] > 0.5


def test_the_strength_is_in_logits():
    X, y = binary(3000)
    result = quick(products(), X, y)
    true = 3 * (X[:, 0] * X[:, 1]).std()
    assert result.strength[0] == pytest.approx(true, rel=0.15)
    assert np.abs(result.strength[1:]).max() < 0.3


@pytest.mark.parametrize("cv", [5, "sequential"])
def test_three_classes(cv):
    X, y = three()
    result = quick(small(), X, y, cv=cv)
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


def several(p, tested=None):
    p = np.asarray(p, dtype=float)
    shape = len(p), p.shape[1]
    return TestResult(
        pairs=np.array([(0, 1), (0, 2), (1, 2)][: len(p)]),
        statistic=-p,
        p_value=p,
        tested=np.ones(shape, dtype=bool) if tested is None else np.array(tested),
        feature_names=("a", "b", "c"),
        frame_backend="pandas",
        targets=list(range(p.shape[1])),
    )


def test_a_pair_counts_once_whatever_the_number_of_its_targets():
    result = several([[0.001, 0.9], [0.02, 0.02], [0.6, 0.7]])
    np.testing.assert_allclose(result.pair_p_value, [0.002, 0.04, 1.0])
    np.testing.assert_allclose(result.adjusted_pairs("fdr"), [0.006, 0.06, 1.0])
    np.testing.assert_allclose(result.adjusted_pairs("fwer"), [0.006, 0.08, 1.0])


def test_targets_that_were_not_tested_do_not_count():
    result = several(
        [[0.01, 1.0], [1.0, 1.0], [0.03, 0.5]], [[True, False], [False, False], [True, True]]
    )
    np.testing.assert_allclose(result.pair_p_value, [0.01, 1.0, 0.06])
    np.testing.assert_allclose(result.adjusted_pairs("fwer"), [0.02, 1.0, 0.06])


def test_the_false_discovery_rate_counts_pairs():
    """True pairs that are found for all of three targets leave no room for more false ones."""
    rng = np.random.default_rng(0)
    true = np.arange(40) < 10
    shares: list = []
    for _ in range(400):
        p = rng.uniform(size=(40, 3))
        p[true] = 1e-8
        result = several(p)
        found = [result.adjusted_pairs("fdr") <= 0.1, (result.adjusted("fdr") <= 0.1).any(1)]
        shares.append([(one & ~true).sum() / one.sum() for one in found])
    pairs, entries = np.mean(shares, axis=0)
    assert pairs <= 0.1 < entries


def test_additive_logits_have_no_interactions_in_any_class():
    """One class against the rest would have: its log-odds are no additive function."""
    p = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(1500, 3))
        logits = np.column_stack([2 * X[:, 0], 2 * X[:, 1], 0 * X[:, 0]])
        y = (logits + rng.gumbel(size=logits.shape)).argmax(1)
        p.append(quick(products(), X, y, variance_inflation=1.2).p_value)
    p = np.array(p)
    assert (p <= 0.05).mean() < 0.12
    assert (adjust(p, "fwer") > 0.01).all()


def test_the_order_of_labels_does_not_matter():
    X, y = binary()
    other = np.where(y == "yes", 0, 1)
    one, two = quick(products(), X, y), quick(products(), X, other)
    np.testing.assert_allclose(one.p_value[0], two.p_value[0], rtol=0.5)
    assert (one.p_value < 0.05).tolist() == (two.p_value < 0.05).tolist()


def test_folds_have_their_share_of_every_class():
    strata = np.repeat([0, 1, 2], [200, 30, 10])
    for cv, parts in ((5, range(5)), ("sequential", range(-1, 3))):
        folds = draw_folds(240, cv, 2, np.random.default_rng(0), strata)
        for row in folds:
            for stratum, size in enumerate([200, 30, 10]):
                counts = np.array([(row[strata == stratum] == part).sum() for part in parts])
                share = np.array([0.4, 0.2, 0.2, 0.2]) if len(parts) == 4 else np.full(5, 0.2)
                assert (np.abs(counts - share * size) < 1.01).all()
            assert np.abs(np.diff(row)).sum() > 40  # shuffled


def test_rare_classes_say_less():
    X = features(200)
    y = np.repeat(["rare", "often"], [20, 180])
    assert Table.of(X, y, labels=True).information == pytest.approx(0.2)
    assert Table.of(X, np.repeat([0, 1, 2, 3], 50), labels=True).information == 1
    assert Table.of(X, X[:, 0]).information == 1
    with pytest.raises(ValueError, match="10 rows of every class; got 9 of 'rare'"):
        Table.of(X, np.repeat(["rare", "often"], [9, 191]), labels=True)


@pytest.mark.parametrize(
    ("y", "words"),
    [(np.zeros(400), "one class only"), (np.linspace(0, 1, 400), "Unknown label type")],
)
def test_labels_that_cannot_be_used(y, words):
    with pytest.raises(ValueError, match=words):
        quick(products(), features(), y)


def test_logits_of_other_models():
    X, y = three(300)
    found = refits.logits(LogisticRegression().fit(X, y), X)
    np.testing.assert_allclose(found.sum(1), 0, atol=1e-9)
    two = LogisticRegression().fit(X, y == "a")
    np.testing.assert_allclose(refits.logits(two, X), two.decision_function(X), atol=0.05)
    forest = RandomForestClassifier(10, random_state=0).fit(X, y == "a")
    assert np.abs(refits.logits(forest, X)).max() <= logit(0.999) + 0.01


def test_weights_of_classes_reach_the_refits():
    X, y = binary()
    plain = quick(small(), X, y)
    for weight in ("balanced", {"no": 1.0, "yes": 4.0}):
        result = quick(small(class_weight=weight), X, y)
        assert result.p_value[0] < 1e-6
        assert not np.array_equal(result.fold_scores, plain.fold_scores)
    forest = RandomForestClassifier(10, class_weight={"no": 1.0, "yes": 4.0})
    assert np.isfinite(quick(forest, X, y).p_value).all()


# Several numbers


@pytest.mark.parametrize("estimator", [products(Ridge()), small(BayesianInteractionRegressor)])
def test_each_target_is_tested(estimator):
    X, Y = numbers()
    result = quick(estimator, X, Y)
    assert result.targets == [0, 1] and result.p_value.shape == (6, 2)
    found = result.adjusted("fwer") <= 0.05
    assert found[0, 0] and found[4, 1] and found.sum() == 2
    true = [(X[:, 0] * X[:, 1]).std(), (5 * X[:, 1] * X[:, 3]).std()] / Y.std(0)
    np.testing.assert_allclose(result.strength[[0, 4], [0, 1]], true, rtol=0.35)


def test_a_linear_model_gives_each_target_what_it_would_have_alone():
    X, Y = numbers()
    both = quick(products(Ridge()), X, Y)
    for k in range(2):
        alone = quick(products(Ridge()), X, Y[:, k])
        assert_close(both.p_value[:, k], alone.p_value, 1e-6)
        assert_close(both.strength[:, k], alone.strength, 1e-6)


def test_models_of_one_target_are_refused():
    class One(LinearRegression):
        def predict(self, X):
            return super().predict(X)[:, 0]

    with pytest.raises(ValueError, match=r"one number a row and target, shape .*, 2\); got"):
        quick(One(), *numbers())


# Permutations


def test_permutations_of_labels():
    X, y = three(200)
    model = small(n_networks=1)
    result = permutation_test(model, X, y, n_permutations=19, random_state=0)
    assert result.global_p_value == 0.05 and result.null.shape == (19, 6)
    X, y = binary(200)
    assert permutation_test(model, X, y, n_permutations=19, random_state=0).null.shape == (19, 6)


def test_permutations_of_several_targets():
    X, Y = numbers(150)
    model = small(BayesianInteractionRegressor, n_networks=1)
    result = permutation_test(model, X, Y, n_permutations=19, random_state=0)
    assert result.statistic.shape == (6,)
    assert result.global_p_value == 0.05


def test_permutations_have_no_class_weights():
    with pytest.raises(ValueError, match="no class weights; got class_weight='balanced'"):
        permutation_test(small(class_weight="balanced"), *binary(100))


# The selector


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
    model = small(kind, n_networks=2, n_draws=25)
    selector = GEHSelector(model, n_groups=3, alpha=0.01, random_state=0)
    found = selector.fit_transform(pd.DataFrame(X, columns=list("abcd")), y)
    assert sorted(selector.pairs_) == expected
    assert found.shape[1] == 4 + len(expected)
    frame = selector.to_frame()
    assert frame.selected.sum() == len(expected)
    assert (frame.sign == "mixed").all() == (data is not binary)
    assert ("confirmed_effect" in frame) == (data is binary)
    result = selector.test_result_
    assert set(frame.p_value) == set(result.pair_p_value)
    assert set(frame.q_value) == set(result.adjusted_pairs("fdr"))


def test_a_selector_that_only_ranks_takes_labels():
    X, y = three(200)
    for options in ({"test": None, "max_pairs": 1}, {"test": "interval", "alpha": 0.9}):
        model = GEHSelector(small(n_draws=25), n_groups=3, random_state=0, **options).fit(X, y)
        assert model.pairs_[0] == (0, 1)
