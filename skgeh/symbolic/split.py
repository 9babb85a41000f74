"""The sparsest split of a model's output into AND and OR interactions.

Let ``y(S) = v(S) - v(empty)`` for the subsets S that are not empty, let Z be the zeta transform
and M the OR reconstruction. The split solves

    minimise  ||a||_1 + ||b||_1   subject to   Z a + M b = y - delta,   |delta(S)| <= bound.

This is the problem of Ren et al. (NeurIPS 2024), written in a and b instead of the paper's gamma:
each pair of a and b comes from one gamma. The alternating direction method of multipliers takes
two steps in turn: a projection onto the equation, by a matrix that all samples share, and soft
thresholds with a clip. Its multipliers also give a lower bound on the optimum, which tells the
search when to stop.
"""

import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning

from skgeh.parallel import no_bar, progress_bar
from skgeh.symbolic.interactions import AndOrInteractions
from skgeh.symbolic.transforms import (
    _ZETA,
    _ZETA_TRANSPOSED,
    _kronecker,
    _kronecker_power,
    _n_players,
    _over_subsets,
    moebius_transform,
)

_MAX_SPLIT = 12  # players: the projection's matrix has (2^n)^2 entries
_RELAXATION = 1.7
_THRESHOLD = 0.02  # first soft threshold, in units of the largest value
_CHECK = 25  # steps between checks of the gap
_BALANCE = 1000  # first steps, in which the threshold may change; additive outputs need many

_Array = NDArray[np.float64]


def sparse_and_or(
    v: ArrayLike,
    noise_bound: float = 0.02,
    tol: float = 1e-3,
    *,
    max_iter: int = 4000,
    warm_start: AndOrInteractions | None = None,
    verbose: int = 0,
) -> AndOrInteractions:
    """Split outputs into the fewest, weakest AND and OR interactions that explain them.

    Parameters
    ----------
    v : array-like of shape (..., 2^n)
        Output for every subset of at most 12 players, in any unit; bit i of the index is player i.
        Pass samples together: they share the work that does not depend on them.
    noise_bound : float, default=0.02
        Largest unexplained part of every value, as a share of ``|v(N) - v(empty)|``.
    tol : float, default=1e-3
        Largest excess of the sum of magnitudes over the smallest possible sum, as a share of the
        latter. The search ends when the duality gap proves this bound for every sample.
    max_iter : int, default=4000
        Number of steps after which the search ends in any case.
    warm_start : AndOrInteractions, default=None
        Result for the same samples and a similar model, such as that of one epoch earlier.
    verbose : int or bool, default=0
        Whether to show progress bars with the time left.

    Returns
    -------
    AndOrInteractions
        With ``reconstruct()`` equal to `v` within rounding, and the proven ``gap``.

    Raises
    ------
    ValueError
        If `v` is not an array over subsets or a parameter is out of its range.

    Warns
    -----
    ConvergenceWarning
        If the gap is above 1 % and above `tol` after `max_iter` steps. `v` is still reproduced.

    References
    ----------
    Q. Ren et al., "Towards the Dynamics of a DNN Learning Symbolic Interactions", NeurIPS 2024.
    S. Boyd et al., "Distributed Optimization and Statistical Learning via the Alternating Direction
    Method of Multipliers", 2011.

    Examples
    --------
    >>> v = [0.0, 2.0, 2.0, 2.0]  # player 0 or player 1
    >>> sparse_and_or(v, noise_bound=0.0).i_or.round(2)
    array([0., 0., 0., 2.])
    """
    v = _over_subsets(v)
    n = _n_players(v)
    _check(n, noise_bound, tol, max_iter)
    shape = v.shape
    rows = v.reshape(-1, shape[-1])
    y = rows - rows[:, :1]
    bound = noise_bound * np.abs(y[:, -1:])
    scale = np.abs(y).max(1, keepdims=True)
    scale[scale == 0] = 1.0  # nothing to explain
    start = None if warm_start is None else _warm_state(warm_start, y.shape)
    search = _Search(y / scale, bound / scale, None if start is None else start.rescaled(scale))
    a, b, q, gap = search.run(tol, max_iter, progress_bar("AND and OR", verbose))
    if (worst := gap.max(initial=0.0)) > max(tol, 0.01):
        warnings.warn(
            f"The split is up to {100 * worst:.2g} % from the sparsest one after {max_iter} steps. "
            "For a closer one raise max_iter; if this one is close enough, raise tol.",
            ConvergenceWarning,
            stacklevel=2,
        )
    a, b, q = a * scale, b * scale, q * scale
    # whatever b and q are, AND interactions can make up for the rest exactly
    a = moebius_transform(y + q - _or_part(b))
    a[:, 0], b[:, 0] = rows[:, 0], 0.0
    i_and, i_or, delta = a.reshape(shape), b.reshape(shape), -q.reshape(shape)
    return AndOrInteractions(i_and, i_or, delta, gap.reshape(shape[:-1]), search.state(scale))


