import numpy as np
import pandas as pd
import pytest

from skgeh.tables.targets import task_of


@pytest.mark.parametrize(
    "y",
    [
        ["no", "yes"] * 3,
        [True, False] * 3,
        [0, 1] * 3,
        [-7.0, 2.0] * 3,
        np.array([0, 1] * 3, dtype=object),
        pd.Series(["a", "b", "c"], dtype="category"),
        pd.Series([1, 0], dtype="Int64"),
        [[0], [1]],
    ],
)
def test_labels(y):
    assert task_of(y)[0] == "classification"


@pytest.mark.parametrize(
    "y",
    [
        [0.5, 1.0] * 3,
        [0, 1, 2],
        np.array([1.5, 2, 3], dtype=object),
        pd.Series([1.5, 2.0], dtype="Float64"),
        [[0, 1], [1, 0]],
        [4, 4],
    ],
)
def test_numbers(y):
    assert task_of(y)[0] == "regression"


def test_the_reason_ends_a_sentence():
    for y in (["a", "b"], [0, 1], [1.0, 2.5], [[1, 2]]):
        assert task_of(y)[1].startswith("it ")
