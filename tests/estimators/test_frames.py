"""Frames as people have them, through every public entry."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_score

from skgeh import (
    BayesianInteractionClassifier,
    BayesianInteractionRegressor,
    permutation_test,
    score_test,
)

N = 320
CONVERT = {"pandas": lambda X: X, "polars": pl.from_pandas, "pyarrow": pa.Table.from_pandas}
QUICK = {"posterior": "gaussian_process", "random_state": 0}


def people(n=N, seed=0):
    """Age and sex interact, and the hour with being a member."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.normal(40, 10, n),
            "sex": rng.choice(["female", "male"], n),
            "town": rng.choice(["Aachen", "Bonn", "Celle"], n),
            "member": rng.random(n) < 0.5,
            "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 9000, n), "h"),
        }
    )
    circle = np.cos(2 * np.pi * frame["when"].dt.hour / 24)
    y = (frame["age"] - 40) / 10 * np.where(frame["sex"] == "male", 1, -1)
    y += 2 * circle * frame["member"] + 0.5 * rng.normal(size=n)
    frame.loc[rng.random(n) < 0.1, "age"] = np.nan
    frame.loc[rng.random(n) < 0.1, "town"] = None
    return frame, y.to_numpy()


PAIRS = {("age", "sex"), ("member", "when: hour")}


def found_pairs(frame):
    frame = frame.to_pandas() if not isinstance(frame, pd.DataFrame) else frame
    frame = frame[frame["p_fdr"] <= 0.05]
    return set(zip(frame["feature_i"], frame["feature_j"], strict=True))


@pytest.fixture(scope="module")
def fitted():
    return BayesianInteractionRegressor(**QUICK).fit(*people())


@pytest.mark.parametrize("backend", CONVERT)
def test_planted_pairs_are_found_and_no_others(backend):
    X, y = people()
    model = BayesianInteractionRegressor(**QUICK).fit(CONVERT[backend](X), y)
    frame = model.interactions_.to_frame()
    assert type(frame) is type(CONVERT[backend](X)) and found_pairs(frame) == PAIRS
    assert found_pairs(score_test(CONVERT[backend](X), y).to_frame()) == PAIRS
    assert model.predict(CONVERT[backend](X)).shape == (N,)
    assert model.n_features_in_ == 5 and model.feature_names_in_.tolist() == list(X)


def test_every_feature_is_known_by_its_name(fitted):
    names = ["age", "sex", "town", "member", "when: year", "when: month", "when: weekday",
             "when: hour"]  # fmt: skip
    assert list(fitted.interactions_.feature_names) == names
    assert [one.name for one in fitted.features_] == names
    assert fitted.feature_groups_["age"] == [0, 1]


def test_a_category_has_no_sign_and_a_number_with_gaps_has_one():
    X, y = people()
    X["dose"] = np.random.default_rng(1).normal(size=N)
    y = y + 2 * X["dose"] * (X["age"].fillna(40) - 40) / 10
    frame = BayesianInteractionRegressor(**QUICK).fit(X, y).interactions_.to_frame()
    signs = {(row.feature_i, row.feature_j): row.sign for row in frame.itertuples()}
    assert signs["age", "dose"] == "+" and signs["age", "sex"] == ""


def test_a_pair_that_interacts_by_what_is_missing_has_an_effect():
    rng = np.random.default_rng(0)
    dose, age = rng.normal(size=(2, N))
    gone = rng.random(N) < 0.35
    y = age * np.where(gone, 1.2, -0.6) + 0.5 * rng.normal(size=N)
    X = pd.DataFrame({"dose": np.where(gone, np.nan, dose), "age": age})
    (row,) = BayesianInteractionRegressor(**QUICK).fit(X, y).interactions_.to_frame().itertuples()
    assert row.p_value < 1e-6 and row.ci_low > 0.2 and row.sign == ""


def test_a_date_that_says_nothing_takes_no_pair_away():
    """Many columns make residuals small, and must not make even noise look uneven."""
    rng = np.random.default_rng(1)
    X = pd.DataFrame(
        {
            "a": rng.normal(size=600),
            "c": rng.choice(["u", "v", "w"], 600),
            "b": np.where(rng.random(600) < 0.15, np.nan, rng.normal(size=600)),
            "when": pd.Timestamp("2022") + pd.to_timedelta(rng.integers(0, 9000, 600), unit="h"),
        }
    )
    y = X["a"] * np.where(X["c"] == "u", 1, -1) + 0.5 * rng.normal(size=600)
    few, every = (
        score_test(table, y, pairs=[("a", "c")]).statistic[0]
        for table in (X.drop(columns="when"), X)
    )
    assert every > 0.8 * few > 5


