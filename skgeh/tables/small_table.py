"""Small tables for people to read: as lines of text, and as HTML."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class SmallTable:
    """A few rows of words and numbers, with what they are about.

    Parameters
    ----------
    heads : sequence of str
        Of the columns; '' for none.
    rows : sequence of sequences of str
        As many cells as heads; or fewer, the last of which takes the place of the rest.
    title : str
        One sentence.

    Examples
    --------
    >>> found = SmallTable(["", "p"], [["a x b", "0.01"], ["b x c", "0.5"]], "2 pairs")
    >>> print(found.text())
    2 pairs
             p
    a x b  0.01
    b x c  0.5
    """

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    title: str

    def text(self) -> str:
        """Lines of text, with the columns below each other."""
        lines = [self.heads, *self.rows] if any(self.heads) else self.rows
        widths = [
            max((len(line[k]) for line in lines if self._is_measured(line, k)), default=0)
            for k in range(len(self.heads))
        ]
        padded = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=False)).rstrip()
            for line in lines
        ]
        return "\n".join([self.title, *padded])

    def _is_measured(self, line: Sequence[str], k: int) -> bool:
        """Whether a line has cell k, and not in the place of several."""
        return k < len(line) - (len(line) < len(self.heads))

    def html(self) -> str:
        """A table with a caption, every cell escaped, and no style of its own."""
        head = "".join(f'<th scope="col">{escape(one)}</th>' for one in self.heads)
        above = f"<thead><tr>{head}</tr></thead>" if any(self.heads) else ""
        body = "".join(f"<tr>{self._cells(row)}</tr>" for row in self.rows)
        return f"<table><caption>{escape(self.title)}</caption>{above}<tbody>{body}</tbody></table>"

    def _cells(self, row: Sequence[str]) -> str:
        """The cells of a row in HTML."""
        rest = len(self.heads) - len(row)
        last = f'<td colspan="{rest + 1}">' if rest else "<td>"
        opened = ["<td>"] * (len(row) - 1) + [last]
        return "".join(f"{tag}{escape(cell)}</td>" for tag, cell in zip(opened, row, strict=True))
