import pytest

from skgeh.command_line._problem import listed, no_column

COLUMNS = ["price", "size", "Rooms", "lot area"]


@pytest.mark.parametrize(
    ("given", "meant"),
    [("prize", "price"), ("PRICE", "price"), ("rooms", "Rooms"), ("lot_area", "lot area")],
)
def test_near_misses_are_named(given, meant):
    assert str(no_column(given, COLUMNS, "--target")).endswith(f"did you mean {meant!r}?")


def test_otherwise_the_columns_are_named():
    assert "price, size, Rooms, lot area" in str(no_column("xyz", COLUMNS, "--drop"))


def test_long_lists_are_cut():
    assert listed(range(100), most=3) == "0, 1, 2 and 97 more"
    assert listed(range(4), most=3) == "0, 1, 2, 3"  # "1 more" would be no shorter
