"""Levels of features: where they lie in standard units, and which of them every point has."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skgeh.tables.feature import Feature


@dataclass(frozen=True, eq=False)
class LevelPoints:
    """Points, and the levels of their features.

    Parameters
    ----------
    features : sequence of Feature
    points : ndarray of shape (n, D)
        Encoded columns of all features, in original units.
    standardise : callable (m, D) -> (m, D)
        From original to standard units.

    Examples
    --------
    >>> sex = Feature("sex", "category", (1,), ("female", "male"))
    >>> points = np.array([[20.0, 1.0], [30.0, 0.0], [40.0, 1.0]])
    >>> levels = LevelPoints([Feature("age", "number", (0,)), sex], points, lambda x: 2 * x)
    >>> levels.codes(1)[:, 1].tolist(), levels.counts((0, 1)).tolist()
    ([0.0, 2.0], [[1, 2]])
    """

    features: Sequence[Feature]
    points: NDArray[np.float64]
    standardise: Callable[[NDArray], NDArray]

    def codes(self, feature: int) -> NDArray[np.float64]:
        """Rows in standard units with each level of a feature, shape (k, D)."""
        own = self.features[feature]
        rows = np.zeros((len(own.levels), self.points.shape[1]))
        rows[:, list(own.columns)] = own.encode(np.arange(len(own.levels)))
        return self.standardise(rows)

    def known(self, feature: int) -> NDArray[np.bool_]:
        """Points whose value is not missing, shape (n,)."""
        return ~np.isnan(self._values(feature))

    def counts(self, pair: Sequence[int]) -> NDArray[np.intp]:
        """Points at each combination of levels, shape (k, l); a number has one level."""
        sizes = [self.n_levels(f) for f in pair]
        known = np.logical_and(*(self.known(f) | self.features[f].is_number for f in pair))
        places = [
            np.zeros(known.sum(), dtype=np.intp)
            if self.features[f].is_number
            else self._values(f)[known].astype(np.intp)
            for f in pair
        ]
        found = np.bincount(np.ravel_multi_index(places, sizes), minlength=sizes[0] * sizes[1])
        return found.reshape(sizes)

    def n_levels(self, feature: int) -> int:
        """Number of levels; one for a number."""
        own = self.features[feature]
        return 1 if own.is_number else len(own.levels)

    def _values(self, feature: int) -> NDArray[np.float64]:
        """Values of a feature at the points."""
        own = self.features[feature]
        return own.decode(self.points[:, list(own.columns)])
