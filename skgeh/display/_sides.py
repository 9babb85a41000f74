"""One feature as a side of a surface: its places, its names, and where its rows are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skgeh.display._picture import short
from skgeh.tables.feature import Feature

_POINTS = 80  # along a number
_FEW = 6  # distinct values of a number that are shown as levels
_RANGE = 0.01, 0.99  # quantiles of a number that are shown


@dataclass(frozen=True, eq=False)
class Side:
    """Values of a feature along a side.

    Parameters
    ----------
    name : str
    values : ndarray of shape (k,)
        Increasing numbers, or places of levels.
    labels : sequence of k str, optional
        Of levels.
    has_order : bool, default=True
        Whether neighbours are alike, as numbers and hours are.
    """

    name: str
    values: NDArray[np.float64]
    labels: Sequence[str] | None = None
    has_order: bool = True

    @classmethod
    def of(cls, feature: Feature, seen: NDArray) -> "Side":
        """The values of a feature that are shown, given those of the rows."""
        if feature.kind == "columns":
            raise ValueError(
                f"{feature.name} is a group of columns, which have no order on an axis. Give the "
                "category itself as one column of a data frame, or draw another pair."
            )
        distinct = np.unique(seen)
        if feature.levels or len(distinct) <= _FEW:
            labels = [short(feature.text(one)) for one in distinct]
            return cls(feature.name, distinct, labels, feature.kind != "category")
        low, high = np.quantile(seen, _RANGE)
        if low == high:
            low, high = distinct[[0, -1]]
        return cls(feature.name, np.linspace(low, high, _POINTS))

    @property
    def is_number(self) -> bool:
        """Whether it has an axis of numbers."""
        return self.labels is None

    @property
    def is_long(self) -> bool:
        """Whether a line along it is easy to read: many values in an order."""
        return self.has_order and len(self.values) > _FEW

    @property
    def rank(self) -> tuple[int, int]:
        """Lower ones lie to the right: hours, then numbers, many levels, and few."""
        if self.is_long:
            return int(self.is_number), -len(self.values)
        return (2, 0) if len(self.values) > _FEW else (3, 0)

    @property
    def places(self) -> NDArray[np.float64]:
        """Where the values are on the axis."""
        return self.values if self.is_number else np.arange(len(self.values), dtype=float)

    @property
    def edges(self) -> NDArray[np.float64]:
        """Edges of the cells around the places, shape (k + 1,)."""
        places = self.places
        step = (places[-1] - places[0]) / (len(places) - 1) if len(places) > 1 else 1.0
        return np.append(places - step / 2, places[-1] + step / 2)

    def placed(self, seen: NDArray) -> NDArray[np.float64]:
        """Where the values of rows are on the axis."""
        return seen if self.is_number else np.searchsorted(self.values, seen).astype(float)

    def unit(self, places: NDArray) -> NDArray[np.float64]:
        """Places in parts of the axis, such that levels are far from each other."""
        if not self.is_number:
            return 10 * places
        return (places - self.values[0]) / (self.values[-1] - self.values[0])
