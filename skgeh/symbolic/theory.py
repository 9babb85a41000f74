"""Theory of the interactions that a network has learned while its parameters are noisy.

Let ``w*`` be the converged interactions. At noise level s2 the network has learned

    w = (J'J + 2^n diag(c))^-1 J'J w*,   J(S, T) = 1 if T is a subset of S,   c(T) = 2^|T| s2.

J'J and diag(c) are n-fold Kronecker powers of ``[[2, 1], [1, 1]]`` and ``D = diag(1, 2)``, so with
``D^-1/2 [[2, 1], [1, 1]] D^-1/2 = Q diag(mu) Q'`` the solve is diagonal in the powers of Q:

    w = (D^-1/2 Q)^n  diag(m / (m + 2^n s2))  (Q' D^1/2)^n  w*,   m(S) = product of mu.
"""

from dataclasses import dataclass
from numbers import Real

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar

from skgeh.symbolic.interactions import _by_order, _distribution
from skgeh.symbolic.transforms import (
    _MAX_PLAYERS,
    _Factor,
    _kronecker,
    _n_players,
    _orders,
    _over_subsets,
)

_LOG_RANGE = (-10.0, 2.0)  # decimal logarithms of the noise levels searched
_GRID = 49  # levels tried before the best one is refined


def theoretical_interactions(w_star: ArrayLike, sigma2: float) -> NDArray[np.float64]:
    """Interactions that a network has learned at a noise level.

    Parameters
    ----------
    w_star : array-like of shape (..., 2^n)
        Interactions after training; bit i of the index is player i.
    sigma2 : float
        Variance of the noise of the parameters; 0 gives `w_star` back.

    Returns
    -------
    ndarray of shape (..., 2^n)
        In the unit of `w_star`.

    Raises
    ------
    ValueError
        If `sigma2` is negative or `w_star` is not an array over subsets.

    References
    ----------
    Q. Ren et al., "Towards the Dynamics of a DNN Learning Symbolic Interactions", NeurIPS 2024,
    theorem on the analytic solution.

    Examples
    --------
    >>> theoretical_interactions([0.0, 1.0, 1.0, 1.0], 1.0).round(3)
    array([0.477, 0.266, 0.266, 0.117])
    """
    w_star = _over_subsets(w_star, "w_star")
    _check_level(sigma2)
    n = _n_players(w_star)
    to_modes, back = _mode_factors()
    return _kronecker(back, _shrinkage(n, sigma2) * _kronecker(to_modes, w_star))


def row_norm_ratio(n: int, sigma2: float) -> NDArray[np.float64]:
    """How much more of order k than of order k + 1 a network has learned at a noise level.

    A matrix takes `w_star` to the learned interactions. This is the ratio of the norms of two of
    its rows: that of a subset of k players, and that of a subset of k + 1 players.

    Parameters
    ----------
    n : int
        Number of players, at most 24.
    sigma2 : float

    Returns
    -------
    ndarray of shape (n,)
        ``r(k) = ||row_k|| / ||row_(k + 1)||`` for k = 0, ..., n - 1.

    Notes
    -----
    The paper's proposition says that r(k) rises with `sigma2`, as a numerical observation. With
    many players and `sigma2` below 1e-5 some r(k) fall by a fraction of a percent before they rise.

    Examples
    --------
    >>> row_norm_ratio(4, 0.01).round(2)
    array([1.1 , 1.33, 1.85, 2.15])
    """
    if not 1 <= n <= _MAX_PLAYERS:
        raise ValueError(f"n must be from 1 to {_MAX_PLAYERS}; got {n!r}.")
    _check_level(sigma2)
    (to_modes, back), shrunk = _mode_factors(), _shrinkage(n, sigma2)
    norms = np.empty(n + 1)
    for k in range(n + 1):
        unit = np.zeros(1 << n)
        unit[(1 << k) - 1] = 1.0  # the first k players; all subsets of an order have one norm
        row = _kronecker(_transposed(to_modes), shrunk * _kronecker(_transposed(back), unit))
        norms[k] = np.linalg.norm(row)
    return norms[:-1] / norms[1:]


@dataclass(frozen=True, eq=False)
class NoiseFit:
    """A noise level, and how well the theory fits there.

    Parameters
    ----------
    sigma2 : float
    distance : float
        Total variation between the theoretical and the measured distribution over orders, 0 to 1.
    distribution : ndarray of shape (n,)
        The theoretical distribution.
    """

    sigma2: float
    distance: float
    distribution: NDArray[np.float64]


