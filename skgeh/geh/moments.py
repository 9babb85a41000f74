"""Mean and variance of many draws, without keeping all draws in memory."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Moments:
    """Count, mean and sum of squared deviations, in float64.

    Examples
    --------
    >>> values = np.arange(12.0).reshape(6, 2)
    >>> both = Moments.of(values[:4]).merged(Moments.of(values[4:]))
    >>> np.allclose(both.mean, values.mean(0)), np.allclose(both.variance, values.var(0, ddof=1))
    (True, True)
    """

    count: int
    mean: NDArray
    squares: NDArray

    @classmethod
    def none(cls, *shape: int) -> "Moments":
        """Moments before the first draw."""
        return cls(0, np.zeros(shape), np.zeros(shape))

    @classmethod
    def of(cls, values: NDArray) -> "Moments":
        """Moments over the first axis."""
        mean = values.mean(0, dtype=np.float64)
        return cls(len(values), mean, np.square(values - mean).sum(0))

    def merged(self, other: "Moments") -> "Moments":
        """Moments of both samples together (Chan, Golub & LeVeque 1979)."""
        count = self.count + other.count
        shift = other.mean - self.mean
        mean = self.mean + shift * (other.count / count)
        squares = self.squares + other.squares + shift**2 * (self.count * other.count / count)
        return Moments(count, mean, squares)

    @property
    def variance(self) -> NDArray:
        """Unbiased variance; zero for a single draw."""
        return self.squares / max(self.count - 1, 1)
