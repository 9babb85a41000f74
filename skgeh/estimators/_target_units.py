"""Units of numeric targets: from a model's outputs to means, and the noise around them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skgeh.geh.likelihoods import MOST, LogLink
from skgeh.tables.table import Table


@dataclass(frozen=True, eq=False)
class StandardUnits:
    """Outputs are targets minus their mean, in units of their standard deviation.

    Parameters
    ----------
    mean, scale : ndarray of shape (c,)
    noise : ndarray of shape (c,)
        Noise variances, in squared units of the targets.
    """

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    noise: NDArray[np.float64]

    @classmethod
    def of(cls, table: Table, noise: NDArray) -> "StandardUnits":
        """The units of a table, and the noise as a share of the variance."""
        scale = table.y_scaler.scale_
        return cls(table.y_scaler.mean_, scale, noise * scale**2)

    def means(self, outputs: NDArray) -> NDArray[np.float64]:
        """Means of the targets, (..., c)."""
        return outputs * self.scale + self.mean

    def variance(self, means: NDArray) -> NDArray[np.float64]:
        """Noise variance of a row of weight 1, (..., c)."""
        return np.broadcast_to(self.noise, means.shape)


@dataclass(frozen=True, eq=False)
class LogRatios:
    """Outputs are logs of the targets' expectations, divided by the means of the table.

    Parameters
    ----------
    mean : ndarray of shape (c,)
    scale : ndarray of shape (c,)
        Units of the outputs, which are 1 in logs.
    noise : ndarray of shape (c,)
        Dispersions.
    power : int
        Power of the mean to which the variance is proportional.

    Examples
    --------
    >>> units = LogRatios(np.array([3.0]), np.ones(1), noise=np.array([0.5]), power=2)
    >>> means = units.means(np.log([[2.0]]))
    >>> means.round(3).tolist(), units.variance(means).round(3).tolist()
    ([[6.0]], [[18.0]])
    """

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    noise: NDArray[np.float64]
    power: int

    @classmethod
    def of(cls, table: Table, noise: NDArray, likelihood: LogLink) -> "LogRatios":
        """The units of a table, and the noise as a share of the dispersion around its mean."""
        mean, power = table.y_mean, likelihood.power
        # ratios of rows of mean weight have the dispersion of rows of weight 1 in another unit
        to_targets = table.weight.mean() * mean ** (2 - power)
        return cls(mean, np.ones_like(mean), noise * likelihood.dispersion * to_targets, power)

    def means(self, outputs: NDArray) -> NDArray[np.float64]:
        """Means of the targets, (..., c)."""
        return np.exp(np.minimum(outputs, MOST)) * self.mean

    def variance(self, means: NDArray) -> NDArray[np.float64]:
        """Noise variance of a row of weight 1, (..., c)."""
        return self.noise * means**self.power


TargetUnits = StandardUnits | LogRatios
