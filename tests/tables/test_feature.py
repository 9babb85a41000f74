import numpy as np
import pytest

from skgeh.tables.feature import MISSING, Feature

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
FEATURES = {
    "number": Feature("a", "number", (0,), neutral=(1.5,)),
    "number with gaps": Feature("a", "number", (0, 1), neutral=(1.5,), has_missing=True),
    "ordered": Feature("a", "ordered", (0,), ("low", "middle", "high"), neutral=(1.0,)),
    "two levels": Feature("a", "category", (0,), ("no", "yes"), neutral=(0.25,)),
    "levels": Feature("a", "category", (0, 1, 2), ("x", "y", "z"), neutral=(0.5, 0.25, 0.25)),
    "cycle": Feature("a", "cycle", (0, 1), DAYS),
}


@pytest.mark.parametrize("feature", FEATURES.values(), ids=FEATURES)
def test_decoding_is_the_inverse_of_encoding(feature):
    values = np.array([2.0, 0.0, 1.0, 1.0])
    if feature.name == "two levels":
        values = np.array([1.0, 0.0, 1.0, 1.0])
    values = np.minimum(values, len(feature.levels) - 1) if feature.levels else values
    columns = feature.encode(values)
    assert columns.shape == (4, len(feature.columns))
    np.testing.assert_allclose(feature.decode(columns), values)


@pytest.mark.parametrize("feature", FEATURES.values(), ids=FEATURES)
def test_what_is_missing_is_neutral(feature):
    columns = feature.encode(np.array([np.nan]))
    assert np.isfinite(columns).all()
    own = columns[0, : len(feature.neutral)] if feature.neutral else columns[0]
    np.testing.assert_allclose(own, feature.neutral or (0, 0))
    assert feature.text(np.nan) == MISSING


def test_neighbours_on_a_circle_are_equally_near():
    columns = FEATURES["cycle"].encode(np.arange(7.0))
    steps = np.linalg.norm(columns - np.roll(columns, 1, axis=0), axis=1)
    np.testing.assert_allclose(steps, steps[0])


def test_values_in_words():
    assert FEATURES["ordered"].text(2.0) == "high"
    assert FEATURES["number"].text(1234.5678) == "1235"
    assert FEATURES["cycle"].text(6.0) == "Sun"


def test_only_numbers_have_slopes():
    assert [one.is_number for one in FEATURES.values()] == [True] * 3 + [False] * 3
    assert FEATURES["number with gaps"].measured == (0,)
    assert FEATURES["levels"].measured == (0, 1, 2)


def test_two_waves_of_a_cycle_have_the_same_value():
    hours = tuple(f"{hour} h" for hour in range(24))
    one, two = (Feature("hour", "cycle", tuple(range(k)), hours) for k in (2, 4))
    values = np.array([0.0, 5.0, 23.0, np.nan])
    columns = two.encode(values)
    np.testing.assert_array_equal(columns[:, :2], one.encode(values))
    np.testing.assert_allclose(columns[:3, 2], 2 * columns[:3, 0] * columns[:3, 1], atol=1e-12)
    np.testing.assert_array_equal(two.decode(columns), values)
