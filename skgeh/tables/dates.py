"""Dates and times of day that are written as words."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_LONGEST = 40
_LEAST, _FEWEST_DIGITS = 6, 3  # signs of a date, and digits among them
_TIME = re.compile(r"\d{1,2}:\d{2}(:\d{2})?")
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}")
_LOOK = re.compile(r"\d[-/. :,]|[-/. ]\d")
_DAYS = (  # where two fit, the first counts
    *("%Y/%m/%d", "%Y.%m.%d", "%Y-%m"),
    *("%m/%d/%Y", "%d/%m/%Y", "%m-%d-%Y", "%d-%m-%Y", "%d.%m.%Y"),
    *("%m/%d/%y", "%d/%m/%y", "%d.%m.%y"),
    *("%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%d-%b-%Y", "%d-%b-%y"),
)
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p")


@dataclass(frozen=True)
class DateForm:
    """How dates are written.

    Parameters
    ----------
    form : str
        As for `strptime`, or "ISO8601".
    is_open : bool, default=False
        Whether the same words are other dates if the day comes before the month.

    Examples
    --------
    >>> DateForm.of(["31.01.2024", "1.2.2024"])
    DateForm(form='%d.%m.%Y', is_open=False)
    >>> DateForm.of(["01/02/2024", "03/04/2024"]).is_open, DateForm.of(["7590-VHVEG"])
    (True, None)
    """

    form: str
    is_open: bool = False

    @classmethod
    def of(cls, words: Sequence[str]) -> "DateForm | None":
        """The form in which all of some words are dates; None if they are none."""
        text = np.array(list(words), dtype=object)
        if len(text) and all(map(_TIME.fullmatch, text)):
            time = cls("%H:%M" if text[0].count(":") == 1 else "%H:%M:%S")
            return None if time._parsed(text) is None else time
        if len(text) == 0 or not all(map(_may_be_date, text)):
            return None
        if _ISO.match(text[0]):
            iso = cls("ISO8601")
            return None if iso._parsed(text) is None else iso
        found = {}
        for day, clock in product(_DAYS, _CLOCKS):
            form = day + clock
            dates = cls(form)._parsed(text) if _has_form(text[0], form) else None
            if dates is not None:
                found[form] = dates
        if not found:
            return None
        form, first = next(iter(found.items()))
        return cls(form, not all((dates == first).all() for dates in found.values()))

    def read(self, words: NDArray) -> NDArray:
        """Dates as they stand on their own clocks; NaT where None.

        Raises
        ------
        ValueError
            If some are written in another way.
        """
        codes, distinct = pd.factorize(pd.Series(words, dtype=object))
        dates = self._parsed(np.asarray(distinct, dtype=object))
        if dates is None:
            raise ValueError(f"expected dates in the form {self.form}, such as those before")
        return np.append(dates, np.datetime64("NaT", "us"))[codes]

    def _parsed(self, words: NDArray) -> NDArray | None:
        """Dates; None if some are written in another way."""
        text = pd.Series(words, dtype=object)
        try:
            dates = pd.to_datetime(text, format=self.form)
        except ValueError:
            try:
                dates = pd.to_datetime(text, format=self.form, utc=True)  # several time zones
            except ValueError:
                return None
        return pd.DatetimeIndex(dates).tz_localize(None).to_numpy().astype("datetime64[us]")


def _may_be_date(text: str) -> bool:
    """Whether a text has the look of a date: digits with something between."""
    return (
        _LEAST <= len(text) <= _LONGEST
        and sum(one.isdigit() for one in text) >= _FEWEST_DIGITS
        and _LOOK.search(text) is not None
    )


def _has_form(text: str, form: str) -> bool:
    """Whether a text is a date in a form."""
    try:
        datetime.strptime(text, form)
    except ValueError:
        return False
    return True
