import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from skgeh.geh.pairs import chosen_pairs, pair_index
from skgeh.tables.features import _ALIKE, Features
from skgeh.tables.table import Table


def frame(n=60, seed=0):
    rng = np.random.default_rng(seed)
    level = rng.integers(3, size=n)
    columns = {f"cat_{k}": (level == k).astype(float) for k in range(3)}
    return pd.DataFrame({"num": rng.normal(size=n)} | columns | {"other": rng.normal(size=n)})


def of(X, groups="auto"):
    return Features.of(Table.of(X, np.arange(len(X), dtype=float)), groups)


def test_one_hot_columns_are_one_feature():
    features = of(frame())
    assert features.names == features.labels == ("num", "cat", "other")
    assert [mine.tolist() for mine in features.columns] == [[0], [1, 2, 3], [4]]
    assert features.levels[0] is None and features.levels[1].max() == 2


@pytest.mark.parametrize("pair", [("num", "cat"), (0, 1), ("cat", 0)])
def test_pairs_are_named_by_feature(pair):
    assert chosen_pairs([pair], of(frame()).labels).tolist() == [[0, 1]]
    with pytest.raises(ValueError, match="two feature names"):
        chosen_pairs([("num", "cat_1")], of(frame()).labels)


def test_labels_of_columns_that_are_no_names_stay():
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(30, 3)), columns=[7, 3, 5])
    assert of(X).labels == (7, 3, 5) and of(X).names == ("x0", "x1", "x2")


def test_levels_at_some_rows_are_counted_again():
    features = of(frame()).at(np.flatnonzero(frame()["cat_1"] == 0))
    assert set(features.levels[1]) == {0, 1} and len(features.X) == len(features.levels[1])


def test_some_features():
    features = of(frame()).some([1, 2])
    assert features.names == ("cat", "other") and features.levels[0] is not None


def test_a_category_of_other_names_or_codes_is_a_copy():
    X = frame()
    level = X[["cat_0", "cat_1", "cat_2"]].to_numpy().argmax(1)
    for k, name in enumerate("zyx"):
        X[f"kind_{name}"] = (level == k).astype(float)
    features = of(X)
    assert features.names == ("num", "cat", "other", "kind")
    assert features.copies.tolist() == [0, 1, 2, 1]
    assert sorted(features.twins[1]) == sorted(features.twins[3]) == [1, 2, 3, 5, 6, 7]
    assert features.reasons(np.array([[0, 3], [0, 2]])).tolist() == ["kind is a copy of cat", ""]
    assert features.testable(np.array([[0, 1], [0, 3]])).tolist() == [True, False]


def test_a_binary_column_and_both_of_its_indicators_are_copies():
    X = pd.DataFrame({"b": np.arange(40) % 2 * 5.0, "x": np.arange(40.0)})
    X["s_no"], X["s_yes"] = X["b"] == 0, X["b"] == 5
    assert of(X.astype(float)).copies.tolist() == [0, 1, 0]


def test_an_empty_level_leaves_a_constant():
    X = frame()
    X[["cat_0", "cat_1", "cat_2"]] = [0.0, 1.0, 0.0]
    features = of(X)
    assert features.copies[1] == -1 and features.reasons(np.array([[1, 2]])).tolist() == [
        "cat is constant"
    ]


def test_numbers_in_one_group_are_no_category():
    assert of(frame(), {"place": ["num", "other"]}).levels[0] is None


# Copies and constants


def copies_of(X):
    return Features.alone(np.asarray(X, dtype=float)).copies


def rows(n=120, d=4):
    return np.random.default_rng(0).normal(size=(n, d))


def with_copies():
    a, b, c, _ = rows().T
    columns = {"a": a, "half": a / 2, "b": b, "one": 0 * a + 1, "c": c, "back": -(b**3)}
    return of(pd.DataFrame(columns))


def test_pairs_of_copies_and_constants_are_not_testable():
    features = with_copies()
    pairs = pair_index(len(features))
    names = [tuple(features.names[j] for j in pair) for pair in pairs[features.testable(pairs)]]
    assert names == [("a", "b"), ("a", "c"), ("b", "c")]


def test_twins_are_all_columns_that_are_copies_of_each_other():
    twins = with_copies().twins
    assert [one.tolist() for one in twins] == [[0, 1], [0, 1], [2, 5], [3], [4], [2, 5]]


def copies_by_hand(X):
    found = []
    for j, x in enumerate(X.T):
        if np.ptp(x) == 0:
            found.append(-1)
            continue
        same = [
            k
            for k in range(j)
            if np.ptp(X[:, k]) > 0 and abs(abs(spearmanr(x, X[:, k]).statistic) - 1) < 1e-12
        ]
        found.append(same[0] if same else j)
    return found


