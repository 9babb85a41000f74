from types import SimpleNamespace

import numpy as np
import pytest

from skgeh import score_test
from tests.significance.crossfits import products, quick, table

MODULE = "skgeh.significance.crossfit.of_table"


@pytest.fixture
def asked(monkeypatch):
    """The test of a table whose score test has given p-values; None for its own."""

    def ask(X, y, score=None, **given):
        with monkeypatch.context() as patch:
            if score is not None:
                patch.setattr(MODULE, lambda *_, **__: SimpleNamespace(p_value=np.array(score)))
            return quick(X, y, products(), **{"n_repeats": 1, **given})

    return ask


@pytest.mark.parametrize("cv", [5, "sequential"])
def test_a_score_test_counts_as_half(asked, cv):
    X, y = table(300, 4, 0.5)
    score = [1e-9, 0.5, np.nan, 0.9, 0.001, 0.3]
    two, three = (asked(X, y, one, cv=cv) for one in (np.full(6, np.nan), score))
    assert three.p_value[2] == two.p_value[2]
    assert three.p_value[0] <= 3e-9 and 2e-3 <= three.p_value[4] < 4e-3
    assert (three.fold_scores == two.fold_scores).all()


@pytest.mark.filterwarnings("ignore:Some features are nearly")
def test_the_score_test_is_that_of_the_table(asked):
    X, y = table(300, 4, 0.5)
    X[:, 3] = X[:, 0] + 0.02 * X[:, 3]  # nearly the same
    units = np.arange(300) // 2
    for given in ({}, {"groups": units}):
        score = score_test(X, y, **given).p_value
        one, two = (asked(X, y, own, **given) for own in (None, score))
        np.testing.assert_array_equal(one.p_value, two.p_value)
        assert np.isnan(one.p_value).tolist() == [False, False, True, False, False, False]


def test_a_score_test_is_all_there_is_for_pairs_that_no_training_set_named(asked):
    X, y = table(400, 22, strength=2.0)
    score = np.full(231, 0.01)
    score[-1] = np.nan
    given = {"cv": 2, "max_pairs": 10}
    two, three = (asked(X, y, one, **given) for one in (np.full(231, np.nan), score))
    alone = ~two.tested
    assert three.p_value[alone][:-1] == pytest.approx(0.02) and alone[-1]
    assert np.isnan(three.p_value[-1]) and not three.tested[-1]
    assert three.reason[-1].startswith("not among the strongest") and three.reason[1] == ""
