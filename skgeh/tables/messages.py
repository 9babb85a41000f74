"""Warnings that point to the caller's own line, however deep in the package they arise; lists."""

import contextlib
import os
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path

# frames that are not the caller's: those of this package and of the decorators of its methods
_NOT_THE_CALLER = str(Path(__file__).parents[1]) + os.sep, contextlib.__file__


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Issue a warning that points to the line that called the package.

    Examples
    --------
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     warn("The target is constant.")
    >>> str(caught[0].message)
    'The target is constant.'
    """
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_NOT_THE_CALLER):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def listed(names: Iterable[str], most: int = 5) -> str:
    """The first of some names, and how many more there are.

    Examples
    --------
    >>> listed(["a", "b"]), listed("abcde", most=3)
    ('a, b', 'a, b, c and 2 more')
    """
    every = list(names)
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more
