import pytest

from skgeh.pages import _pair_table
from skgeh.pages._pair_table import PairTable
from skgeh.pages._reading import Reading
from tests.pages.models import KINDS, fitted


def reading(kind):
    model, _, y = fitted(kind)
    return Reading.of(model, y)


@pytest.mark.parametrize("kind", KINDS)
def test_every_pair_has_a_row_with_a_cell_for_each_head(kind):
    read = reading(kind)
    table = PairTable.of(read)
    rows = table.shown + table.folded
    assert [row.name for row in rows] == [read.pair_name(k) for k in range(len(read.order))]
    assert all(len(row.cells) == len(table.heads) - 1 for row in rows)
    assert [row.found for row in rows] == read.chosen.tolist()


@pytest.mark.parametrize(("limit", "left"), [(1000, 0), (10, 5)])
def test_long_tables_are_folded_and_then_counted(limit, left, monkeypatch):
    monkeypatch.setattr(_pair_table, "_OPEN", 4)
    monkeypatch.setattr(_pair_table, "_MOST", limit)
    table = PairTable.of(reading("copy"))
    assert len(table.shown) == 4 and len(table.shown + table.folded) == 15 - left
    assert table.left == (f"{left} more pairs: to_frame() has them all." if left else "")


def test_a_pair_without_a_test_has_its_reason_and_no_numbers():
    rows = PairTable.of(reading("copy")).shown
    untested = [row for row in rows if row.cells[-1].startswith("not tested")]
    assert len(untested) == 9
    assert all(row.cells[:6] == [""] * 6 for row in untested)
