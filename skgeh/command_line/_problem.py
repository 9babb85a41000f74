"""What ends a run with one line, and how things are named and counted in it."""

from collections.abc import Iterable
from difflib import get_close_matches

_NAMED = 8


class Problem(Exception):
    """Something that the user can put right: what is wrong, and what to do."""


def listed(names: Iterable, most: int = _NAMED) -> str:
    """Names in a row, the first few of them.

    Examples
    --------
    >>> listed("abcd", most=2)
    'a, b and 2 more'
    """
    shown = [str(name) for name in names]
    if len(shown) <= most + 1:
        return ", ".join(shown)
    return f"{', '.join(shown[:most])} and {len(shown) - most} more"


def counted(count: int, noun: str) -> str:
    """A number of things.

    Examples
    --------
    >>> counted(1, "row"), counted(12345, "row")
    ('1 row', '12345 rows')
    """
    return f"{count} {noun}{'' if count == 1 else 's'}"


def no_column(name: str, known: Iterable[str], option: str) -> Problem:
    """The problem that a column is not there, with the names that may have been meant.

    Examples
    --------
    >>> print(no_column("prize", ["price", "size"], "--target"))
    --target: there is no column 'prize'; did you mean 'price'?
    """
    names = list(known)
    lower: dict[str, str] = {}
    for one in names:
        lower.setdefault(one.lower(), one)
    found = [lower[one] for one in get_close_matches(name.strip().lower(), lower, n=3, cutoff=0.7)]
    hint = (
        f"did you mean {' or '.join(map(repr, found))}?"
        if found
        else f"the columns are {listed(names)}"
    )
    return Problem(f"{option}: there is no column {name!r}; {hint}")
