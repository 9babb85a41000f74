"""The part of one pair that interacts: where, which way, how sure, how many rows it takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skgeh.pages._answer import direction, is_deviance
from skgeh.pages._numbers import counted, crossed, interval, number, p_value, percent, signed
from skgeh.pages._reading import Reading
from skgeh.tables.frames import values_and_names
from skgeh.tables.small_table import SmallTable

_NEAREST, _NEAR = 3, 0.2  # pairs not found for which rows needed are said, and their largest p

# columns of a frame of groups, and their headings
_GROUP_HEADS = {
    "rule": "Rows where",
    "effect": "Effect",
    "ci_low": "95% interval",
    "p_value": "p",
    "rows": "Rows",
    "share": "Share of rows",
    "group": "Group",
}


@dataclass(frozen=True)
class PairPart:
    """One pair in detail.

    Parameters
    ----------
    row : int
        Of the table.
    name : str
    features : tuple of two str
    direction : str
    where : str
        Where its effect is highest and lowest.
    facts : list of (str, str)
        What is known of it, each with its name.
    grids : list of SmallTable
        Its effect in groups of rows, or for every target.
    """

    row: int
    name: str
    features: tuple[str, str]
    direction: str
    where: str
    facts: list[tuple[str, str]]
    grids: list[SmallTable]

    @classmethod
    def of(cls, reading: Reading, row: int, rows_needed: str) -> "PairPart":
        """Put one pair in words."""
        place = int(reading.order[row])
        facts = [*_facts(reading, row, place), ("Rows needed to find it", rows_needed)]
        groups, where = _groups(reading, place, reading.leading_output(row))
        grids = [_targets(reading, place), groups] if reading.outputs else [groups]
        known = [(name, text) for name, text in facts if text]
        return cls(
            row,
            reading.pair_name(row),
            reading.pair(row),
            direction(reading, row),
            where,
            known,
            [grid for grid in grids if grid is not None],
        )


def rows_in_words(reading: Reading, rows: Sequence[int]) -> list[str]:
    """How many rows it takes to find each of some pairs; '' if that is not known.

    Parameters
    ----------
    reading : Reading
    rows : sequence of int
        Of the table.
    """
    if not len(rows) or not reading.tested[list(rows)].any() or not reading.tests.models:
        return [""] * len(rows)
    needed, ends = reading.rows_needed(rows)
    noun = "unit" if reading.n_units is not None else "row"
    return [_needed(rows, low, high, noun) for rows, (low, high) in zip(needed, ends, strict=True)]


def _needed(rows: float, low: float, high: float, noun: str) -> str:
    """Rows needed, and between which numbers they lie."""
    if np.isnan(rows):
        return ""
    if np.isinf(rows):
        least = f"; surely more than {number(low)} {noun}s" if np.isfinite(low) else ""
        return f"not known: nothing of it stands out from the noise{least}"
    ends = f"at least {number(low)}" if np.isinf(high) else interval(low, high)
    return f"about {number(rows)} {noun}s (95% interval {ends})"


def nearest(reading: Reading) -> list[tuple[str, str, str]]:
    """Name, p-value and rows needed of the pairs that came nearest to being found.

    Parameters
    ----------
    reading : Reading
    """
    p = np.where(reading.chosen | ~reading.tested, np.nan, reading.numbers("p_value"))
    rows = [row for row in np.argsort(p, kind="stable")[:_NEAREST].tolist() if p[row] <= _NEAR]
    needed = rows_in_words(reading, rows)
    return [
        (reading.pair_name(row), p_value(p[row]), text)
        for row, text in zip(rows, needed, strict=True)
    ]


def _facts(reading: Reading, row: int, place: int) -> list[tuple[str, str]]:
    """Effect, interval, share and p-value."""
    effect, low, high, share, p = (
        float(reading.numbers(name)[row])
        for name in ("effect", "ci_low", "ci_high", "share", "p_value")
    )
    facts = []
    if np.isfinite(low):
        facts.append(("Effect", f"{number(effect)} (95% interval {interval(low, high)})"))
        facts.append(("In original units", _original(reading, place, effect, low, high)))
    explained = "deviance" if is_deviance(reading) else "variance"
    facts.append(("Share", f"{percent(share)} of the {explained}" if np.isfinite(share) else ""))
    corrected = p_value(reading.adjusted[row])
    facts.append(("p-value", f"{p_value(p)}, corrected for all pairs {corrected}" if p > 0 else ""))
    return facts


def _original(reading: Reading, place: int, effect: float, low: float, high: float) -> str:
    """Effect in the units of the table; '' if there are none, or the same."""
    found = reading.found
    units = [reading.names[f] for f in found.pairs[place].tolist() if reading.has_slope(f)]
    if found.target_scale is None or not units:
        return ""
    scale = float(found.unit_scale("original")[place])
    if abs(scale - 1) < 1e-6:
        return ""
    ends = interval(scale * low, scale * high)
    return f"{number(scale * effect)} (95% interval {ends}) per unit of {' and of '.join(units)}"


def _groups(reading: Reading, place: int, output: Any) -> tuple[SmallTable | None, str]:
    """Effect in each group of rows or at each level, and where it is highest and lowest.

    Of several targets, on one.
    """
    i, j = reading.found.pairs[place].tolist()
    values, names = values_and_names(reading.found.group_frame(i, j, target=output))
    assert names is not None  # of a data frame
    columns = dict(zip(names, values.T, strict=True))
    if not np.isfinite(columns["effect"].astype(float)).any():
        return None, ""
    of_groups = all(map(reading.has_slope, (i, j)))
    heads = [name for name in _GROUP_HEADS if name in columns]
    heads = heads if of_groups else [name for name in heads if name != "group"]
    if not np.isfinite(columns["ci_low"].astype(float)).any():  # norms of level contrasts
        heads = [name for name in heads if name not in ("ci_low", "p_value")]
    effect = columns["effect"].astype(float)
    order = np.argsort(-effect if of_groups else np.isnan(effect), kind="stable")
    rows = [[_cell(columns, head, row) for head in heads] for row in order.tolist()]
    where = "in each group of rows" if of_groups else "at each level"
    goal = "" if output is None else f" on {reading.output_name(output)}"
    caption = f"Effect of {crossed(reading.names[i], reading.names[j])}{goal} {where}"
    low, high = np.nanargmin(effect), np.nanargmax(effect)
    words = ""
    if low != high and all(str(columns["rule"][row]) for row in (low, high)):
        words = (
            f"The effect is highest where {columns['rule'][high]} ({number(effect[high])}), and "
            f"lowest where {columns['rule'][low]} ({number(effect[low])})."
        )
    return SmallTable([_GROUP_HEADS[name] for name in heads], rows, caption), words


def _cell(columns: dict[str, NDArray], head: str, row: int) -> str:
    """One cell of a table of groups."""
    value = columns[head][row]
    if head == "ci_low":
        return interval(float(value), float(columns["ci_high"][row]))
    if head == "group":
        return str(int(value)) if isinstance(value, float | int | np.number) else str(value)
    if head == "rule":
        return str(value)
    if head == "rows":
        return f"{int(value):,}"
    known = {"share": percent, "p_value": p_value}
    return known.get(head, number)(float(value))


def _targets(reading: Reading, place: int) -> SmallTable | None:
    """Effect on each of several targets or classes."""
    decided = reading.found.decisions
    if decided is None:
        return None
    rows = []
    for k, (name, one) in enumerate(zip(reading.outputs, decided.effects, strict=True)):
        low, high = one.interval(decided.weights, 0.95)[place].tolist()
        size = float(np.clip(one.magnitude(decided.weights)[place], low, high))
        p = float(reading.tests.p_value[place, k])
        sign = signed(str(one.sign()[place]))
        rows.append([name, number(size), interval(low, high), sign, p_value(p)])
    what = "class" if reading.classes is not None else "target"
    name = crossed(*(reading.names[f] for f in reading.found.pairs[place]))
    caption = f"Effect of {name} on each {what}"
    return SmallTable([what.capitalize(), "Effect", "95% interval", "Sign", "p"], rows, caption)


def count_of_parts(reading: Reading, most: int) -> tuple[list[int], str]:
    """Rows of the pairs that have a part, and how many others interact.

    Parameters
    ----------
    reading : Reading
    most : int
        Parts at most.
    """
    rows = np.flatnonzero(reading.chosen).tolist()
    left = len(rows) - most
    more = ""
    if left > 0:
        rest = "interacts; the table has it" if left == 1 else "interact; the table has them"
        more = f"{counted(left, 'more pair')} {rest}."
    return rows[:most], more