def fit_noise_level(w_star: ArrayLike, measured: ArrayLike, tau: float = 0.0) -> NoiseFit:
    """Noise level at which the theory is closest to a measured distribution over orders.

    Parameters
    ----------
    w_star : array-like of shape (..., 2^n)
        Converged interactions, AND and OR of any number of samples: their strengths are added.
        Entry 0 is not used.
    measured : array-like of shape (n,)
        Strength of the orders 1 to n during training, in any unit.
    tau : float, default=0.0
        Theoretical interactions of smaller magnitude are not counted, as in the measurement.

    Returns
    -------
    NoiseFit

    Raises
    ------
    ValueError
        If the shapes do not fit each other, a strength is negative, or all strengths are 0.

    Examples
    --------
    >>> w_star = np.random.default_rng(0).normal(size=2**6)
    >>> strength = _theoretical_distribution(w_star, 1e-2)
    >>> fit = fit_noise_level(w_star, strength)
    >>> f"{fit.sigma2:.4f}", fit.distance < 1e-3
    ('0.0100', True)
    """
    w_star = _over_subsets(w_star, "w_star")
    measured = np.asarray(measured, dtype=np.float64)
    n = _n_players(w_star)
    if measured.shape != (n,) or not (measured >= 0).all() or not measured.sum() > 0:
        raise ValueError(
            f"measured must hold one strength for each order from 1 to {n}, none negative and not "
            f"all 0; got {measured!r}."
        )
    aim = _distribution(measured)

    def off(log_level: float) -> float:
        theory = _theoretical_distribution(w_star, 10**log_level, tau)
        # if the noise leaves nothing to count, the distance is the largest
        return float(np.abs(theory - aim).sum() / 2) if theory.any() else 1.0

    levels = np.linspace(*_LOG_RANGE, _GRID)
    best = int(np.argmin([off(level) for level in levels]))
    around = levels[max(best - 1, 0)], levels[min(best + 1, _GRID - 1)]
    fine = minimize_scalar(off, bounds=around, method="bounded", options={"xatol": 1e-4}).x
    level = min((levels[best], fine), key=off)
    sigma2 = float(10**level)
    return NoiseFit(sigma2, off(level), _theoretical_distribution(w_star, sigma2, tau))


def _theoretical_distribution(
    w_star: ArrayLike, sigma2: float, tau: float = 0.0
) -> NDArray[np.float64]:
    """Shares of the orders 1 to n in the interactions learned at a noise level, over all rows."""
    w_star = _over_subsets(w_star, "w_star").copy()
    w_star[..., 0] = 0.0
    learned = np.abs(theoretical_interactions(w_star, sigma2))
    strength = _by_order(np.where(learned >= tau, learned, 0.0))
    return _distribution(strength.reshape(-1, strength.shape[-1]).sum(0))


def _mode_factors() -> tuple[_Factor, _Factor]:
    """``Q' D^1/2`` and ``D^-1/2 Q``."""
    _, q = _modes()
    root = np.sqrt([1.0, 2.0])
    return _factor(q.T * root), _factor(q / root[:, None])


def _modes() -> tuple[NDArray, NDArray]:
    """``mu = (5 -+ sqrt 17) / 4`` and Q."""
    root = np.sqrt([1.0, 2.0])
    return np.linalg.eigh(np.array([[2.0, 1.0], [1.0, 1.0]]) / np.outer(root, root))


def _shrinkage(n: int, sigma2: float) -> NDArray[np.float64]:
    """Share of every mode that is learned, ``m / (m + 2^n s2)``."""
    mu, k = _modes()[0], _orders(n)
    m = mu[0] ** (n - k) * mu[1] ** k
    return m / (m + 2.0**n * sigma2)


def _factor(matrix: NDArray) -> _Factor:
    """A 2 x 2 matrix as tuples of numbers."""
    (a, b), (c, d) = matrix.tolist()
    return (a, b), (c, d)


def _transposed(matrix: _Factor) -> _Factor:
    """Transpose of a 2 x 2 matrix."""
    (a, b), (c, d) = matrix
    return (a, c), (b, d)


def _check_level(sigma2: float) -> None:
    """Refuse a value that cannot be a variance."""
    if not isinstance(sigma2, Real) or not 0 <= float(sigma2) < np.inf:
        raise ValueError(f"sigma2 must be one finite number of at least 0; got {sigma2!r}.")