@pytest.mark.parametrize("n", [80, 81])  # without and with a middle row
@pytest.mark.parametrize("ties", [False, True])
def test_copies_up_to_a_monotone_change_of_scale(ties, n):
    X = rows(n, 3).round(0 if ties else 9)
    a, b, c = X.T
    columns = [np.ones(n), a, -a, b, np.exp(a), 3 - 2 * b**3, c, -np.exp(-c), a + b, a**2]
    found = copies_of(np.column_stack(columns))
    assert found.tolist() == [-1, 1, 1, 3, 1, 3, 6, 6, 8, 9]
    assert found.tolist() == copies_by_hand(np.column_stack(columns))


def test_binary_copies():
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 50)) < 0.3
    found = copies_of(np.column_stack([a, ~a, b, 5.0 * a, 1 - 2.0 * b, a ^ b]).astype(float))
    assert found.tolist() == [0, 0, 2, 0, 2, 5]


def test_one_row_that_differs_makes_no_copy():
    X = rows(80, 3)
    changed = X[:, 0].copy()
    changed[np.argsort(changed)[[3, 4]]] = changed[np.argsort(changed)[[4, 3]]]
    coarse = np.minimum(X[:, 0], np.sort(X[:, 0])[-2])
    assert copies_of(np.column_stack([X, changed, coarse])).tolist() == [0, 1, 2, 3, 4]


# Reasons

NEARLY = "nearly the same: their interaction cannot be told from curvature"


def columns(*more, n=60, seed=0):
    """Two columns in standard units, and others."""
    x = np.random.default_rng(seed).normal(size=(2, n))
    found = np.column_stack([*x, *(one(*x) for one in more)])
    spread = found.std(0)
    return (found - found.mean(0)) / np.where(spread > 0, spread, 1)


def reasons(X, groups=None):
    """Reasons by pair of names."""
    groups = [[j] for j in range(X.shape[1])] if groups is None else groups
    features = Features.named(X, dict(zip("abcdefgh", groups, strict=False)))
    pairs = pair_index(len(features))
    found = features.reasons(pairs)
    np.testing.assert_array_equal(features.testable(pairs), found == "")
    return {"abcdefgh"[i] + "abcdefgh"[j]: why for (i, j), why in zip(pairs, found, strict=True)}


def test_pairs_that_can_be_tested_have_no_reason():
    assert reasons(columns(lambda a, b: a + b, lambda a, b: a * b)) == dict.fromkeys(
        ["ab", "ac", "ad", "bc", "bd", "cd"], ""
    )


def test_constants_are_named():
    found = reasons(columns(lambda a, b: 0 * a, lambda a, b: 0 * a + 7))
    assert found["ab"] == "" and found["ac"] == found["bc"] == "c is constant"
    assert found["bd"] == "d is constant" and found["cd"] in ("c is constant", "d is constant")


@pytest.mark.parametrize("copy", [lambda a, b: a, lambda a, b: -3 * a + 1, lambda a, b: np.exp(a)])
def test_copies_are_named_and_the_first_one_is_tested(copy):
    """Also copies in another unit, or up to a monotone change."""
    found = reasons(columns(copy))
    assert found == {"ab": "", "ac": "c is a copy of a", "bc": "c is a copy of a"}


def test_copies_of_copies_are_copies_of_the_first():
    found = reasons(columns(lambda a, b: 2 * a, lambda a, b: 3 * b, lambda a, b: -a))
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
    found = reasons(columns(with_correlation(sign * (_ALIKE + 0.002)), lambda a, b: a**2))
    assert found["ac"] == f"c and a are {NEARLY}"
    assert found["ad"] == found["cd"] == found["bc"] == ""
    assert reasons(columns(with_correlation(sign * (_ALIKE - 0.002))))["ac"] == ""


def test_reasons_of_features_of_several_columns():
    """A category with a constant level, one of a single level, and a copy of one of its columns."""
    rng = np.random.default_rng(0)
    level = rng.integers(0, 3, 60)
    one = np.eye(3)[level]
    X = np.column_stack([one, np.zeros(60), rng.normal(size=60), np.zeros((60, 2)), one[:, 0]])
    found = reasons(X, [[0, 1, 2, 3], [4], [5, 6], [7]])
    assert found["ab"] == found["ad"] == found["bd"] == ""
    assert found["ac"] == found["bc"] == found["cd"] == "c is constant"


def test_reasons_of_pairs_that_are_asked_for():
    features = Features.alone(columns(lambda a, b: a))
    assert features.reasons(np.array([[1, 2]])).tolist() == ["x2 is a copy of x0"]
    assert len(features.reasons(np.empty((0, 2), int))) == 0