class _State:
    """State of a search: the split copies, their multipliers and the threshold."""

    def __init__(
        self, copies: list[_Array], duals: list[_Array], threshold: _Array, scale: Any = 1.0
    ):
        self.copies, self.duals, self.threshold, self.scale = copies, duals, threshold, scale

    @classmethod
    def cold(cls, y: _Array) -> "_State":
        """First state: copies and multipliers are 0."""
        copies, duals = ([np.zeros_like(y) for _ in range(3)] for _ in range(2))
        return cls(copies, duals, np.full((len(y), 1), _THRESHOLD))

    def rescaled(self, scale: _Array) -> "_State":
        """The same state with values in another unit; multipliers have no unit."""
        copies = [part * (self.scale / scale) for part in self.copies]
        duals = [part.copy() for part in self.duals]
        return _State(copies, duals, self.threshold.copy(), scale)


class _Search:
    """Search by alternating directions for rows y, with ``q = -delta`` within the bounds.

    ``Z a + M b = y + q`` must hold for (a, b, q); `copies` are sparse and within the bounds.
    """

    def __init__(self, y: _Array, bound: _Array, start: _State | None):
        self.y, self.bound, self.n = y, bound, _n_players(y)
        start = start or _State.cold(y)
        self.copies, self.duals, self.threshold = start.copies, start.duals, start.threshold
        self.best = self.feasible(self.copies)
        self.lower = np.zeros(len(y))

    def run(
        self, tol: float, max_iter: int, progress: Callable = no_bar
    ) -> tuple[_Array, _Array, _Array, _Array]:
        """Step until the gap of every row is proven to be at most `tol`."""
        gap = self.gap()
        for step in progress(range(max_iter), max_iter, "steps"):
            multiplier, primal, dual = self.step()
            if step % _CHECK != _CHECK - 1 and step != max_iter - 1:
                continue
            self.remember(multiplier)
            gap = self.gap()
            if (gap <= tol).all():
                break
            if step < _BALANCE:
                self.balance(primal, dual)
        return self.best[0], self.best[1], self.best[2], gap

    def step(self) -> tuple[_Array, _Array, _Array]:
        """Take one step; return the equation's multiplier, the primal and the dual residual."""
        moved = [z - u for z, u in zip(self.copies, self.duals, strict=True)]
        projected, multiplier = self.projected(*moved)
        old = self.copies
        relaxed = [
            _RELAXATION * x + (1 - _RELAXATION) * z + u
            for x, z, u in zip(projected, old, self.duals, strict=True)
        ]
        t = self.threshold
        self.copies = [
            _soft(relaxed[0], t),
            _soft(relaxed[1], t),
            np.clip(relaxed[2], -self.bound, self.bound),
        ]
        self.duals = [x - z for x, z in zip(relaxed, self.copies, strict=True)]
        return multiplier, _distance(projected, self.copies), _distance(old, self.copies)

    def projected(self, a: _Array, b: _Array, q: _Array) -> tuple[list[_Array], _Array]:
        """The nearest point that satisfies the equation, and its multiplier l.

        It is ``(a, b, q) - (Z', M', -1) l`` with ``(Z Z' + M M' + 1) l = Z a + M b - q - y``.
        """
        excess = _and_part(a) + _or_part(b) - q - self.y
        multiplier = np.zeros_like(excess)
        multiplier[:, 1:] = excess[:, 1:] @ _projector(self.n)
        for_and, for_or = _adjoint(multiplier)
        return [a - for_and, b - for_or, q + multiplier], multiplier

    def feasible(self, parts: list[_Array]) -> list[_Array]:
        """A split that satisfies the equation, a computed from the rest; then its objective."""
        _, b, q = parts
        q = np.clip(q, -self.bound, self.bound)  # the q of a warm start had other bounds
        q[:, 0] = 0.0
        a = moebius_transform(self.y + q - _or_part(b))
        a[:, 0] = 0.0
        return [a, b, q, np.abs(a).sum(1) + np.abs(b).sum(1)]

    def remember(self, multiplier: _Array) -> None:
        """Keep the best split and the best lower bound of every row."""
        new = self.feasible(self.copies)
        better = new[3] < self.best[3]
        rows = better[:, None]
        self.best = [np.where(rows, n, o) for n, o in zip(new[:3], self.best[:3], strict=True)] + [
            np.where(better, new[3], self.best[3])
        ]
        self.lower = np.maximum(self.lower, _dual_value(multiplier, self.y, self.bound))

    def gap(self) -> _Array:
        """Proven distance from the optimum of every row, as a share of it."""
        upper = self.best[3]
        zero = upper <= 1e-12  # in units of the largest value; there is nothing to explain
        return np.where(zero, 0.0, (upper - self.lower) / np.maximum(self.lower, 1e-300))

    def balance(self, primal: _Array, dual: _Array) -> None:
        """Change the threshold of rows in which one residual is far above the other."""
        factor = np.where(primal > 5 * dual, 0.5, np.where(dual > 5 * primal, 2.0, 1.0))[:, None]
        self.threshold = self.threshold * factor
        self.duals = [u * factor for u in self.duals]

    def state(self, scale: _Array) -> tuple:
        """State for a warm start."""
        return (_State(self.copies, self.duals, self.threshold, scale),)


