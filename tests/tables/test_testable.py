"""Which pairs can be tested, and the words for others."""

import numpy as np
import pytest
from skgeh.tables.testable import ALIKE, reasons

from skgeh.geh.pairs import pair_index

NEARLY = "nearly the same: their interaction cannot be told from curvature"


def columns(*more, n=60, seed=0):
    """Two columns in standard units, and others."""
    x = np.random.default_rng(seed).normal(size=(2, n))
    given = [one(*x) for one in more]
    found = np.column_stack([*x, *given])
    spread = found.std(0)
    return (found - found.mean(0)) / np.where(spread > 1e-12, spread, 1)


def asked(X, features=None):
    """Reasons by pair of names."""
    features = [[j] for j in range(X.shape[1])] if features is None else features
    pairs = pair_index(len(features))
    found = reasons(X, features, pairs, "abcdefgh")
    return {"abcdefgh"[i] + "abcdefgh"[j]: why for (i, j), why in zip(pairs, found, strict=True)}


def test_pairs_that_can_be_tested_have_no_reason():
    assert asked(columns(lambda a, b: a + b, lambda a, b: a * b)) == dict.fromkeys(
        ["ab", "ac", "ad", "bc", "bd", "cd"], ""
    )


def test_constants_are_named():
    found = asked(columns(lambda a, b: 0 * a, lambda a, b: 0 * a + 1e-14 * b))
    assert found["ab"] == "" and found["ac"] == found["bc"] == "c is constant"
    assert found["bd"] == "d is constant" and found["cd"] in ("c is constant", "d is constant")


@pytest.mark.parametrize("copy", [lambda a, b: a, lambda a, b: -3 * a + 1, lambda a, b: np.exp(a)])
def test_copies_are_named_and_the_first_one_is_tested(copy):
    """Also copies in another unit, or up to a monotone change."""
    found = asked(columns(copy))
    assert found == {"ab": "", "ac": "c is a copy of a", "bc": "c is a copy of a"}


def test_copies_of_copies_are_copies_of_the_first():
    found = asked(columns(lambda a, b: 2 * a, lambda a, b: 3 * b, lambda a, b: -a))
    assert found["bc"] == "c is a copy of a" and found["be"] == "e is a copy of a"
    assert found["ad"] == "d is a copy of b" and found["ab"] == ""


def with_correlation(r):
    def near(a, b):
        a, b = a - a.mean(), b - b.mean()
        b = b - a * (a @ b) / (a @ a)
        return r * a / a.std() + np.sqrt(1 - r**2) * b / b.std()

    return near


@pytest.mark.parametrize("sign", [1, -1])
def test_features_that_are_nearly_the_same_are_no_pair(sign):
    """But each with a third one is."""
    found = asked(columns(with_correlation(sign * (ALIKE + 0.002)), lambda a, b: a**2))
    assert found["ac"] == f"c and a are {NEARLY}"
    assert found["ad"] == found["cd"] == found["bc"] == ""
    assert asked(columns(with_correlation(sign * (ALIKE - 0.002))))["ac"] == ""


def test_features_of_several_columns():
    """A category with a constant level, one of a single level, and a copy of one of its columns."""
    rng = np.random.default_rng(0)
    level = rng.integers(0, 3, 60)
    one = np.eye(3)[level]
    X = np.column_stack([one, np.zeros(60), rng.normal(size=60), np.zeros((60, 2)), one[:, 0]])
    found = asked(X, [[0, 1, 2, 3], [4], [5, 6], [7]])
    assert found["ab"] == found["ad"] == found["bd"] == ""
    assert found["ac"] == found["bc"] == found["cd"] == "c is constant"


def test_only_pairs_that_are_asked_for():
    X = columns(lambda a, b: a)
    assert reasons(X, [[0], [1], [2]], np.array([[1, 2]]), "abc").tolist() == ["c is a copy of a"]
    assert len(reasons(X, [[0], [1], [2]], np.empty((0, 2), int), "abc")) == 0
