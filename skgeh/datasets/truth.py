"""Truth about a simulated data set, and its noise."""

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skgeh.geh.pairs import to_vector
from skgeh.tables.small_table import SmallTable

_PAIRS_SHOWN = 5


@dataclass(frozen=True, eq=False, repr=False)
class Truth:
    """Truth about a simulated target ``y = f(x) + noise``.

    Parameters
    ----------
    pairs : ndarray of shape (n_true, 2)
        The interacting pairs ``i < j``, in lexicographic order.
    n_features : int
        Number of features ``d``.
    function : callable
        ``function(X)``: the noise-free target ``f``, shape (n,), at ``X`` of shape (n, d).
    hessian : callable
        ``hessian(X)``: the exact second derivatives of ``f`` with respect to ``x_i`` and ``x_j``,
        shape (n, P), for all ``P = d (d - 1) / 2`` pairs in lexicographic order. It raises
        NotImplementedError if ``f`` has kinks (`make_tsang`).

    Examples
    --------
    >>> from skgeh.datasets import make_interactions
    >>> X, y, truth = make_interactions(5, signal_to_noise=None, random_state=0)
    >>> truth.pairs[:2].tolist(), truth.labels.shape, truth.hessian(X).shape
    ([[0, 1], [1, 2]], (28,), (5, 28))
    >>> bool((truth.function(X) == y).all())
    True
    """

    pairs: NDArray[np.intp]
    n_features: int
    function: Callable[[ArrayLike], NDArray[np.float64]]
    hessian: Callable[[ArrayLike], NDArray[np.float64]]

    def __repr__(self) -> str:
        names = self._names()
        more = ", ..." if len(names) > _PAIRS_SHOWN else ""
        listed = ", ".join(names[:_PAIRS_SHOWN]) or "no pair"
        return f"<Truth about {self.n_features} features, which interact: {listed}{more}>"

    def _repr_html_(self) -> str:
        title = f"Of {self.n_features} features, {len(self.pairs)} pairs interact"
        return SmallTable([""], [[name] for name in self._names()], title).html()

    def _names(self) -> list[str]:
        """The interacting pairs in words."""
        return [f"x{i} x x{j}" for i, j in self.pairs]

    @property
    def labels(self) -> NDArray[np.bool_]:
        """Which of all P pairs, in lexicographic order, interact; shape (P,)."""
        matrix = np.zeros((self.n_features, self.n_features), dtype=bool)
        matrix[self.pairs[:, 0], self.pairs[:, 1]] = True
        return to_vector(matrix)


def _check_features(X: ArrayLike, n_features: int) -> NDArray[np.float64]:
    """Return X as an array of floats; refuse it unless it has `n_features` columns."""
    X = np.asarray(X, dtype=np.float64)
    if X.ndim != 2 or X.shape[1] != n_features:
        raise ValueError(
            f"Expected X of shape (n, {n_features}), got shape {X.shape}. "
            "Pass one row per point, with the columns of the simulated data set."
        )
    return X


def _draw_noise(
    rng: np.random.RandomState, n_samples: int, variance: float, signal_to_noise: float | None
) -> NDArray[np.float64]:
    """Draw ``n_samples`` Gaussian values of variance ``Var(f) / SN``."""
    if signal_to_noise is None:
        return np.zeros(n_samples)
    is_number = isinstance(signal_to_noise, Real)
    if not is_number or not signal_to_noise > 0:
        raise (ValueError if is_number else TypeError)(
            f"Expected signal_to_noise to be a number above 0 or None, got {signal_to_noise!r}. "
            "Pass the ratio Var(f) / Var(noise), or None for no noise."
        )
    return rng.normal(scale=np.sqrt(variance / signal_to_noise), size=n_samples)
