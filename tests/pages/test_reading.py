import numpy as np
import pandas as pd
import pytest

from skgeh import score_test
from skgeh.pages._reading import Reading
from tests.pages.models import KINDS, fitted


def reading(kind):
    model, _, y = fitted(kind)
    return Reading.of(model, y)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_in_the_order_of_the_table(kind):
    read = reading(kind)
    table = read.source if read.is_selector else read.found
    frame = table.to_frame()
    pairs = [read.pair(row) for row in range(len(frame))]
    assert pairs == list(zip(frame["feature_i"], frame["feature_j"], strict=True))
    names = np.array(read.names)[read.found.pairs[read.order]]
    assert names.tolist() == [list(pair) for pair in pairs]
    chosen = frame["selected"] if read.is_selector else frame["p_fdr"] <= 0.05
    np.testing.assert_array_equal(read.chosen, chosen.to_numpy(dtype=bool))
    assert (np.diff(read.chosen.astype(int)) <= 0).all()  # first of all


@pytest.mark.parametrize("kind", ["product", "targets", "three classes"])
def test_rows_needed_are_those_of_the_score_test(kind):
    read = reading(kind)
    _, X, y = fitted(kind)
    task = "classification" if read.classes else "regression"
    result = score_test(X, y, task=task)
    wanted, ends = result.rows_needed(return_interval=True)
    if wanted.ndim == 2:
        best = wanted.argmin(1)
        at = np.arange(len(best)), best
        wanted, ends = wanted[at], ends[at]
    rows = [2, 0, 1]  # some of them, in an order of their own
    found, found_ends = read.rows_needed(rows)
    np.testing.assert_allclose(found, wanted[read.order[rows]], rtol=0.1)
    np.testing.assert_allclose(found_ends, ends[read.order[rows]], rtol=0.1)


def test_what_a_model_is_about():
    assert reading("product").target_name == "price"
    assert reading("nothing").title == "Which features interact?"
    assert reading("product").title.endswith("price?")
    assert reading("two classes").scale_name == "the log-odds of well"
    assert reading("three classes").outputs == ["x", "y", "z"]
    assert reading("targets").outputs == ["target 0", "target 1"]
    assert reading("counts").is_log and not reading("product").is_log
    assert reading("selector").is_selector
    assert reading("product").n_rows == 300 and reading("product").n_units is None


def test_targets_are_called_by_their_names():
    model, _, y = fitted("targets")
    assert Reading.of(model, pd.DataFrame(y, columns=["price", "cost"])).outputs == [
        "price",
        "cost",
    ]
    model, _, y = fitted("nothing")
    assert Reading.of(model, pd.DataFrame({"price": y})).target_name == "price"
    assert Reading.of(model, pd.Series(y)).target_name == "the target"


def test_columns_that_a_table_does_not_have_are_missing():
    read = reading("product")
    assert np.isnan(read.numbers("p_adjusted")).all()
    assert len(read.numbers("p_adjusted")) == len(read.order)
