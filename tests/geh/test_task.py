import pickle
from functools import partial

import numpy as np
import pytest

from skgeh.geh.likelihoods import CrossEntropy, SquaredError
from skgeh.geh.task import HeldOut, Task


def ones(calls, n_rows):
    calls.append(n_rows)
    return np.ones((n_rows, 1))


def test_predictions_are_made_once_and_when_asked_for():
    calls = []
    held_out = HeldOut(np.arange(3), partial(ones, calls, 3))
    assert calls == []
    assert held_out.predictions.shape == held_out.predictions.shape == (3, 1)
    assert calls == [3]


def test_held_out_rows_travel_before_they_are_predicted():
    held_out = pickle.loads(pickle.dumps(HeldOut(np.arange(4), partial(np.zeros, (4, 1)))))
    np.testing.assert_array_equal(held_out.predictions, np.zeros((4, 1)))


@pytest.mark.parametrize(
    ("likelihood", "labels"), [(SquaredError(), False), (CrossEntropy(0.5), True)]
)
def test_labels_are_known_by_the_likelihood(likelihood, labels):
    assert Task(np.zeros((2, 2)), np.zeros((2, 1)), np.ones(2), likelihood).has_labels is labels
