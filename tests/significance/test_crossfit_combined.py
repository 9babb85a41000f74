import numpy as np
import pytest

from skgeh.significance.crossfit import crossfit
from skgeh.tables.table import Table
from tests.significance.crossfits import products, table


def checked_table(n=300, d=4, strength=0.5):
    return Table.of(*table(n, d, strength)).check_testable()


@pytest.mark.parametrize("cv", [5, "sequential"])
def test_a_score_test_counts_as_a_third(cv):
    given = {"variance_inflation": 2, "random_state": 0, "n_repeats": 1, "cv": cv}
    score = np.array([1e-9, 0.5, np.nan, 0.9, 0.001, 0.3])[:, None]
    two = crossfit(products(), checked_table(), **given)
    three = crossfit(products(), checked_table(), score_p_value=score, **given)
    assert three.p_value[2] == two.p_value[2]
    assert three.p_value[0] <= 4e-9 and 2e-3 < three.p_value[4] < 5e-3
    assert (three.fold_scores == two.fold_scores).all()


def test_a_score_test_is_all_there_is_for_pairs_that_no_training_set_named():
    X, y = table(400, 22, strength=2.0)
    score = np.full((231, 1), 0.01)
    score[-1] = np.nan
    given = {"variance_inflation": 2, "random_state": 0, "n_repeats": 1, "cv": 2, "max_pairs": 10}
    two = crossfit(products(), Table.of(X, y), **given)
    three = crossfit(products(), Table.of(X, y), score_p_value=score, **given)
    alone = ~two.tested
    assert three.p_value[alone][:-1] == pytest.approx(0.03) and alone[-1]
    assert np.isnan(three.p_value[-1]) and not three.tested[-1]
    assert three.reason[-1].startswith("not among the strongest") and three.reason[1] == ""
