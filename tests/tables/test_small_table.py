from html.parser import HTMLParser

import pytest

from skgeh.tables.small_table import SmallTable

ROWS = [["a x <b>", "0.01", "+"], ["bb x c", "none: too few rows to say anything at all"]]


class Cells(HTMLParser):
    """Rows of cells of a page, as a browser reads them; a cell over k columns counts k times."""

    def __init__(self, page):
        super().__init__()
        self.rows, self.open = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1] += [""] * int(dict(attrs).get("colspan", 1))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data


@pytest.mark.parametrize("heads", [["", "p", "sign"], ["", "", ""]])
def test_html_has_every_cell_in_rows_of_one_length(heads):
    page = SmallTable(heads, ROWS, "2 pairs & more").html()
    found = Cells(page)
    assert not found.open
    assert {len(row) for row in found.rows} == {3}
    cells = [[cell for cell in row if cell] for row in found.rows]
    assert cells == [*([["p", "sign"]] if any(heads) else []), *ROWS]
    assert "<caption>2 pairs &amp; more</caption>" in page
    assert "style" not in page and "<b>" not in page


def test_text_has_its_columns_below_each_other():
    lines = SmallTable(["", "p", "sign"], ROWS, "2 pairs").text().splitlines()
    assert lines[0] == "2 pairs"
    assert lines[1].index("p") == lines[2].index("0.01") == lines[3].index("none")
    assert lines[1].index("sign") == lines[2].index("+")  # the long cell moves nothing
    assert not any(line != line.rstrip() for line in lines)


def test_a_table_without_rows_or_heads():
    assert SmallTable([""], [], "nothing").text() == "nothing"
    assert Cells(SmallTable([""], [], "nothing").html()).rows == []
