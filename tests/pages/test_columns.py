import numpy as np
import pandas as pd
import polars as pl
import pytest

from skgeh import BayesianInteractionRegressor
from skgeh.pages import _columns
from skgeh.pages._columns import columns
from skgeh.pages._reading import Reading
from tests.pages.models import fitted


def frame(n=120):
    rng = np.random.default_rng(0)
    found = {
        "age": rng.integers(20, 60, n).astype(float),
        "sex": rng.choice(["f", "m"], n),
        "adult": rng.random(n) > 0.5,
        "when": pd.date_range("2024-01-01", periods=n, freq="D"),
    }
    found["age"][:12] = np.nan
    return pd.DataFrame(found)


def read(X):
    rng = np.random.default_rng(1)
    model = BayesianInteractionRegressor(posterior="gaussian_process")
    return Reading.of(model.fit(X, rng.normal(size=len(X))))


@pytest.mark.parametrize("of_kind", [pd.DataFrame, pl.from_pandas])
def test_columns_of_a_frame(of_kind):
    X = of_kind(frame())
    found, left = columns(read(X), X)
    by_name = {one.name: one for one in found}
    assert list(by_name) == ["age", "sex", "adult", "when"] and left == ""
    age = frame()["age"].dropna()
    assert by_name["age"].missing == "12 (10%)"
    assert by_name["age"].values == f"{age.min():g} to {age.max():g}, median {age.median():g}"
    counts = frame()["sex"].value_counts()
    assert by_name["sex"].taken_for == "category: 2 levels" and by_name["sex"].missing == "none"
    assert by_name["sex"].values == ", ".join(f"{k} ({n})" for k, n in counts.items())
    assert by_name["adult"].taken_for == "boolean" and "True (" in by_name["adult"].values
    assert by_name["when"].taken_for.startswith("date")
    assert by_name["when"].values == "2024-01-01 to 2024-04-29"


def test_columns_of_an_array_and_of_no_table():
    model, X, _ = fitted("product")
    reading = Reading.of(model)
    of_array, _ = columns(reading, X.to_numpy())
    assert [one.name for one in of_array] == list("abcd")
    assert all("median" in one.values for one in of_array)
    of_nothing, _ = columns(reading, None)
    assert [(one.name, one.taken_for, one.values) for one in of_nothing] == [
        (name, "number", "") for name in "abcd"
    ]


def test_many_columns_are_counted(monkeypatch):
    monkeypatch.setattr(_columns, "_MOST", 3)
    found, left = columns(Reading.of(fitted("product")[0]), None)
    assert len(found) == 3 and left == "1 more column."