def test_contributions_of_a_missing_date_are_of_the_usual_size(fitted):
    X, y = people()
    new = X[:3].assign(when=pd.NaT)
    values, sd = fitted.interactions_.local(new, "when: hour", "member")
    usual, _ = fitted.interactions_.local(X, "when: hour", "member")
    assert np.abs(values).max() < 2 * np.abs(usual).max() and sd.max() < y.std()


def test_labels(fitted):
    X, y = people(n=600)
    model = BayesianInteractionClassifier(**QUICK).fit(X, np.where(y > 0, "high", "low"))
    assert found_pairs(model.interactions_.to_frame()) == PAIRS
    assert model.score(X, np.where(y > 0, "high", "low")) > 0.8


def test_new_levels_and_new_gaps_are_predicted(fitted):
    X, _ = people()
    new = X[:5].assign(sex=["male", "other", None, "female", "male"], member=None, when=pd.NaT)
    assert np.isfinite(fitted.predict(new)).all()
    assert np.isfinite(fitted.interactions(X[:60]).effect).all()


def test_a_missing_column_is_named(fitted):
    X, _ = people()
    with pytest.raises(ValueError, match="missing"):
        fitted.predict(X.drop(columns="sex"))
    with pytest.raises(ValueError, match="Column 'age'"):
        fitted.predict(X.assign(age="old"))


def test_fits_can_be_cloned_pickled_and_validated(fitted):
    X, y = people()
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))
    assert (cross_val_score(clone(fitted), X, y, cv=3) > 0.3).all()


def test_groups_of_given_columns():
    X, y = people()
    groups = {"place and time": ["town", "when"]}
    model = BayesianInteractionRegressor(feature_groups=groups, **QUICK).fit(X, y)
    assert model.interactions_.feature_names == ("age", "sex", "place and time", "member")
    result = score_test(X, y, feature_groups=[["town", "when: hour"]])
    assert "town+when: hour" in result.feature_names


def test_a_date_is_asked_by_its_name():
    X, y = people()
    assert len(score_test(X, y, features=["when"]).pairs) == 4 * 4 + 6
    result = score_test(X, y, pairs=[("sex", "when")])
    assert {result.feature_names[f] for f in result.pairs.ravel()} == {
        "sex", "when: year", "when: month", "when: weekday", "when: hour",
    }  # fmt: skip


@pytest.mark.parametrize("pairs", [[("age", "sex")], [(0, 1)], [("when: hour", "member")]])
def test_pairs_are_asked_by_name_or_place(pairs):
    assert len(score_test(*people(), pairs=pairs).pairs) == 1


def test_weights_of_zero_drop_rows():
    X, y = people()
    weight = np.ones(N)
    weight[X["sex"].to_numpy() == "male"] = 0
    kept = weight > 0
    one = BayesianInteractionRegressor(**QUICK)
    with pytest.warns(UserWarning, match="Constant features interact with nothing: sex"):
        one.fit(X, y, sample_weight=weight).interactions_  # noqa: B018
    two = BayesianInteractionRegressor(**QUICK).fit(X[kept], y[kept])
    np.testing.assert_allclose(one.predict(X[kept]), two.predict(X[kept]), rtol=1e-6)


@pytest.mark.parametrize("names", [["id"], ["id", "text"]])
def test_what_cannot_be_used_is_refused_by_name(names):
    X, y = people()
    odd = {
        "id": [f"p{k}" for k in range(N)],
        "text": [f"he said that {k} was a good number" for k in range(N)],
    }
    X = X.assign(**{name: odd[name] for name in names})
    for ask in (BayesianInteractionRegressor(**QUICK).fit, score_test):
        with pytest.raises(ValueError, match="cannot be used") as caught:
            ask(X, y)
        assert f"X.drop(columns={names!r})" in str(caught.value)


def test_permutations_of_frames():
    X, y = people(n=120)
    model = BayesianInteractionRegressor(n_networks=1, max_epochs=3, n_groups=2)
    result = permutation_test(model, X, y, n_permutations=19, random_state=0)
    assert result.feature_names[0] == "age" and result.null.shape == (19, 28)


def test_arrays_with_gaps():
    X, y = people()
    numbers = X[["age", "member"]].to_numpy(dtype=float)
    model = BayesianInteractionRegressor(**QUICK).fit(numbers, y)
    assert model.encoding_.column_names == ("x0", "x0 missing", "x1")
    assert model.predict(np.full((2, 2), np.nan)).shape == (2,)


def test_infinity_is_refused():
    X, y = people()
    X.loc[3, "age"] = np.inf
    with pytest.raises(ValueError, match=r"infinity.*'age'"):
        BayesianInteractionRegressor(**QUICK).fit(X, y)


def test_tags_say_what_is_taken():
    tags = BayesianInteractionRegressor().__sklearn_tags__().input_tags
    assert tags.string and tags.categorical and tags.allow_nan
