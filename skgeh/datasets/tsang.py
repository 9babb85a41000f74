"""The ten functions of Tsang, Cheng and Liu (2018)."""

from functools import cache, partial
from itertools import combinations
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import qmc
from sklearn.utils import check_random_state, check_scalar

from skgeh.datasets.truth import Truth, _check_features, _draw_noise


def _tsang_3(x):
    return (
        np.exp(abs(x[1] - x[2])) + abs(x[2] * x[3]) - (x[3] ** 2) ** abs(x[4])
        + np.log(x[4] ** 2 + x[5] ** 2 + x[7] ** 2 + x[8] ** 2) + x[9] + 1 / (1 + x[10] ** 2)
    )  # fmt: skip


# number in the paper: (function of x[1] .. x[10], the sets of features that interact)
# fmt: off
_TSANG = {
    1: (lambda x: np.pi ** (x[1] * x[2]) * np.sqrt(2 * x[3]) - np.arcsin(x[4])
        + np.log(x[3] + x[5]) - x[9] / x[10] * np.sqrt(x[7] / x[8]) - x[2] * x[7],
        [(1, 2, 3), (2, 7), (3, 5), (7, 8, 9, 10)]),
    2: (lambda x: np.pi ** (x[1] * x[2]) * np.sqrt(2 * abs(x[3])) - np.arcsin(0.5 * x[4])
        + np.log(abs(x[3] + x[5]) + 1)
        + x[9] / (1 + abs(x[10])) * np.sqrt(abs(x[7]) / (1 + abs(x[8]))) - x[2] * x[7],
        [(1, 2, 3), (2, 7), (3, 5), (7, 8, 9, 10)]),
    3: (_tsang_3, [(1, 2), (2, 3), (3, 4), (4, 5, 7, 8)]),
    4: (lambda x: _tsang_3(x) + (x[1] * x[4]) ** 2,
        [(1, 2), (2, 3), (1, 4), (3, 4), (4, 5, 7, 8)]),
    5: (lambda x: 1 / (1 + x[1] ** 2 + x[2] ** 2 + x[3] ** 2) + np.sqrt(np.exp(x[4] + x[5]))
        + abs(x[6] + x[7]) + x[8] * x[9] * x[10],
        [(1, 2, 3), (4, 5), (6, 7), (8, 9, 10)]),
    6: (lambda x: np.exp(abs(x[1] * x[2]) + 1) - np.exp(abs(x[3] + x[4]) + 1)
        + np.cos(x[5] + x[6] - x[8]) + np.sqrt(x[8] ** 2 + x[9] ** 2 + x[10] ** 2),
        [(1, 2), (3, 4), (5, 6, 8), (8, 9, 10)]),
    7: (lambda x: (np.arctan(x[1]) + np.arctan(x[2])) ** 2 + np.maximum(x[3] * x[4] + x[6], 0)
        - 1 / (1 + (x[4] * x[5] * x[6] * x[7] * x[8]) ** 2)
        + (abs(x[7]) / (1 + abs(x[9]))) ** 5 + sum(x[1:]),
        [(1, 2), (3, 4, 6), (4, 5, 6, 7, 8), (7, 9)]),
    8: (lambda x: x[1] * x[2] + 2 ** (x[3] + x[5] + x[6]) + 2 ** (x[3] + x[4] + x[5] + x[7])
        + np.sin(x[7] * np.sin(x[8] + x[9])) + np.arccos(0.9 * x[10]),
        [(1, 2), (3, 5, 6), (3, 4, 5, 7), (7, 8, 9)]),
    9: (lambda x: np.tanh(x[1] * x[2] + x[3] * x[4]) * np.sqrt(abs(x[5])) + np.exp(x[5] + x[6])
        + np.log((x[6] * x[7] * x[8]) ** 2 + 1) + x[9] * x[10] + 1 / (1 + abs(x[10])),
        [(1, 2, 3, 4, 5), (5, 6), (6, 7, 8), (9, 10)]),
    10: (lambda x: np.sinh(x[1] + x[2]) + np.arccos(np.tanh(x[3] + x[5] + x[7]))
         + np.cos(x[4] + x[5]) + 1 / np.cos(x[7] * x[9]),
         [(1, 2), (3, 5, 7), (4, 5), (7, 9)]),
}
# fmt: on


