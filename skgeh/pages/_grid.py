"""A small table in words."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Grid:
    """A small table.

    Parameters
    ----------
    caption : str
    heads : list of str
    rows : list of list of str
        The first cell of each names the row.
    """

    caption: str
    heads: list[str]
    rows: list[list[str]]
