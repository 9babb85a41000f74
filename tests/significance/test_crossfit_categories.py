import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from tests.significance.crossfits import once, quick, same, small


def coded(levels, name):
    return {f"{name}_{k}": (levels == k).astype(float) for k in np.unique(levels)}


def categories(kind, n=800, strength=1.0, seed=0):
    """The slope of num depends on cat; kind and cat interact, too, if there is a kind."""
    rng = np.random.default_rng(seed)
    cat, sort = rng.choice(4, p=[0.5, 0.3, 0.17, 0.03], size=n), rng.integers(3, size=n)
    num, other = rng.normal(size=(2, n))
    table = coded(cat, "cat") | {"num": num} | coded(sort, "sort") | {"other": other}
    main = cat**2 / 3 + sort + np.sin(2 * num) + other**2 / 2
    inner = {"number": np.array([1, -1, 0.3, 0])[cat] * num, "category": (cat == 1) * (sort == 2)}
    y = main + 2 * strength * inner[kind] + rng.normal(size=n)
    return pd.DataFrame(table), y


PAIR = {"number": ("cat", "num"), "category": ("cat", "sort")}


def by_pair(result):
    names = np.array(result.feature_names)[result.pairs]
    return {tuple(sorted(pair)): k for k, pair in enumerate(names.tolist())}


@pytest.mark.parametrize("kind", PAIR)
@pytest.mark.parametrize("cv", [5, "sequential"])
@pytest.mark.parametrize("backend", ["pandas", "polars"])
def test_a_category_is_tested_as_one_feature(kind, cv, backend):
    X, y = categories(kind)
    X = X if backend == "pandas" else pl.from_pandas(X)
    learner = make_pipeline(PolynomialFeatures(2, interaction_only=True), StandardScaler(), Ridge())
    result = quick(X, y, learner, n_repeats=1, cv=cv)
    assert result.feature_names == ("cat", "num", "sort", "other") and result.tested.all()
    p = {pair: result.p_value[k] for pair, k in by_pair(result).items()}
    assert p.pop(PAIR[kind]) < 1e-6
    assert min(p.values()) > 1e-3
    frame = result.to_frame()
    assert type(frame) is (pd.DataFrame if backend == "pandas" else pl.DataFrame)
    assert {frame["feature_i"][0], frame["feature_j"][0]} == set(PAIR[kind])


@pytest.mark.parametrize("kind", PAIR)
def test_networks_move_the_columns_of_a_category_together(kind):
    X, y = categories(kind)
    result = quick(X, y, small(), n_repeats=1)
    assert result.fold_scores[0, :, by_pair(result)[PAIR[kind]]].mean() > 2
    assert result.p_value[by_pair(result)[PAIR[kind]]] < 1e-6
    single = [pair == ("num", "other") for pair in by_pair(result)]
    np.testing.assert_array_equal(np.isfinite(result.confirmed_effect), single)


def test_groups_of_the_estimator_are_the_features():
    X, y = categories("number")
    names = [list(X.columns[:4]), list(X.columns[5:8])]
    result = quick(X.to_numpy(), y, small(feature_groups=[[0, 1, 2, 3], [5, 6, 7]]), n_repeats=1)
    assert result.feature_names == ("x0+x1+x2+x3", "x4", "x5+x6+x7", "x8")
    named = quick(
        X, y, small(feature_groups=dict(zip(["c", "s"], names, strict=True))), n_repeats=1
    )
    assert named.feature_names == ("c", "num", "s", "other")
    assert same(result, named)
    alone = quick(X, y, small(feature_groups=None), n_repeats=1, pairs=[("num", "other")])
    assert len(alone.feature_names) == 9


@pytest.mark.filterwarnings("ignore:other tells the target")
def test_labels_and_a_category():
    X, logit = categories("number", n=1500, strength=2.0)
    y = np.where(logit > np.median(logit), "yes", "no")
    learner = make_pipeline(PolynomialFeatures(2, interaction_only=True), StandardScaler(),
                            LogisticRegression(max_iter=300))  # fmt: skip
    for target in (y, np.where(X["other"] > 1, "maybe", y)):
        result = once(learner, X, target)
        assert result.pair_p_value[by_pair(result)["cat", "num"]] < 1e-6


def test_categories_without_interactions():
    """Levels with other variances and main effects, of which one is rare."""
    p = []
    for seed in range(20):
        X, _ = categories("number", n=500, seed=seed)
        X["other"] += 2 * X["cat_0"] + X["sort_1"]
        noise = np.random.default_rng(seed + 1).normal(size=500) * (1 + X["cat_1"])
        y = np.sin(X["num"]) + 3 * X["cat_1"] - X["sort_0"] + X["other"] ** 2 + noise
        p.append(quick(X, y, n_repeats=1, variance_inflation=1.5).p_value)
    p = np.array(p)
    assert (p <= 0.05).mean() < 0.085
    assert (p.min(1) * 6 <= 0.05).mean() <= 0.2


def test_rare_cells_of_two_categories_are_no_crash():
    rng = np.random.default_rng(0)
    a, b = rng.geometric(0.3, size=(2, 300)).clip(max=12)
    X = pd.DataFrame(coded(a, "a") | coded(b, "b") | {"x": rng.normal(size=300)})
    for cv in (5, "sequential"):
        result = quick(X, a + b + rng.normal(size=300), n_repeats=1, cv=cv)
        p = result.p_value[result.tested]
        assert len(p) and ((p > 0) & (p <= 1)).all() and p.min() > 1e-4
