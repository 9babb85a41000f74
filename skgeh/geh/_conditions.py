"""Conditions on the original values of a feature, as sets of its values and in words.

A condition allows some of the values that there are: those of a number between two bounds, a set of
levels, or a range of hours that may go round midnight. What is missing is a value of its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from skgeh.tables.feature import MISSING, Feature

_MOST_DECIMALS = 16
_PLAIN = (1e-5, 1e12)  # sizes of numbers that are written without an exponent


@dataclass(frozen=True, eq=False)
class Values:
    """Distinct values of a feature, and which of them every point has.

    Parameters
    ----------
    feature : Feature
    known : ndarray of shape (k,)
        In increasing order.
    places : ndarray of shape (n,)
        Place of each point's value; k where it is missing.
    has_missing : bool
    """

    feature: Feature
    known: NDArray[np.float64]
    places: NDArray[np.intp]
    has_missing: bool

    @classmethod
    def of(cls, feature: Feature, values: NDArray) -> "Values":
        """Values as `Feature.decode` gives them; NaN is missing."""
        known, places = np.unique(values, return_inverse=True)  # NaN comes last, once
        missing = np.isnan(known)
        return cls(feature, known[~missing], places, bool(missing.any()))

    @property
    def vary(self) -> bool:
        """Whether there are several, if missing is one."""
        return len(self.known) + self.has_missing > 1

    def at(self, rows: NDArray) -> "Values":
        """Those of some of the points."""
        return replace(self, places=self.places[rows])

    def count(self, rows: NDArray | slice) -> NDArray[np.intp]:
        """How many of some points have each known value."""
        return np.bincount(self.places[rows], minlength=len(self.known) + 1)[: len(self.known)]

    def rank(self, inside: NDArray) -> NDArray[np.intp]:
        """Rank of each known value along a line on which those of a group are neighbours.

        Levels follow each other by the group's share of their points. A circle is cut opposite to
        the group.
        """
        if self.feature.kind == "category":
            share = self.count(inside) / np.maximum(self.count(slice(None)), 1)
            return np.argsort(np.argsort(share, kind="stable"))
        if self.feature.kind == "cycle":
            angle = 2 * np.pi * self.known / len(self.feature.levels)
            own = self.count(inside)
            middle = np.arctan2(own @ np.sin(angle), own @ np.cos(angle))
            turned = np.mod(angle - middle + np.pi, 2 * np.pi)
            return np.argsort(np.argsort(turned, kind="stable"))
        return np.arange(len(self.known))

    def name(self, place: int) -> str:
        """A value in words, as conditions write it."""
        if place == len(self.known):
            return MISSING
        return level_name(self.feature, self.known[place])


@dataclass(frozen=True, eq=False)
class Condition:
    """Values of one feature that a rule allows.

    Parameters
    ----------
    values : Values
    allowed : ndarray of bool of shape (k + 1,)
        Whether each known value is allowed, and at last a missing one.
    low, high : float
        Bounds of a number: allowed is what is above `low` and not above `high`.
    """

    values: Values
    allowed: NDArray[np.bool_]
    low: float = -np.inf
    high: float = np.inf

    @classmethod
    def of(cls, values: Values, allowed: NDArray) -> "Condition":
        """Allow some values; the bounds of a number lie halfway to the next value."""
        known, inside = values.known, np.flatnonzero(allowed[:-1])
        if values.feature.kind != "number" or len(inside) == 0:
            return cls(values, allowed)
        padded = np.concatenate([[-np.inf], known, [np.inf]])
        low, high = (padded[place : place + 2].mean() for place in (inside[0], inside[-1] + 1))
        return cls(values, allowed, float(low), float(high))

    @cached_property
    def holds(self) -> NDArray[np.bool_]:
        """Whether it holds, for every point."""
        return self.allowed[self.values.places]

    @property
    def is_vacuous(self) -> bool:
        """Whether it holds for all values that there are."""
        return bool(self._seen.all())

    @property
    def is_range(self) -> bool:
        """Whether it has bounds that can move."""
        return self.values.feature.kind == "number" and bool(self.allowed[:-1].any())

    @property
    def _seen(self) -> NDArray[np.bool_]:
        """Whether values are allowed, without what is missing if nothing is."""
        return self.allowed if self.values.has_missing else self.allowed[:-1]

    @property
    def _may_be_missing(self) -> bool:
        """Whether a missing value is allowed, and there are some."""
        return self.values.has_missing and bool(self.allowed[-1])

    def with_bounds(self, low: float, high: float) -> "Condition":
        """The same for a number with other bounds."""
        known = self.values.known
        allowed = np.append((known > low) & (known <= high), self.allowed[-1])
        return Condition(self.values, allowed, low, high)

    def simpler(self) -> Iterator["Condition"]:
        """Conditions without one of two bounds, or without what is missing."""
        if self.is_range and np.isfinite([self.low, self.high]).all():
            yield self.with_bounds(-np.inf, self.high)
            yield self.with_bounds(self.low, np.inf)
        if self._may_be_missing and self.allowed[:-1].any():
            yield replace(self, allowed=np.append(self.allowed[:-1], False))

    def rounded(self, side: str) -> Iterator[tuple["Condition", "Condition"]]:
        """With one bound, "low" or "high", of more and more digits: rounded down, and up."""
        bound = getattr(self, side)
        if not (self.is_range and np.isfinite(bound)):
            return
        largest = max(float(np.abs(self.values.known).max()), abs(bound))
        first = -int(np.floor(np.log10(largest or 1.0)))
        for decimals in range(first, first + _MOST_DECIMALS):
            unit = 10.0**-decimals
            below = np.floor(bound / unit)
            ends = (round(float(one * unit), decimals) + 0.0 for one in (below, below + 1))
            down, up = (
                self.with_bounds(**({"low": self.low, "high": self.high} | {side: end}))
                for end in ends
            )
            yield down, up

    def __str__(self) -> str:
        name, seen, kind = self.values.feature.name, self._seen, self.values.feature.kind
        if self._may_be_missing and not seen[:-1].any():
            return f"{name} missing"
        if self.values.has_missing and seen[:-1].all():
            return f"{name} not missing"
        if kind == "category":
            return f"{name} {self._set()}"
        text = {"number": self._range, "cycle": self._arc}.get(kind, self._steps)()
        return f"({text} or missing)" if self._may_be_missing else text

    def _range(self) -> str:
        """Of a number."""
        name, low, high = self.values.feature.name, _number(self.low), _number(self.high)
        if np.isinf(self.low):
            return f"{name} <= {high}"
        return f"{name} > {low}" if np.isinf(self.high) else f"{low} < {name} <= {high}"

    def _steps(self) -> str:
        """Of ordered levels."""
        inside, name = np.flatnonzero(self.allowed[:-1]), self.values.feature.name
        first, last = int(inside[0]), int(inside[-1])
        if first == last:
            return f"{name} = {self.values.name(first)}"
        if first == 0:
            return f"{name} <= {self.values.name(last)}"
        if last == len(self.allowed) - 2:
            return f"{name} >= {self.values.name(first)}"
        return f"{name} from {self.values.name(first)} to {self.values.name(last)}"

    def _arc(self) -> str:
        """Of a circle; the range may go round."""
        name, inside = self.values.feature.name, self.allowed[:-1]
        outside = np.flatnonzero(~inside).tolist()
        if len(outside) == 1 and len(inside) > 2:
            return f"{name} != {self.values.name(outside[0])}"
        (first,) = np.flatnonzero(inside & ~np.roll(inside, 1)).tolist()
        (last,) = np.flatnonzero(inside & ~np.roll(inside, -1)).tolist()
        one, other = self.values.name(first), self.values.name(last)
        return f"{name} = {one}" if first == last else f"{name} from {one} to {other}"

    def _set(self) -> str:
        """Of levels, or of those that are left out if they are fewer."""
        inside, outside = (np.flatnonzero(self._seen == one) for one in (True, False))
        few, one, many = inside, "=", "in"
        if len(outside) < len(inside):
            few, one, many = outside, "!=", "not in"
        names = [self.values.name(place) for place in few.tolist()]
        return f"{one} {names[0]}" if len(names) == 1 else f"{many} {{{', '.join(names)}}}"


def level_name(feature: Feature, value: float) -> str:
    """Name of a level as conditions write it: in quotes if it could be misread."""
    text = feature.text(value)
    plain = bool(text) and text == text.strip() and not set(text) & set(',{}"')
    return text if plain else f'"{text}"'


def _number(value: float) -> str:
    """A number with the digits that it needs.

    Examples
    --------
    >>> _number(35.0), _number(-0.25), _number(1e-7)
    ('35', '-0.25', '1e-07')
    """
    if value == 0 or _PLAIN[0] <= abs(value) < _PLAIN[1]:
        return np.format_float_positional(value, trim="-")
    return repr(value)
