"""What kinds of pictures share."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from skgeh.display._picture import FONT, LONGEST_NAME, Picture, room_of, short, text_width
from tests.display.cases import decided, some_interactions


def test_features_are_those_of_the_first_pairs():
    found = decided(some_interactions(60))
    assert Picture(found, max_features=60).features.tolist() == list(range(60))
    for most in (2, 5, 40):
        met = list(dict.fromkeys(found.pairs[found.order].ravel().tolist()))[:most]
        assert Picture(found, max_features=most).features.tolist() == sorted(met)


def test_the_number_of_a_pair_is_that_of_the_table():
    found = some_interactions(6)
    assert Picture(found).shown is found.effect
    assert Picture(found, values="score").shown is found.score
    tested = decided(found)
    np.testing.assert_array_equal(Picture(tested).shown, tested.decisions.effect)


def test_names_that_become_the_same_are_numbered():
    names = ["population_1_of_the_whole_district", "b", "population_2_of_the_whole_district"]
    found = Picture(some_interactions(3, names=names)).names
    assert found[1] == "b"
    assert found[0].endswith(" #0") and found[2].endswith(" #2")
    assert max(map(len, found)) <= LONGEST_NAME


@pytest.mark.parametrize("length", [1, LONGEST_NAME, LONGEST_NAME + 1, 80])
@pytest.mark.parametrize("most", [17, LONGEST_NAME, 40])
def test_short_names(length, most):
    name = ("abcdefghijklmnopqrstuvwxyz" * 4)[:length]
    found = short(name, most)
    assert len(found) <= most
    assert (found == name) == (length <= most)
    assert found[0] == name[0] and found[-1] == name[-1]


def test_pairs_of_long_names_have_two_lines():
    names = ["age", "bmi", "a rather long name it is", "and another long name"]
    lines = Picture(some_interactions(4, names=names)).pair_names
    for line, (a, b) in zip(lines, some_interactions(4, names=names).top(6), strict=True):
        assert line.split(" \u00d7")[0] == short(a)
        assert ("\n" in line) == (len(short(a)) + len(short(b)) + 3 > 24)


def test_widths_of_texts_are_those_drawn():
    figure = plt.figure(dpi=100)
    for text in ("age", "population_per_household", "income_$", "\u2026 WW ii"):
        drawn = figure.text(0, 0, text, fontsize=FONT, parse_math=False)
        width = drawn.get_window_extent(figure.canvas.get_renderer()).width / 100
        assert text_width(text) == pytest.approx(width, rel=0.15)
    assert text_width(" ") == 0
    plt.close(figure)


def test_room_is_that_of_the_figure_or_of_a_panel():
    ax = plt.subplots(figsize=(6, 3))[1]
    assert room_of(ax) == pytest.approx(5.75)
    one = plt.subplots(1, 2, figsize=(6, 3))[1][0]
    assert 1.5 < room_of(one) < 3
    plt.close("all")
