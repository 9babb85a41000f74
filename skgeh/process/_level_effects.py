"""Signed effects of one pair at levels of a category or at places on a circle.

With the weights b of the pair's columns ``phi_a(x_i) phi_b(x_j)``, its function at level l of one
feature and m of the other is ``b' (phi(l) * phi(m))``, and its mean slope along a number is
``b' (phi(l) * mean phi'(x))``. Effects are what is left of these values without their means over
rows and columns, or of the slopes without their mean over levels. So they are linear in b, and what
belongs to main effects cancels.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from skgeh.geh.decisions import LevelEffects
from skgeh.geh.levels import LevelPoints
from skgeh.process._products import Products, blocks


@dataclass(frozen=True, eq=False)
class PairWeights:
    """Weights of one pair's columns.

    Parameters
    ----------
    products : Products
        Whose functions the columns multiply.
    factors : ndarray of shape (2, m)
        Both functions of every column.
    shrunken, wide : ndarray of shape (m,)
        By the pair's prior, and hardly shrunk.
    covariance : ndarray of shape (m, m)
        Of the wide weights.
    freedom : float
        Degrees of freedom of that covariance.
    """

    products: Products
    factors: NDArray[np.intp]
    shrunken: NDArray[np.float64]
    wide: NDArray[np.float64]
    covariance: NDArray[np.float64]
    freedom: float


@dataclass(frozen=True, eq=False)
class EffectsAtLevels:
    """Effects at levels, computed when they are asked for.

    Parameters
    ----------
    pairs : ndarray of shape (P, 2)
    pair_weights : callable (place, output) -> PairWeights or None
    slopes : callable (Products, ndarray of shape (r, D)) -> ndarray of shape (F, r)
        Derivatives of all functions at points.
    points : ndarray of shape (n, D)
        In standard units.
    levels : LevelPoints
    outputs : list of int
    sign : float
        -1 for the opposite of an output.
    """

    pairs: NDArray[np.intp]
    pair_weights: Callable[[int, int], PairWeights | None]
    slopes: Callable[[Products, NDArray], NDArray]
    points: NDArray[np.float64]
    levels: LevelPoints
    outputs: list[int]
    sign: float

    def __call__(self, place: int, which: int = 0) -> LevelEffects:
        """Effects of a pair, for one of the outputs; NaN if it was not tested."""
        pair = self.pairs[place].tolist()
        found, counts = self.pair_weights(place, self.outputs[which]), self.levels.counts(pair)
        if found is None:
            nothing = np.full(counts.shape, np.nan)
            return LevelEffects(nothing, nothing, np.nan, counts)
        parts = [
            reduce(np.multiply, self._at(f, found.products)[:, found.factors].swapaxes(0, 1))
            for f in pair
        ]
        cells = (parts[0][:, None] * parts[1]).reshape(counts.size, -1)
        is_number = [self.levels.features[f].is_number for f in pair]
        turned = self.sign * without_means(cells, counts / max(counts.sum(), 1), is_number)
        effect = turned @ found.wide
        error = np.sqrt(((turned @ found.covariance) * turned).sum(1))
        empty = counts == 0
        effect, error = (
            np.where(empty, np.nan, one.reshape(counts.shape)) for one in (effect, error)
        )
        return LevelEffects(effect, error, found.freedom, counts)

    def _at(self, feature: int, products: Products) -> NDArray[np.float64]:
        """Each level's functions of a feature, or a number's mean slopes; 1 elsewhere, (k, F)."""
        own = self.levels.features[feature]
        inside = np.isin(products.feature, own.columns)
        found = np.ones((self.levels.n_levels(feature), len(inside)))
        if own.is_number:
            along = np.isin(products.feature, own.measured)
            found[:, inside] = np.where(along, self._mean_slopes(feature, products), 0)[inside]
        else:
            found[:, inside] = products.values(self.levels.codes(feature)).T[:, inside]
        return found

    def _mean_slopes(self, feature: int, products: Products) -> NDArray[np.float64]:
        """Mean derivatives of all functions over the points with a value, shape (F,)."""
        points = self.points[self.levels.known(feature)]
        sums = sum(self.slopes(products, points[rows]).sum(1) for rows in blocks(len(points)))
        return sums / max(len(points), 1)


def without_means(values: NDArray, shares: NDArray, is_number: list[bool]) -> NDArray[np.float64]:
    """Values at cells without their means over rows and over columns.

    These are the residuals of a regression on rows and columns, or on a constant if one of the
    features is a number, in which cells count by their shares.

    Parameters
    ----------
    values : ndarray of shape (k l, m)
    shares : ndarray of shape (k, l)
    is_number : list of two bool

    Examples
    --------
    >>> values = np.array([[1.0], [2.0], [3.0], [8.0]])
    >>> without_means(values, np.full((2, 2), 0.25), [False, False])[:, 0].round(2).tolist()
    [1.0, -1.0, -1.0, 1.0]
    """
    places = (place.ravel() for place in np.indices(shares.shape))
    rows, columns = (np.eye(size)[place] for size, place in zip(shares.shape, places, strict=True))
    own = zip(is_number, (columns, rows), strict=True)
    design = np.column_stack([means for alone, means in own if not alone])
    root = np.sqrt(shares.ravel())[:, None]
    return values - design @ (np.linalg.pinv(root * design) @ (root * values))