def _dual_value(multiplier: _Array, y: _Array, bound: _Array) -> _Array:
    """Lower bound on the optimum: ``max l'y - bound |l|_1  with  |Z'l|, |M'l| <= 1``, any l scaled.

    The multiplier of a projection has the opposite sign.
    """
    largest = np.maximum(*(np.abs(part).max(1) for part in _adjoint(multiplier)))
    value = -(multiplier * y).sum(1) - (bound * np.abs(multiplier)).sum(1)
    return np.divide(value, largest, out=np.zeros_like(value), where=largest > 0)


def _and_part(a: _Array) -> _Array:
    """``Z a``: sums of a over the subsets of S. Entry 0 is 0."""
    return _kronecker(_ZETA, a)


def _or_part(b: _Array) -> _Array:
    """``M b``: sums of b over the subsets that meet S. Entry 0 is 0."""
    return b.sum(1, keepdims=True) - _kronecker(_ZETA, b)[:, ::-1]


def _adjoint(multiplier: _Array) -> tuple[_Array, _Array]:
    """``Z' l`` and ``M' l``, with entry 0 set to 0: the empty set is not an interaction."""
    for_and = _kronecker(_ZETA_TRANSPOSED, multiplier)
    missed = _kronecker(_ZETA_TRANSPOSED, multiplier[:, ::-1])
    for_or = multiplier.sum(1, keepdims=True) - missed
    for_and[:, 0] = for_or[:, 0] = 0.0
    return for_and, for_or


@lru_cache(maxsize=4)
def _projector(n: int) -> _Array:
    """Inverse of ``Z Z' + M M' + 1`` over the subsets that are not empty.

    ``(Z Z')(S, T) = 2^|S and T| - 1`` counts the sets inside both S and T; ``(M M')(S, T) = 2^n -
    2^(n - |S|) - 2^(n - |T|) + 2^(n - |S or T|)`` counts the sets that meet both.
    """
    both = _kronecker_power(((1.0, 1.0), (1.0, 2.0)), n)
    neither = _kronecker_power(((2.0, 1.0), (1.0, 1.0)), n)
    without = neither[0]  # 2^(n - |S|)
    gram = both - 1 + 2.0**n - without[:, None] - without + neither
    gram = gram[1:, 1:] + np.eye(len(gram) - 1)
    return np.linalg.inv(gram)


def _soft(x: _Array, threshold: _Array) -> _Array:
    """Shrink towards 0."""
    return x - np.clip(x, -threshold, threshold)


def _distance(x: list[_Array], z: list[_Array]) -> _Array:
    """Euclidean distance between the interactions in x and z, for every row."""
    return np.sqrt(sum(np.square(p - q).sum(1) for p, q in zip(x[:2], z[:2], strict=True)))


def _warm_state(result: AndOrInteractions, shape: tuple[int, ...]) -> _State:
    """State in which an earlier search ended; refuse that of other samples."""
    state = result.state[0] if result.state else None
    if state is None or state.copies[0].shape != shape:
        raise ValueError(
            f"warm_start must be a result of sparse_and_or for {shape[0]} samples and {shape[1]} "
            f"subsets, like v; got one of shape {result.i_and.shape}."
        )
    return state


def _check(n: int, noise_bound: float, tol: float, max_iter: int) -> None:
    """Refuse parameters out of their range."""
    if not 1 <= n <= _MAX_SPLIT:
        raise ValueError(
            f"The split is for 1 to {_MAX_SPLIT} players; got {n}. Put features into groups "
            "(`players`), or use and_interactions, which takes more players."
        )
    if not 0 <= noise_bound < 1:
        raise ValueError(f"noise_bound must be at least 0 and below 1; got {noise_bound!r}.")
    if not tol > 0 or max_iter < 1:
        raise ValueError(f"tol and max_iter must be above 0; got {tol!r} and {max_iter!r}.")
