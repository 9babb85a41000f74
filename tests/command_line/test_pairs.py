import numpy as np
import pandas as pd
import pytest

from skgeh.command_line._pairs import asked_pairs, only
from skgeh.command_line._problem import Problem
from skgeh.tables.corrections import adjust
from skgeh.tables.feature import Feature

NAMES = ["age", "income", "when: hour", "when: month", "a:b", "x, y"]
FEATURES = [Feature(name, "number", (j,)) for j, name in enumerate(NAMES)]
COLUMNS = ["age", "income", "when", "a:b", "x, y"]


def asked(*given):
    return asked_pairs(list(given), FEATURES, COLUMNS)


def test_none_means_all():
    assert asked() is None


@pytest.mark.parametrize(
    ("given", "pairs"),
    [
        (["age:income"], [("age", "income")]),
        (["age:income, a:b:age"], [("age", "income"), ("a:b", "age")]),
        (["age:a:b", "income:x, y"], [("age", "a:b"), ("income", "x, y")]),
        (["age:when: hour"], [("age", "when: hour")]),
        (["when:age"], [("when: hour", "age"), ("when: month", "age")]),
        (["when:when: hour"], [("when: month", "when: hour")]),
    ],
)
def test_pairs_by_name(given, pairs):
    assert asked(*given) == pairs


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("age", "'age' is no pair"),
        ("age:", "'age:' is no pair"),
        ("age:incomes", "did you mean 'income'"),
        ("age:age", "two different columns"),
    ],
)
def test_what_is_no_pair(given, words):
    with pytest.raises(Problem, match=words):
        asked(given)


def test_the_table_about_some_pairs():
    p = np.array([1e-4, 0.2, 0.02, np.nan, 0.01, 0.9])
    table = pd.DataFrame({"feature_i": list("aaabbc"), "feature_j": list("bcdcdd"), "p_value": p})
    table["p_fdr"] = adjust(p, "fdr")
    found = only(table, [("a", "c"), ("d", "a"), ("d", "b"), ("b", "c")])
    rows = [4, 2, 1, 3]  # significant ones by p-value; others as they were
    assert (found.feature_i + found.feature_j).tolist() == ["bd", "ad", "ac", "bc"]
    np.testing.assert_allclose(found.p_fdr, adjust(p[rows], "fdr"))
    assert (found.p_fdr <= 0.05).tolist() == [True, True, False, False]
