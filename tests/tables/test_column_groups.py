import numpy as np
import pytest

from skgeh.tables.column_groups import (
    _common_beginning,
    _named_groups,
    _one_hot_groups,
    _resolved,
)


def one_hot(codes):
    return np.eye(codes.max() + 1)[codes]


def rows(n=200, seed=0):
    """A number, a category of three, a boolean, a category of two."""
    rng = np.random.default_rng(seed)
    color, sex = rng.integers(0, 3, n), rng.integers(0, 2, n)
    return np.column_stack([rng.normal(size=n), one_hot(color), rng.random(n) < 0.3, one_hot(sex)])


NAMES = ["age", "c__col_red", "c__col_dark_blue", "c__col_x", "ill", "c__sex_f", "c__sex_m"]


def test_one_hot_columns_are_found_by_name_and_values():
    assert _one_hot_groups(NAMES, rows()) == {"c__col": [1, 2, 3], "c__sex": [5, 6]}


def test_columns_that_overlap_are_none():
    X = rows()
    X[0, 1] = X[0, 2] = X[0, 3] = 1
    assert _one_hot_groups(NAMES, X) == {"c__sex": [5, 6]}


def test_one_category_alone():
    X = rows()[:, :4]
    assert _one_hot_groups(NAMES[:4], X) == {"c__col": [1, 2, 3]}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["cat__a_x", "cat__a_y"], "cat__a"),
        (["a_dark_red", "a_dark_blue", "a_white"], "a"),
        (["a_1", "a_10"], "a"),
    ],
)
def test_the_name_of_a_group(names, expected):
    assert _common_beginning(names) == expected


@pytest.mark.parametrize(
    "given",
    [
        {"color": ["c__col_red", "c__col_dark_blue", 3]},
        {"color": [3, 1, 2]},
    ],
)
def test_groups_by_name_and_place(given):
    found = _resolved(given, NAMES, rows())
    assert list(found) == ["age", "color", "ill", "c__sex_f", "c__sex_m"]
    assert found["color"] == [1, 2, 3]
    assert _named_groups(given, NAMES) == {"color": [1, 2, 3]}


def test_groups_without_names():
    found = _resolved([[0, 4]], NAMES, rows())
    assert found["age+ill"] == [0, 4] and len(found) == 6


def test_groups_that_were_found_stand_among_the_other_columns():
    found = _resolved("auto", NAMES, rows())
    assert list(found) == ["age", "c__col", "ill", "c__sex"]
    assert list(found.values()) == [[0], [1, 2, 3], [4], [5, 6]]


def test_no_groups():
    assert _resolved(None, NAMES, rows()) == {name: [j] for j, name in enumerate(NAMES)}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("one-hot", "feature_groups must be 'auto'"),
        ({"a": "c__col_red"}, "feature_groups must be 'auto'"),
        ([["nothing"]], "feature_groups must be 'auto'"),
        (3, "feature_groups must be 'auto'"),
        ([[0, 1], [1, 2]], "must not share columns"),
        ({"ill": [0, 1]}, "the same name"),
        ({"none": []}, "must have a column"),
    ],
)
def test_groups_that_cannot_be_used(given, words):
    with pytest.raises(ValueError, match=words):
        _resolved(given, NAMES, rows())
