import numpy as np
import pytest

from skgeh.geh.levels import LevelPoints
from tests.geh.test_rules import FEATURES, table


@pytest.fixture(scope="module")
def points():
    values = table(300)
    values[3][:50] = np.nan
    X = np.column_stack([one.encode(own) for one, own in zip(FEATURES, values, strict=True)])
    return LevelPoints(FEATURES, X, lambda rows: (rows - X.mean(0)) / X.std(0)), values


@pytest.mark.parametrize("feature", [2, 3, 4])
def test_codes_are_the_points_with_a_level(points, feature):
    some, values = points
    own = list(FEATURES[feature].columns)
    for level, row in enumerate(some.codes(feature)):
        there = some.standardise(some.points)[values[feature] == level]
        np.testing.assert_allclose(there[:, own], np.tile(row[own], (len(there), 1)), atol=1e-9)


@pytest.mark.parametrize("pair", [(2, 3), (3, 4), (0, 3), (3, 1), (5, 2)])
def test_points_at_levels_are_counted(points, pair):
    some, values = points
    counts = some.counts(pair)
    sizes = [1 if FEATURES[f].is_number else len(FEATURES[f].levels) for f in pair]
    assert counts.shape == tuple(sizes)
    for cell in np.ndindex(*sizes):
        inside = [
            FEATURES[f].is_number | (values[f] == level)
            for f, level in zip(pair, cell, strict=True)
        ]
        assert counts[cell] == np.logical_and(*inside).sum()


def test_points_without_a_value(points):
    some, values = points
    for feature in (0, 1, 3):
        np.testing.assert_array_equal(some.known(feature), ~np.isnan(values[feature]))
