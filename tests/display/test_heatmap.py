"""The heat map has the numbers and the significance of the table."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest

from skgeh import InteractionDisplay
from skgeh.display._heatmap import _CLASSES, _LIMITS
from tests.display.cases import decided, some_interactions, texts


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    yield
    plt.close("all")


def lower(values, d):
    """A naive lower triangle of one number per pair."""
    found = np.full((d, d), np.nan)
    places = [(i, j) for i in range(d) for j in range(i + 1, d)]
    for value, (i, j) in zip(values, places, strict=True):
        found[j, i] = value
    return found


def colours(ax):
    return np.ma.filled(ax.images[0].get_array().astype(float), np.nan)


def named(found, ax):
    """Texts that are names of features, and where they are."""
    return {one.get_text(): one.get_position() for one in ax.texts if one.get_ha() == "left"}


@pytest.mark.parametrize("values", ["effect", "score"])
@pytest.mark.parametrize("d", [2, 8])
def test_colours_without_tests_are_the_effects(d, values):
    found = some_interactions(d)
    display = InteractionDisplay.from_interactions(found, values=values)
    np.testing.assert_array_equal(colours(display.ax_), lower(getattr(found, values), d))
    label = {"effect": "M-GEH, standard units", "score": "detection score, no unit"}[values]
    assert display.figure_.axes[1].get_xlabel() == label


@pytest.mark.parametrize("d", [2, 8, 20])
def test_colours_are_classes_of_significance(d):
    found = decided(some_interactions(d))
    ax = InteractionDisplay.from_interactions(found).ax_
    p = found.p_fdr
    expected = [np.nan if np.isnan(one) else sum(one <= limit for limit in _LIMITS) for one in p]
    np.testing.assert_array_equal(colours(ax), lower(expected, d))
    keys = texts(ax.get_legend().get_texts())
    there = sorted({int(one) for one in expected if one == one}, reverse=True)
    untested = ["not tested"] if np.isnan(p).any() else []
    assert keys == [_CLASSES[k] for k in there] + untested
    hatched = [one for one in ax.collections if one.get_hatch()]
    assert sum(len(one.get_paths()) for one in hatched) == np.isnan(p).sum()


@pytest.mark.parametrize("d", [2, 8, 13])
def test_names_are_where_row_and_column_meet(d):
    found = decided(some_interactions(d))
    places = named(found, InteractionDisplay.from_interactions(found).ax_)
    assert list(places) == list(found.feature_names)
    for j, (x, y) in enumerate(places.values()):
        assert y == j and j - 0.5 < x < j


@pytest.mark.parametrize("d", [2, 12, 13])
@pytest.mark.parametrize("values", ["effect", "score"])
def test_numbers_are_those_of_the_table_where_they_fit(d, values):
    found = decided(some_interactions(d))
    ax = InteractionDisplay.from_interactions(found, values=values).ax_
    shown = found.decisions.effect if values == "effect" else found.score
    expected = lower(shown, d)
    numbers = [one for one in ax.texts if one.get_ha() == "center"]
    assert len(numbers) == (np.isfinite(expected).sum() if d <= 12 else 0)
    for one in numbers:
        j, i = one.get_position()
        assert float(one.get_text()) == pytest.approx(expected[i, j], abs=0.06)
    assert ("numbers" in ax.get_xlabel()) == (d <= 12)


def test_zeros():
    found = some_interactions(3)
    found.effect[:] = 0
    ax = InteractionDisplay.from_interactions(found).ax_
    ax.figure.canvas.draw()
    assert {float(one.get_text()) for one in ax.texts if one.get_ha() == "center"} == {0}


def test_none_tested():
    found = decided(some_interactions(4))
    nothing = replace(found.decisions, p_value=np.full(6, np.nan))
    ax = InteractionDisplay.from_interactions(replace(found, decisions=nothing)).ax_
    ax.figure.canvas.draw()
    assert texts(ax.get_legend().get_texts()) == ["not tested"]


@pytest.mark.parametrize("most", [2, 5, 40])
def test_many_features_are_those_of_the_top_pairs(most):
    found = decided(some_interactions(60))
    ax = InteractionDisplay.from_interactions(found, max_features=most).ax_
    met = list(dict.fromkeys(found.pairs[found.order].ravel()))[:most]  # naive: first come
    assert list(named(found, ax)) == [f"x{i}" for i in sorted(met)]
    assert f"{most} of 60 features" in ax.get_xlabel()
    assert colours(ax).shape == (most, most)


def test_true_pairs_have_a_circle():
    found = decided(some_interactions(5))
    truth = np.where(np.arange(10) % 4 == 1, 0.5, 0)
    truth[2] = np.nan
    ax = InteractionDisplay.from_interactions(found, truth=truth).ax_
    (circles,) = ax.lines
    cells = {(round(y), round(x)) for x, y in circles.get_xydata()}
    assert cells == {(j, i) for i, j in found.pairs[[1, 5, 9]].tolist()}
    assert "true pairs" in ax.get_xlabel()
