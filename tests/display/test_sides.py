"""Sides of a surface: numbers between quantiles, and levels with their names."""

import numpy as np
import pytest

from skgeh.display._sides import Side
from skgeh.tables.feature import Feature

AGE = Feature("age", "number", (0,))


def test_numbers_are_between_their_quantiles():
    seen = np.random.default_rng(0).normal(size=500)
    side = Side.of(AGE, seen)
    assert side.is_number and side.is_long and side.labels is None
    np.testing.assert_allclose(side.values[[0, -1]], np.quantile(seen, [0.01, 0.99]))
    assert (np.diff(side.values) > 0).all()
    np.testing.assert_allclose(side.edges[:-1] + np.diff(side.edges) / 2, side.values)
    assert side.unit(side.values)[[0, -1]].tolist() == [0, 1]
    np.testing.assert_array_equal(side.placed(seen), seen)


def test_a_number_that_hardly_varies_has_its_whole_range():
    seen = np.append(np.zeros(2000), np.arange(1, 9))
    assert Side.of(AGE, seen).values[[0, -1]].tolist() == [0, 8]


def test_few_values_are_levels():
    side = Side.of(AGE, np.array([3.0, 1, 1, 2.5]))
    assert list(side.labels) == ["1", "2.5", "3"] and not side.is_number
    np.testing.assert_array_equal(side.placed(np.array([3.0, 1.0])), [2, 0])
    np.testing.assert_array_equal(side.edges, [-0.5, 0.5, 1.5, 2.5])


def test_levels_that_no_row_has_are_left_out():
    kind = Feature("kind", "category", (0, 1, 2), ("low", "middle", "a very long name of a level"))
    side = Side.of(kind, np.array([2.0, 0, 2]))
    assert list(side.labels) == ["low", "a very lon\u2026of a level"]
    assert side.values.tolist() == [0, 2]
    assert Side.of(kind, np.array([1.0])).edges.tolist() == [-0.5, 0.5]
    assert np.abs(np.diff(side.unit(side.places))).min() > 1  # far from each other


def test_what_lies_to_the_right():
    hour = Feature("hour", "cycle", (0, 1), tuple(map(str, range(24))))
    month = Feature("month", "cycle", (0, 1), tuple(map(str, range(12))))
    city = Feature("city", "category", tuple(range(9)), tuple("abcdefghi"))
    sex = Feature("sex", "category", (0,), ("female", "male"))
    rows = np.random.default_rng(0).integers(0, 24, 500).astype(float)
    sides = [
        Side.of(hour, rows), Side.of(month, rows % 12),
        Side.of(AGE, np.random.default_rng(0).normal(size=500)), Side.of(city, rows % 9),
        Side.of(sex, rows % 2),
    ]  # fmt: skip
    ranks = [side.rank for side in sides]
    assert ranks == sorted(ranks) and len(set(ranks)) == len(ranks)
    assert [side.is_long for side in sides] == [True, True, True, False, False]


def test_columns_have_no_order():
    with pytest.raises(ValueError, match=r"place is a group of columns.*one column of a"):
        Side.of(Feature("place", "columns", (0, 1)), np.zeros(5))
