import numpy as np
import pandas as pd
import polars as pl
import pytest

from skgeh.tables.frames import (
    backend_of,
    make_frame,
    values_and_names,
)

KINDS = {"pandas": pd.DataFrame, "polars": pl.DataFrame}
X = np.arange(6.0).reshape(3, 2)


@pytest.mark.parametrize("backend", KINDS)
def test_answers_come_in_the_kind_that_was_asked_about(backend):
    frame = KINDS[backend]({"a": X[:, 0], "b": X[:, 1]})
    assert backend_of(frame) == backend
    assert type(make_frame({"c": X[:, 0]}, np.arange(3), backend_of(frame))) is KINDS[backend]


@pytest.mark.parametrize("given", [X, X.tolist(), pd.Series(X[:, 0])], ids=["array", "list", "pd"])
def test_other_tables_are_answered_by_pandas(given):
    assert backend_of(given) == "pandas"


@pytest.mark.parametrize("backend", KINDS)
def test_rows_of_a_frame_are_in_the_order_given(backend):
    columns = {
        "name": np.array(["a", "b", "c"], dtype=object),
        "value": np.array([0.1, np.nan, 0.3]),
        "chosen": np.array([True, False, True]),
        "place": np.array([0, 1, 2]),
    }
    frame = make_frame(columns, np.array([2, 0, 1]), backend)
    assert list(frame.columns) == list(columns)
    assert frame["name"].to_list() == ["c", "a", "b"]
    np.testing.assert_array_equal(frame["value"].to_numpy(), [0.3, 0.1, np.nan])
    assert frame["chosen"].to_list() == [True, True, False]
    assert frame["place"].to_list() == [2, 0, 1]


@pytest.mark.parametrize("backend", KINDS)
def test_values_come_with_the_names_of_a_frame(backend):
    values, names = values_and_names(KINDS[backend]({"a": [1, 2], "b": [0.5, 1.5]}))
    np.testing.assert_array_equal(values, [[1, 0.5], [2, 1.5]])
    assert list(names) == ["a", "b"]


def test_values_of_arrays_have_no_names():
    values, names = values_and_names([[[1, 2]], [[3, 4]]])
    assert values.shape == (2, 1, 2) and names is None
