"""Simulation of Cui, Marttinen and Kaski (2020), with known interactions and Hessians."""

from functools import cache
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state, check_scalar

from skgeh.datasets.truth import Truth, _check_features, _draw_noise
from skgeh.geh.pairs import pair_index

_LOW = np.array([0.5, -0.5, 0.5, -0.5, 0.5, 0.5, -0.5, 0.5])  # every feature has a range of 1
_MAIN = np.array([1.0, -1.5, 0.8, 2.0, -1.0, 0.5, -1.2, 0.9])
_PURE_VARIANCES = np.array([0.02, 0.035, 0.03, 0.12, 0.025, 0.16, 0.06])
# h_k(a, b) with a = x_k, b = x_{k+1}, and its mixed derivative
_FORMS = (
    (lambda a, b: a**2 * b, lambda a, b: 2 * a),
    (lambda a, b: a**2 * b, lambda a, b: 2 * a),
    (lambda a, b: b / a, lambda a, b: -1 / a**2),
    (lambda a, b: np.sin(3.3 * (a + b)), lambda a, b: -(3.3**2) * np.sin(3.3 * (a + b))),
    (lambda a, b: np.exp(a * b), lambda a, b: (1 + a * b) * np.exp(a * b)),
    (lambda a, b: a * np.cos(2 * np.pi * b), lambda a, b: -2 * np.pi * np.sin(2 * np.pi * b)),
    (lambda a, b: a * b, lambda a, b: np.ones_like(a)),
)


@cache
def _simulation_constants() -> tuple[tuple[float, ...], float]:
    """Return the weights ``b_k`` and ``Var(f)``.

    Under independent features the main effects and the pure interactions are uncorrelated, so
    ``Var(f)`` is the sum of their variances. The forms are analytic, so Gauss-Legendre quadrature
    is exact up to rounding.
    """
    nodes, mass = np.polynomial.legendre.leggauss(40)
    nodes, mass = (nodes + 1) / 2, mass / 2
    main_effects = _MAIN[:, None] * (nodes - 0.5)  # (8, q)
    weights = []
    for k, (form, _) in enumerate(_FORMS):
        h = form(_LOW[k] + nodes[:, None], _LOW[k + 1] + nodes)
        by_first, by_second, mean = h @ mass, mass @ h, mass @ h @ mass
        pure = h - by_first[:, None] - by_second + mean
        weights.append(float(np.sqrt(_PURE_VARIANCES[k] / (mass @ pure**2 @ mass))))
        main_effects[k] += weights[k] * (by_first - mean)
        main_effects[k + 1] += weights[k] * (by_second - mean)
    return tuple(weights), float((main_effects**2 @ mass).sum() + _PURE_VARIANCES.sum())


def _simulation_function(X: ArrayLike) -> NDArray[np.float64]:
    """Return ``f(x) = sum_j m_j x_j + sum_k b_k h_k(x_k, x_{k+1})`` (Eq. 8)."""
    X = _check_features(X, 8)
    weights, _ = _simulation_constants()
    pairwise = (b * _FORMS[k][0](X[:, k], X[:, k + 1]) for k, b in enumerate(weights))
    return X @ _MAIN + sum(pairwise)


def _simulation_hessian(X: ArrayLike) -> NDArray[np.float64]:
    """Return ``b_k h_k''`` at the neighbours ``(k, k + 1)``, and 0 at every other pair."""
    X = _check_features(X, 8)
    pairs = pair_index(8)
    weights, _ = _simulation_constants()
    hessian = np.zeros((len(X), len(pairs)))
    for column in np.flatnonzero(pairs[:, 1] - pairs[:, 0] == 1):
        k = pairs[column, 0]
        hessian[:, column] = weights[k] * _FORMS[k][1](X[:, k], X[:, k + 1])
    return hessian


def make_interactions(
    n_samples: int = 1000,
    *,
    signal_to_noise: float | None = 1.0,
    random_state: Any = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64], Truth]:
    r"""Simulate eight features with seven interacting pairs, as in Section 5.1 of [1]_.

    .. math:: y = \sum_{j=1}^8 m_j x_j + \sum_{k=1}^7 b_k h_k(x_k, x_{k+1}) + \epsilon

    (Eq. 8), with :math:`x_1, x_3, x_5, x_6, x_8` uniform on (0.5, 1.5) and :math:`x_2, x_4, x_7`
    uniform on (-0.5, 0.5). The forms :math:`h_1 .. h_7` are :math:`x_1^2 x_2`, :math:`x_2^2 x_3`,
    :math:`x_4 / x_3`, :math:`\sin 3.3 (x_4 + x_5)`, :math:`\exp(x_5 x_6)`,
    :math:`x_6 \cos 2 \pi x_7` and :math:`x_7 x_8`; the weights :math:`b_k > 0` give the pure
    interactions (main effects removed) the variances 0.02, 0.035, 0.03, 0.12, 0.025, 0.16 and 0.06.
    The main weights are 1, -1.5, 0.8, 2, -1, 0.5, -1.2 and 0.9. The paper shows its forms and
    variances only in a figure, so this package has chosen these values. They keep the paper's order
    of strength, and :math:`h_2` and :math:`h_6` are symmetric, so that their Hessians average to
    zero.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of rows.
    signal_to_noise : float or None, default=1.0
        Var(f) / Var(noise), where f includes the main effects and Var(f) is the variance under the
        distribution, not in the sample. None or infinity means no noise.
    random_state : int, RandomState instance or None, default=None
        Seed. The same seed gives the same features at every `signal_to_noise`.

    Returns
    -------
    X : ndarray of shape (n_samples, 8)
    y : ndarray of shape (n_samples,)
    truth : Truth
        The seven pairs, f, and its exact Hessian.

    Raises
    ------
    TypeError, ValueError
        If `n_samples` is not a positive integer or `signal_to_noise` is not a positive number.

    References
    ----------
    .. [1] T. Cui, P. Marttinen and S. Kaski, "Learning global pairwise interactions with Bayesian
       neural networks", ECAI 2020.

    Examples
    --------
    >>> X, y, truth = make_interactions(200, signal_to_noise=3.0, random_state=0)
    >>> X.shape, y.shape, truth.pairs.tolist()[-1]
    ((200, 8), (200,), [6, 7])
    """
    check_scalar(n_samples, "n_samples", Integral, min_val=1)
    rng = check_random_state(random_state)
    X = _LOW + rng.uniform(size=(n_samples, 8))
    _, variance = _simulation_constants()
    y = _simulation_function(X) + _draw_noise(rng, n_samples, variance, signal_to_noise)
    pairs = np.column_stack([np.arange(7), np.arange(1, 8)])
    return X, y, Truth(pairs, 8, _simulation_function, _simulation_hessian)
