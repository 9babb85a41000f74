"""Which estimators the tests refit as networks, and which as any other."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from skgeh import BayesianInteractionRegressor, crossfit_test, permutation_test
from skgeh.posteriors import Committee, Ensemble, GaussianProcess
from skgeh.posteriors.trainer import Trainer
from skgeh.significance import refits
from skgeh.significance.refits import learner_of


def additive(n, d=3, noise=0.05):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, d))
    return X, X[:, :3].sum(1) + noise * rng.normal(size=n)


def test_nothing_else_trains_networks():
    assert not isinstance(learner_of(LinearRegression(), None), Trainer)
    assert isinstance(learner_of(BayesianInteractionRegressor(), None), Trainer)


@pytest.mark.parametrize("posterior", ["gaussian_process", "committee", GaussianProcess()])
def test_a_permutation_test_takes_networks_only(posterior):
    X, y = additive(60)
    estimator = BayesianInteractionRegressor(posterior=posterior)
    with pytest.raises(ValueError, match=r"refits networks.*crossfit_test takes any reg"):
        permutation_test(estimator, X, y)


@pytest.mark.parametrize("posterior", ["gaussian_process", "committee"])
def test_a_process_is_crossfitted_like_any_regressor(posterior, monkeypatch):
    monkeypatch.setattr(refits, "fit_stack", None)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 3))
    y = X[:, 0] * X[:, 2] + X[:, 1] + 0.5 * rng.normal(size=120)
    process = GaussianProcess(3)
    given = process if posterior == "gaussian_process" else Committee(process, Ensemble((4,)), 2)
    estimator = BayesianInteractionRegressor(posterior=given, max_epochs=1)
    with pytest.warns(UserWarning, match=rf"inflation.*\({posterior}\).*not calibrated") as caught:
        result = crossfit_test(estimator, X, y, n_repeats=1, random_state=0)
    assert {warning.filename for warning in caught} == {__file__}
    assert result.variance_inflation == 2
    assert (result.adjusted("fwer") <= 0.05).tolist() == [False, True, False]


def test_auto_is_crossfitted_as_calibrated_networks():
    X, y = additive(120)
    result = crossfit_test(
        BayesianInteractionRegressor(max_epochs=1), X, y, n_repeats=1, random_state=0
    )
    assert result.variance_inflation == 1.5
