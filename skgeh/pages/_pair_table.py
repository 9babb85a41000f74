"""The table of pairs: the first rows open, the next folded, the rest counted."""

from dataclasses import dataclass

from skgeh.pages._numbers import counted, interval, number, p_value, percent, signed
from skgeh.pages._reading import Reading

_OPEN = 15  # rows that are not folded, or all that interact if these are more
_MOST_OPEN = 40
_MOST = 1000  # rows on the page


@dataclass(frozen=True)
class PairTable:
    """Rows of the table in words.

    Parameters
    ----------
    heads : list of str
    shown, folded : list of Row
    left : str
        How many rows are not on the page; '' if all are.
    """

    heads: list[str]
    shown: list["Row"]
    folded: list["Row"]
    left: str

    @classmethod
    def of(cls, reading: Reading) -> "PairTable":
        """Put the table in words."""
        n_pairs, n_found = len(reading.order), int(reading.chosen.sum())
        verdict = "Chosen" if reading.is_selector else "Interacts"
        heads = ["Pair", "Effect", "95% interval", "Sign", "Share", "p", "p, corrected", verdict]
        rows = _rows(reading, min(n_pairs, _MOST))
        n_open = min(max(_OPEN, n_found), _MOST_OPEN)
        if n_pairs <= n_open + 3:  # not worth a fold
            n_open = n_pairs
        left = ""
        if n_pairs > _MOST:
            left = f"{counted(n_pairs - _MOST, 'more pair')}: to_frame() has them all."
        return cls(heads, rows[:n_open], rows[n_open:], left)


@dataclass(frozen=True)
class Row:
    """One pair.

    Parameters
    ----------
    name : str
    cells : list of str
    found : bool
    """

    name: str
    cells: list[str]
    found: bool


def _rows(reading: Reading, count: int) -> list[Row]:
    """The first rows."""
    numbers = {
        name: reading.numbers(name) for name in ("effect", "ci_low", "ci_high", "share", "p_value")
    }
    adjusted, signs, reasons = reading.adjusted, reading.columns["sign"], reading.columns["reason"]
    rows = []
    for row in range(count):
        if reading.chosen[row]:
            verdict = "yes"
        elif reading.tested[row]:
            verdict = "no"
        else:
            verdict = f"not tested: {reasons[row]}"
        cells = [
            number(numbers["effect"][row]),
            interval(numbers["ci_low"][row], numbers["ci_high"][row]),
            signed(str(signs[row])),
            percent(numbers["share"][row]),
            p_value(numbers["p_value"][row]),
            p_value(adjusted[row]),
            verdict,
        ]
        rows.append(Row(reading.pair_name(row), cells, bool(reading.chosen[row])))
    return rows
