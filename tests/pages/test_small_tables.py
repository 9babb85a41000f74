import numpy as np

from skgeh.pages._contribution import Contribution
from skgeh.pages._pair_part import PairPart
from skgeh.pages._reading import Reading
from tests.pages.models import KINDS, fitted


def test_every_row_of_every_grid_has_a_cell_for_each_head():
    for kind in KINDS:
        model, _, y = fitted(kind)
        reading = Reading.of(model, y)
        for row in np.flatnonzero(reading.chosen).tolist():
            grids = [*PairPart.of(reading, row, "").grids, Contribution.of(reading, row).grid]
            for grid in grids:
                assert grid.title and all(grid.heads)
                assert {len(one) for one in grid.rows} == {len(grid.heads)}