def _tsang_features(unit: NDArray[np.float64], function: int) -> NDArray[np.float64]:
    """Move points of the unit cube to the range of the features of `function`."""
    low, high = np.full(10, -1.0), np.ones(10)
    if function == 1:  # its roots, logarithm and quotients need positive numbers
        low[:] = 0
        low[[3, 4, 7, 9]] = 0.6
    return low + (high - low) * unit


def _tsang_function(function: int, X: ArrayLike) -> NDArray[np.float64]:
    return _TSANG[function][0]([None, *_check_features(X, 10).T])


def _tsang_hessian(X: ArrayLike) -> NDArray[np.float64]:
    raise NotImplementedError(
        "The functions of make_tsang have kinks (|x6 + x7| interacts, with a second derivative of "
        "zero almost everywhere), so no exact Hessian is given. Compare with truth.labels instead, "
        "or use make_interactions."
    )


@cache
def _tsang_variance(function: int) -> float:
    """Return ``Var(f)`` over 2^16 Sobol points.

    The points are moved by half a cell; otherwise one would be 0, where F3 and F4 have a pole.
    """
    unit = qmc.Sobol(10, scramble=False).random_base2(16) + 2.0**-17
    return float(_tsang_function(function, _tsang_features(unit, function)).var())


def make_tsang(
    function: int = 1,
    n_samples: int = 1000,
    *,
    signal_to_noise: float | None = None,
    random_state: Any = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64], Truth]:
    """Draw from one of the ten test functions F1 .. F10 of Section 5 of [1]_.

    The ten features are uniform on (-1, 1). For F1 they are uniform on (0, 1), but x4, x5, x8 and
    x10 on (0.6, 1). The target is the plain value of the function; standardise it before comparing
    functions. Not only pairs interact, but also sets of three to five features; every pair inside
    such a set counts as true.

    Parameters
    ----------
    function : int, default=1
        Which function, 1 to 10.
    n_samples, signal_to_noise, random_state
        As in `make_interactions`; the default is no noise.

    Returns
    -------
    X : ndarray of shape (n_samples, 10)
    y : ndarray of shape (n_samples,)
    truth : Truth
        The pairs and f; ``truth.hessian`` raises NotImplementedError, because f has kinks.

    Raises
    ------
    TypeError, ValueError
        If `function` or `n_samples` is not an integer in its range, or `signal_to_noise` is not
        positive.

    References
    ----------
    .. [1] M. Tsang, D. Cheng and Y. Liu, "Detecting statistical interactions from neural network
       weights", ICLR 2018.

    Examples
    --------
    >>> X, y, truth = make_tsang(5, 100, random_state=0)
    >>> X.shape, truth.pairs.tolist()[:4]
    ((100, 10), [[0, 1], [0, 2], [1, 2], [3, 4]])
    """
    check_scalar(function, "function", Integral, min_val=1, max_val=10)
    check_scalar(n_samples, "n_samples", Integral, min_val=1)
    rng = check_random_state(random_state)
    X = _tsang_features(rng.uniform(size=(n_samples, 10)), function)
    variance = _tsang_variance(function)
    y = _tsang_function(function, X) + _draw_noise(rng, n_samples, variance, signal_to_noise)
    pairs = {(i - 1, j - 1) for group in _TSANG[function][1] for i, j in combinations(group, 2)}
    f = partial(_tsang_function, function)
    return X, y, Truth(np.array(sorted(pairs)), 10, f, _tsang_hessian)
