from itertools import combinations

import numpy as np
import pytest

from skgeh.geh.pairs import (
    chosen_pairs,
    n_pairs,
    pair_index,
    pair_places,
    to_matrix,
    to_vector,
)


@pytest.mark.parametrize("d", [1, 2, 3, 8, 41])
def test_pairs_are_those_of_itertools(d):
    expected = list(combinations(range(d), 2))
    assert n_pairs(d) == len(expected)
    assert pair_index(d).shape == (len(expected), 2)
    assert [tuple(pair) for pair in pair_index(d)] == expected


@pytest.mark.parametrize("lead", [(), (4,), (3, 2)])
@pytest.mark.parametrize("d", [1, 2, 3, 8])
def test_a_matrix_holds_each_pair_twice(d, lead):
    values = np.random.default_rng(d).normal(size=(*lead, n_pairs(d)))
    matrix = to_matrix(values, d)
    assert matrix.shape == (*lead, d, d)
    assert not np.diagonal(matrix, axis1=-2, axis2=-1).any()
    for place, (i, j) in enumerate(combinations(range(d), 2)):
        assert np.array_equal(matrix[..., i, j], values[..., place])
        assert np.array_equal(matrix[..., j, i], values[..., place])


@pytest.mark.parametrize("dtype", [np.float32, np.float64, int, bool])
@pytest.mark.parametrize("d", [2, 3, 8])
def test_to_a_matrix_and_back(d, dtype):
    values = np.random.default_rng(d).integers(0, 2, (5, n_pairs(d))).astype(dtype)
    back = to_vector(to_matrix(values, d))
    assert back.dtype == dtype
    assert np.array_equal(back, values)


def test_a_vector_is_the_upper_triangle_by_rows():
    matrix = np.arange(16).reshape(4, 4)  # not symmetric: the lower triangle must not show
    assert to_vector(matrix).tolist() == [1, 2, 3, 6, 7, 11]


# Chosen pairs

NAMES = ("age", "bmi", "dose", "site")


def test_all_pairs_if_none_are_named():
    assert chosen_pairs(None, NAMES).tolist() == pair_index(4).tolist()


@pytest.mark.parametrize(
    "pairs",
    [
        [(0, 1), (1, 3)],
        [(3, 1), (1, 0), (0, 1)],
        [("age", "bmi"), ("site", "bmi")],
        [("bmi", 0), (3, "bmi")],
        np.array([[1, 0], [1, 3]]),
        ((np.int32(0), np.uint8(1)), (1, 3)),
        pytest.param(iter([(0, 1), (3, 1)]), id="iterator"),
        {(0, 1), (1, 3)},
    ],
    ids=str,
)
def test_pairs_by_index_and_by_name(pairs):
    assert chosen_pairs(pairs, NAMES).tolist() == [[0, 1], [1, 3]]


@pytest.mark.parametrize(
    "pairs",
    [
        [(0, 4)],
        [(-1, 0)],
        [("age", "weight")],
        [(0, 1, 2)],
        [(0,)],
        [0, 1],
        (0, 1),
        7,
        "age",
        ("age", "bmi"),
        [(0, 1.5)],
        [(0, None)],
        [(0, [1])],
    ],
    ids=str,
)
def test_pairs_that_cannot_be_read(pairs):
    with pytest.raises(
        ValueError, match=r"pairs must be a sequence of pairs, each of two .* below 4,"
    ):
        chosen_pairs(pairs, NAMES)


@pytest.mark.parametrize("pairs", [[], [(1, 1)], [(0, 1), ("age", 0)]], ids=str)
def test_pairs_of_one_feature_or_none(pairs):
    with pytest.raises(ValueError, match="two different features"):
        chosen_pairs(pairs, NAMES)


@pytest.mark.parametrize("d", [2, 3, 7, 30])
def test_places_of_pairs(d):
    assert pair_places(pair_index(d), d).tolist() == list(range(n_pairs(d)))
