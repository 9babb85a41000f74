import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    PolynomialFeatures,
    StandardScaler,
)

from tests.significance.crossfits import NAMES, quick, small, table


@pytest.mark.parametrize("backend", ["pandas", "polars"])
@pytest.mark.parametrize("labels", [False, True])
@pytest.mark.parametrize("cv", [2, "sequential"])
def test_models_see_the_columns_by_name(backend, labels, cv):
    X, y = table(300, strength=2.0)
    y = y > 0 if labels else y
    frame = pd.DataFrame(X, columns=NAMES) if backend == "pandas" else pl.DataFrame(X, NAMES)
    model = LogisticRegression(max_iter=500) if labels else Ridge()

    def p(columns, X):
        first = make_column_transformer((StandardScaler(), columns), remainder="passthrough")
        return quick(X, y, make_pipeline(first, PolynomialFeatures(2), model), cv=cv).p_value

    by_name, by_place = p(["age", "dose"], frame), p([0, 2], X)
    np.testing.assert_allclose(by_name, by_place, rtol=1e-9)
    assert by_name[0] < 1e-3


class Named(RegressorMixin, BaseEstimator):
    """Refuses anything but the kind of frame it is to see."""

    def __init__(self, kind=None):
        self.kind = kind

    def fit(self, X, y):
        return self if self.checked(X) else None

    def predict(self, X):
        return np.asarray(X["age"]) * np.asarray(X["bmi"]) if self.checked(X) else None

    def checked(self, X):
        assert type(X) is self.kind and list(X.columns) == list(NAMES)
        return True


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame])
def test_fits_and_questions_get_the_kind_of_frame_that_was_given(kind):
    X, y = table(200)
    frame = kind(X, NAMES) if kind is pl.DataFrame else kind(X, columns=NAMES)
    assert quick(frame, y, Named(kind), cv=2).p_value[0] < 1e-3


# Frames with words, gaps and dates


def people(n=320, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.normal(40, 10, n),
            "sex": rng.choice(["female", "male"], n),
            "town": rng.choice(["Aachen", "Bonn", "Celle"], n),
            "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 400, n), "D"),
        }
    )
    y = (frame["age"] - 40) / 10 * np.where(frame["sex"] == "male", 1, -1) + rng.normal(size=n)
    frame.loc[rng.random(n) < 0.1, "age"] = np.nan
    return frame, y.to_numpy()


def by_name(boosting=False):
    words = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    month = FunctionTransformer(
        lambda X: pd.DatetimeIndex(np.asarray(X["when"])).month.to_numpy()[:, None]
    )
    first = make_column_transformer(
        (words, ["sex", "town"]), (SimpleImputer(), ["age"]), (month, ["when"])
    )
    last = HistGradientBoostingRegressor(max_iter=30) if boosting else Ridge()
    return make_pipeline(first, PolynomialFeatures(2, interaction_only=True), last)


@pytest.mark.parametrize("convert", [lambda X: X, pl.from_pandas], ids=["pandas", "polars"])
def test_pipelines_see_the_frame_as_it_is(convert):
    X, y = people()
    result = quick(convert(X), y, by_name(), n_repeats=1)
    names = [tuple(result.feature_names[f] for f in pair) for pair in result.pairs]
    assert result.feature_names == (
        "age", "sex", "town", "when: year", "when: month", "when: weekday",
    )  # fmt: skip
    assert names[np.nanargmin(result.p_value)] == ("age", "sex")
    assert result.p_value.min() < 1e-6 and result.strength[names.index(("age", "sex"))] > 0.3


def test_shapes_of_date_parts_are_left_to_the_score_test():
    """A model sees the whole date, so that no part of it can be moved alone."""
    X, y = people()
    result = quick(X, y, by_name(boosting=True), n_repeats=1)
    names = np.array(result.feature_names)[result.pairs]
    dated = np.char.startswith(names.astype(str), "when").any(1)
    assert np.isnan(result.fold_scores[..., dated]).all()
    assert np.isfinite(result.p_value[dated]).all() and result.tested.all()


def test_networks_see_encoded_columns():
    X, y = people()
    result = quick(X, y, small(), n_repeats=1)
    assert result.feature_names[1] == "sex" and result.p_value.min() < 1e-6
