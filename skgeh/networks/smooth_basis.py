"""Smooth functions of one feature: the line, then waves of rising roughness."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.linalg import eigh

N_KNOTS = 8
GRID = 400  # points over which roughness is measured
SMALLEST = 1e-8  # variance below which a direction of the splines does not vary on the data


@dataclass(frozen=True, eq=False)
class SmoothBasis:
    """Demmler-Reinsch functions of one feature, orthonormal on its data.

    The first is linear. The others are natural cubic splines with knots at quantiles, uncorrelated
    with the line and with each other, in the order of their roughness (mean squared second
    derivative). A feature of few values has fewer functions; the rest are zero.

    Parameters
    ----------
    spline : CubicSpline
        Cardinal natural splines, one for each knot.
    mixing : ndarray of shape (knots, m)
    lines : ndarray of shape (2, m)
        Intercept and slope added to each function.
    weights : ndarray of shape (m,)
        1 for the line and the smoothest wave, then least roughness over a wave's own; 0 where there
        is no function.

    References
    ----------
    A. Demmler and C. Reinsch, "Oscillation matrices with spline smoothing", 1975.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=200)
    >>> basis = SmoothBasis.fit(x, n_functions=4)
    >>> values = basis(x)
    >>> np.allclose(values.T @ values / 200, np.eye(4)), bool(np.all(np.diff(basis.weights) <= 0))
    (True, True)
    """

    spline: CubicSpline
    mixing: NDArray[np.float64]
    lines: NDArray[np.float64]
    weights: NDArray[np.float64]

    @classmethod
    def fit(
        cls, x: NDArray, n_functions: int, sample_weight: NDArray | None = None
    ) -> "SmoothBasis":
        """Place the knots and orthonormalise; sample weights have mean 1."""
        w = np.ones(len(x)) if sample_weight is None else sample_weight
        knots = np.unique(np.quantile(x, np.linspace(0, 1, N_KNOTS)))
        mixing, lines = np.zeros((max(len(knots), 2), n_functions)), np.zeros((2, n_functions))
        weights = np.zeros(n_functions)
        if len(knots) < 2:
            return cls(CubicSpline([x[0], x[0] + 1], np.eye(2)), mixing, lines, weights)
        spline = CubicSpline(knots, np.eye(len(knots)), bc_type="natural")
        mean = np.average(x, weights=w)
        sd = np.sqrt(np.average((x - mean) ** 2, weights=w))
        lines[:, 0], weights[0] = [-mean / sd, 1 / sd], 1
        # waves: what is left of the splines without constant and line, whitened, then by roughness
        root = np.sqrt(w)[:, None]
        line = np.column_stack([np.ones_like(x), x])
        values = natural(spline, x)
        projection = np.linalg.lstsq(root * line, root * values, rcond=None)[0]
        rest = root * (values - line @ projection)
        variance, directions = eigh(rest.T @ rest / len(x))
        varying = variance > SMALLEST
        white = directions[:, varying] / np.sqrt(variance[varying])
        bends = spline(np.linspace(knots[0], knots[-1], GRID), 2) @ white
        roughness, turn = eigh(bends.T @ bends / GRID)
        n_waves = min(n_functions - 1, len(roughness))
        if n_waves:
            waves = slice(1, 1 + n_waves)
            mixing[:, waves] = white @ turn[:, :n_waves]
            lines[:, waves] = -projection @ mixing[:, waves]
            weights[waves] = roughness[0] / roughness[:n_waves]
        return cls(spline, mixing, lines, weights)

    def __call__(self, x: NDArray) -> NDArray[np.float64]:
        """Values at x, shape (n, m); straight lines outside the knots."""
        return natural(self.spline, x) @ self.mixing + self.lines[0] + x[:, None] * self.lines[1]

    def derivative(self, x: NDArray) -> NDArray[np.float64]:
        """First derivatives at x, shape (n, m)."""
        inside = np.clip(x, self.spline.x[0], self.spline.x[-1])
        return self.spline(inside, 1) @ self.mixing + self.lines[1]


def natural(spline: CubicSpline, x: NDArray) -> NDArray[np.float64]:
    """Values of splines that go on straight outside their knots."""
    inside = np.clip(x, spline.x[0], spline.x[-1])
    return spline(inside) + (x - inside)[:, None] * spline(inside, 1)
