import numpy as np
import pytest
from sklearn.linear_model import Ridge

from skgeh import BayesianInteractionRegressor, posteriors
from skgeh.significance._calibration import VARIANCE_INFLATION, inflation
from skgeh.significance._refits import learner_of


@pytest.mark.parametrize(
    "posterior", ["concrete_dropout", posteriors.ConcreteDropout((8,))], ids=["name", "object"]
)
@pytest.mark.parametrize(("n_repeats", "calibrated"), [(1, 1), (2, 1), (3, 3), (10, 3)])
def test_the_inflation_of_our_networks_is_calibrated(posterior, n_repeats, calibrated):
    model = learner_of(BayesianInteractionRegressor(posterior=posterior), None)
    expected = VARIANCE_INFLATION["concrete_dropout"][calibrated]
    assert inflation(model, "auto", 5, n_repeats) == expected
    assert inflation(model, 1.7, 5, n_repeats) == 1.7


def test_other_models_and_folds_are_assumed_to_be_inflated_most():
    with pytest.warns(UserWarning, match="Ridge .* was not calibrated: 2 is assumed"):
        assert inflation(Ridge(), "auto", 5, 3) == 2
    with pytest.warns(UserWarning, match=r"\(concrete_dropout\) with cv=4 was not calibrated"):
        assert inflation(learner_of(BayesianInteractionRegressor(), None), "auto", 4, 3) == 2
    assert inflation(Ridge(), 1, 5, 3) == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (0, "got 0"),
        (-1.0, "got -1.0"),
        (np.nan, "got nan"),
        (np.inf, "got inf"),
        ("high", "got 'high'"),
    ],
)
def test_inflations_that_cannot_be_used(given, message):
    with pytest.raises(ValueError, match=message):
        inflation(Ridge(), given, 5, 3)


def test_a_sequence_is_not_inflated_whatever_is_given():
    for given in ("auto", 1.7):
        assert inflation(Ridge(), given, "sequential", 1) == 1
    with pytest.raises(ValueError, match="got 0"):
        inflation(Ridge(), 0, "sequential", 1)
