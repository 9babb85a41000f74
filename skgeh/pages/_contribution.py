"""What one pair adds to the target, in numbers: a small table of its surface."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skgeh.geh.interactions import Interactions
from skgeh.pages._numbers import crossed, number
from skgeh.pages._reading import Reading
from skgeh.tables.feature import Feature
from skgeh.tables.small_table import SmallTable

_QUANTILES = 0.05, 0.25, 0.5, 0.75, 0.95
_MOST_LEVELS = 12


@dataclass(frozen=True, eq=False)
class Contribution:
    """The contribution of a pair to one target.

    Parameters
    ----------
    found : Interactions
        Of one target.
    pair : tuple of two int
    goal : str
        What it adds to.
    """

    found: Interactions
    pair: tuple[int, int]
    goal: str

    @classmethod
    def of(cls, reading: Reading, row: int) -> "Contribution":
        """That of a row of the table; of several targets, to the one with the least p-value."""
        i, j = reading.found.pairs[reading.order[row]].tolist()
        output = reading.leading_output(row)
        found = reading.found if output is None else reading.found_of(output)
        goal = reading.scale_name if output is None else reading.output_name(output)
        return cls(found, (i, j), goal)

    @property
    def names(self) -> tuple[str, str]:
        """Names of both features."""
        one, other = (self.found.feature_names[f] for f in self.pair)
        return one, other

    @property
    def words(self) -> str:
        """What it is, in words."""
        return f"What {self.names[0]} and {self.names[1]} add to {self.goal} together"

    @property
    def unit(self) -> str:
        """Unit of the numbers."""
        assert self.found.components is not None
        return self.found.components.unit_name

    @cached_property
    def sides(self) -> list[NDArray[np.float64]]:
        """Values of both features: quantiles of numbers, or levels."""
        components, pair = self.found.component(*self.pair)
        rows = components.rows(pair)
        return [_values(self._features[k], rows[k]) for k in range(2)]

    @cached_property
    def values(self) -> NDArray[np.float64]:
        """Contributions at all of them, shape (k, l)."""
        components, pair = self.found.component(*self.pair)
        left, right = np.meshgrid(*self.sides, indexing="ij")
        found, _, _ = components.surface(pair, left.ravel(), right.ravel(), 0.95)
        return found.reshape(left.shape)

    @property
    def grid(self) -> SmallTable:
        """A row for each value of the first feature, a column for each of the second."""
        one, other = self.names
        caption = f"{self.words}, in {self.unit}: a row for each {one}, a column for each {other}"
        rows = [
            [text, *(number(value) for value in row)]
            for text, row in zip(self._texts(0), self.values.tolist(), strict=True)
        ]
        return SmallTable([crossed(one, other), *self._texts(1)], rows, caption)

    @property
    def extremes(self) -> str:
        """Where it is lowest and highest."""
        places = [
            np.unravel_index(at, self.values.shape)
            for at in (int(self.values.argmin()), int(self.values.argmax()))
        ]
        one, other = self.names
        low, high = (
            f"{number(float(self.values[i, j]))} at {one} {self._texts(0)[i]} and {other} "
            f"{self._texts(1)[j]}"
            for i, j in places
        )
        return f"from {low} to {high}"

    @property
    def _features(self) -> list[Any]:
        """Both features."""
        return [self.found.features[f] for f in self.pair]

    def _texts(self, k: int) -> list[str]:
        """Values of a feature in words."""
        feature = self._features[k]
        if feature.levels:
            return [feature.text(value) for value in self.sides[k]]
        return [number(value) for value in self.sides[k].tolist()]


def _values(feature: Feature, rows: NDArray) -> NDArray[np.float64]:
    """Quantiles of a number, or its levels that occur."""
    there = rows[np.isfinite(rows)]
    if not feature.levels:
        return np.unique(np.quantile(there, _QUANTILES))
    levels = np.unique(there.round())
    if len(levels) <= _MOST_LEVELS:
        return levels
    return levels[np.linspace(0, len(levels) - 1, _MOST_LEVELS).astype(int)]
