import math

import numpy as np

from skgeh.pages._pair_part import (
    PairPart,
    _needed,
    count_of_parts,
    nearest,
    rows_in_words,
)
from skgeh.pages._reading import Reading
from tests.pages.models import fitted


def reading(kind):
    model, _, y = fitted(kind)
    return Reading.of(model, y)


def test_a_part_has_the_numbers_of_the_table():
    read = reading("product")
    part = PairPart.of(read, 0, "about 100 rows")
    facts = dict(part.facts)
    frame = read.found.to_frame()
    assert facts["Effect"].startswith(f"{frame['effect'][0]:.3g} ")
    original = read.found.to_frame(units="original")["effect"][0]
    assert facts["In original units"].startswith(f"{original:.3g} ")
    assert facts["Rows needed to find it"] == "about 100 rows"


def test_groups_are_those_of_the_frame_the_highest_effect_first():
    read = reading("product")
    (grid,) = PairPart.of(read, 0, "").grids
    frame = read.found.group_frame(*read.pair(0))
    assert len(grid.rows) == len(frame)
    assert all(len(row) == len(grid.heads) for row in grid.rows)
    place = grid.heads.index("Effect")
    shown = [float(row[place].replace("\u2212", "-")) for row in grid.rows]
    np.testing.assert_allclose(shown, sorted(frame["effect"], reverse=True), rtol=0.01)


def test_levels_are_in_their_order_and_the_extremes_are_told():
    read = reading("words")
    for row in np.flatnonzero(read.chosen).tolist():
        part = PairPart.of(read, row, "")
        frame = read.found.group_frame(*read.pair(row))
        (grid,) = part.grids
        assert [one[0] for one in grid.rows] == frame["rule"].tolist()
        highest, lowest = (
            frame["rule"][frame["effect"].argmax()],
            frame["rule"][frame["effect"].argmin()],
        )
        assert f"highest where {highest} (" in part.where
        assert f"lowest where {lowest} (" in part.where
        assert "In original units" not in dict(part.facts) or "age" in read.pair(row)


def test_several_targets_have_a_row_each():
    for kind, names in (("targets", ["target 0", "target 1"]), ("three classes", list("xyz"))):
        grid, groups = PairPart.of(reading(kind), 0, "").grids
        assert "group of rows" in groups.title
        assert [row[0] for row in grid.rows] == names
    grid, _ = PairPart.of(reading("three classes"), 0, "").grids
    assert grid.rows[0][3] == "+"  # a product of the first class alone


def test_rows_needed_in_words():
    assert _needed(math.nan, math.nan, math.nan, "row") == ""
    assert _needed(math.inf, 500.0, math.inf, "row").endswith("more than 500 rows")
    assert _needed(100.0, 50.0, 400.0, "unit") == "about 100 units (95% interval 50 to 400)"
    assert "at least 50" in _needed(100.0, 50.0, math.inf, "row")
    assert rows_in_words(reading("few rows"), [0, 1]) == ["", ""]
    assert rows_in_words(reading("product"), []) == []


def test_the_nearest_pairs_are_those_with_the_least_p_that_were_not_found():
    read = reading("copy")
    names = [name for name, _, _ in nearest(read)]
    p = np.where(read.tested & ~read.chosen, read.numbers("p_value"), np.inf)
    assert names == [read.pair_name(row) for row in np.argsort(p)[:3] if p[row] <= 0.2]
    assert not nearest(reading("few rows"))


def test_pairs_without_a_part_are_counted():
    read = reading("hostile")
    assert count_of_parts(read, 5) == ([0, 1], "")
    assert count_of_parts(read, 1) == ([0], "1 more pair interacts; the table has it.")
