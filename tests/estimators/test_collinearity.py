import warnings

import numpy as np
import pandas as pd
import pytest

from skgeh import BayesianInteractionRegressor, GEHSelector
from skgeh.estimators._collinearity import exchangeable
from skgeh.posteriors import Ensemble


def table(n=400, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4))
    return X, 2 * X[:, 0] * X[:, 1] + X[:, 2] + 0.3 * rng.normal(size=n)


def model(**parameters):
    return BayesianInteractionRegressor(posterior="gaussian_process", n_draws=50, **parameters)


class TestSets:
    def test_independent_features_have_none(self):
        assert exchangeable(table()[0]) == []

    def test_correlated_features(self):
        rng = np.random.default_rng(0)
        a, noise = rng.normal(size=(2, 100_000))
        for correlation, found in ((0.88, []), (0.92, [{0, 1}])):
            b = correlation * a + np.sqrt(1 - correlation**2) * noise
            assert exchangeable(np.column_stack([a, b])) == found

    def test_a_sum_and_its_terms(self):
        X, _ = table()
        total = (X[:, 0] + X[:, 1] - X[:, 3]) / np.sqrt(3)
        assert exchangeable(np.column_stack([X, total])) == [{0, 1, 3, 4}]

    def test_few_rows_prove_nothing(self):
        X = np.random.default_rng(0).normal(size=(6, 5))
        Z = (X - X.mean(0)) / X.std(0)
        assert all(len(members) == 2 for members in exchangeable(Z))


class TestWarning:
    @pytest.mark.filterwarnings("ignore:Some features are")
    def test_names_the_others(self):
        X, y = table()
        twin = X[:, 0] + 0.1 * np.random.default_rng(1).normal(size=len(X))
        fitted = model().fit(np.column_stack([X, twin]), y)
        with pytest.warns(UserWarning, match="x0 x x1 for x1 x x4|x1 x x4 for x0 x x1") as caught:
            fitted.interactions(n_groups=4)
        caught = [one for one in caught if "nearly the same: x0 and x4" not in str(one.message)]
        assert [warning.filename for warning in caught] == [__file__]
        with pytest.warns(UserWarning, match="for x1 x x4|for x0 x x1") as caught:
            fitted.interactions_  # noqa: B018
        assert [warning.filename for warning in caught] == [__file__]

    @pytest.mark.filterwarnings("ignore:Some features are")
    def test_comes_through_the_selector(self):
        X, y = table()
        X = np.column_stack([X, X[:, 0]])
        with pytest.warns(UserWarning, match="Some features nearly determine each other") as caught:
            GEHSelector(model(), test=None, max_pairs=1, n_groups=4).fit(X, y)
        assert {warning.filename for warning in caught} == {__file__}

    def test_levels_of_categories_do_not_determine_each_other(self):
        rng = np.random.default_rng(0)
        words = {name: rng.choice(list("uvw"), 300) for name in "abc"}
        X = pd.DataFrame(words).assign(d=rng.normal(size=300))
        y = X.d * np.where(X.a == "u", 1, -1) + 0.3 * rng.normal(size=300)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model().fit(X, y).interactions(n_groups=4)

    def test_is_silent_otherwise(self):
        X, y = table()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model().fit(X, y).interactions(n_groups=4)


def test_copies_with_heavy_tails_are_found_in_a_large_table():
    """The rows that are kept do not have the variance of the whole table."""
    rng = np.random.default_rng(1)
    X = rng.standard_t(2, size=(12_000, 3))
    X = np.column_stack([X, X[:, 0] + 0.01 * rng.normal(size=len(X))])
    y = X[:, 0].clip(-2, 2) * X[:, 1].clip(-2, 2) + 0.1 * rng.normal(size=len(X))
    model = BayesianInteractionRegressor(
        posterior=Ensemble(n_perturbed=0), max_epochs=1, n_networks=1, n_draws=10, random_state=0
    )
    sample = model.fit(X, y)._fit_sample
    assert len(sample.task.X) == 2000
    assert sample.exchangeable(range(4)) == [{0, 3}]
