"""Tables and paragraphs of 80 columns."""

import json
import math
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

WIDTH = 80
_HEADS = ("effect", "95 % interval", "sign", "share", "p_fdr")
_WIDTHS = (8, 17, 6, 9, 9)
_PAIR = WIDTH - sum(_WIDTHS)
_LEAST_SHARE = 0.001


def wrapped(text: str, indent: str = "") -> str:
    """A paragraph, with later lines indented.

    Examples
    --------
    >>> print(wrapped("word " * 20, indent="  "))
    word word word word word word word word word word word word word word word word
      word word word word
    """
    return textwrap.fill(
        text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def words(text: str) -> str:
    """Lines of text, each wrapped."""
    return "\n".join(wrapped(line, "    ") if line.strip() else "" for line in text.splitlines())


def aligned(rows: Iterable[Sequence[str]], indent: str = "  ") -> str:
    """Rows of texts in columns, the last of them wrapped.

    Examples
    --------
    >>> print(aligned([("age", "number", "20 % missing"), ("sex", "category", "2 levels")]))
      age  number    20 % missing
      sex  category  2 levels
    """
    rows = [[str(one) for one in row] for row in rows]
    if not rows:
        return ""
    widths = [min(max(map(len, column)), 28) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [cut(text, wide).ljust(wide) for text, wide in zip(row[:-1], widths, strict=False)]
        start = indent + "".join(f"{cell}  " for cell in cells)
        room = max(WIDTH - len(start), 20)
        parts = textwrap.wrap(row[-1], room, break_on_hyphens=False) or [""]
        lines += [start + parts[0], *(" " * len(start) + one for one in parts[1:])]
    return "\n".join(line.rstrip() for line in lines)


def cut(text: str, width: int) -> str:
    """A text that is at most so wide: its beginning and its end.

    Examples
    --------
    >>> cut("temperature_at_noon", 12)
    'temper..noon'
    """
    if len(text) <= width:
        return text
    end = (width - 2) * 2 // 5
    return f"{text[: width - 2 - end]}..{text[len(text) - end :]}"


def pair_table(table: pd.DataFrame, title: str) -> str:
    """Rows of the decided table under a title, 80 columns wide.

    Parameters
    ----------
    table : DataFrame
        As of `Interactions.to_frame`.
    title : str
    """
    heads = "".join(head.rjust(wide) for head, wide in zip(_HEADS, _WIDTHS, strict=True))
    lines = [cut(title, _PAIR).ljust(_PAIR) + heads]
    for row in table.to_dict("records"):
        name = pair_name(row["feature_i"], row["feature_j"]).ljust(_PAIR)
        if not row["tested"]:
            lines += textwrap.wrap(
                f"{name.rstrip()}  not tested: {row['reason']}",
                WIDTH,
                subsequent_indent="    ",
                break_on_hyphens=False,
            )
            continue
        interval = f"{_short(row['ci_low'])} to {_short(row['ci_high'])}"
        cells = (
            _short(row["effect"]),
            interval,
            row["sign"],
            _share(row["share"]),
            f"{row['p_fdr']:.2g}",
        )
        lines.append(
            name + "".join(cell.rjust(wide) for cell, wide in zip(cells, _WIDTHS, strict=True))
        )
    return "\n".join(lines)


def pair_name(first: str, second: str, width: int = _PAIR) -> str:
    """Two names, made shorter where they must.

    Examples
    --------
    >>> pair_name("hour", "workingday"), pair_name("a" * 30, "b" * 30, 17)
    ('hour x workingday', 'aaa..aa x bbb..bb')
    """
    room = width - 3
    if len(first) + len(second) > room:
        half = room // 2
        mine = max(half, room - len(second))
        first = cut(first, mine)
        second = cut(second, room - len(first))
    return f"{first} x {second}"


def _short(value: float) -> str:
    """A number in at most 7 characters.

    Examples
    --------
    >>> [_short(one) for one in (0.0, 0.12345, 12.345, 123456.0, 0.000012, float("nan"))]
    ['0', '0.12', '12', '1.2e+05', '1.2e-05', '-']
    """
    return f"{value:.2g}" if math.isfinite(value) else "-"


def _share(value: float) -> str:
    """A share as a percentage."""
    if not math.isfinite(value):
        return "-"
    return "< 0.1 %" if 0 < value < _LEAST_SHARE else f"{100 * value:.1f} %"


def as_json(table: pd.DataFrame) -> str:
    """One object for every row; what is missing is null."""
    rows = [
        {name: _plain(value) for name, value in row.items()} for row in table.to_dict("records")
    ]
    return json.dumps(rows, indent=1, ensure_ascii=False)


def _plain(value: Any) -> Any:
    """A value of JSON's."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
