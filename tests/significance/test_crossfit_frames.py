import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from tests.significance.crossfits import NAMES, quick, table


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
