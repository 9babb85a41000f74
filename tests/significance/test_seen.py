import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression

from skgeh import BayesianInteractionRegressor
from skgeh.significance._seen import Seen
from skgeh.tables.features import Features
from skgeh.tables.table import Table

X = pd.DataFrame({"a": np.arange(60) * 0.7, "b": np.sin(np.arange(60))})
WORDS = X.assign(word=["u", "v", "w"] * 20)


def seen_by(learner, frame):
    table = Table.of(frame, np.cos(np.arange(60.0)))
    return Seen.by(learner, table, Features.of(table)), table


def test_networks_see_encoded_columns():
    seen, table = seen_by(BayesianInteractionRegressor().trainer(), WORDS)
    assert seen.X is table.X and seen.framed is None and seen.alone.all()


def test_other_models_see_numbers_in_the_frame_that_they_came_in():
    for frame, kind in ((X, pd.DataFrame), (X.to_numpy(), type(None))):
        seen, table = seen_by(LinearRegression(), frame)
        np.testing.assert_array_equal(seen.X, table.X)
        framed = None if seen.framed is None else seen.framed(seen.X)
        assert type(framed) is kind


def test_other_models_see_words_as_they_are():
    seen, table = seen_by(LinearRegression(), WORDS)
    assert seen.X.shape == (60, 3) and table.X.shape == (60, 5)
    pd.testing.assert_frame_equal(seen.framed(seen.X), WORDS)
    assert [own.tolist() for own in seen.features.columns] == [[0], [1], [2]]
