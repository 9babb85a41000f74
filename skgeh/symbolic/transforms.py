"""Fast transforms over the subsets of n players: the last axis has 2^n entries, bit i is player i.

Every transform here is the n-fold Kronecker power of a 2 x 2 matrix, one factor per player, so
it takes O(n 2^n) operations. Taking a few players at a time turns it into small matrix products.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

_MAX_PLAYERS = 24
_BLOCK = 6  # players per matrix product; 64 x 64 stays in the cache
_MOEBIUS = ((1.0, 0.0), (-1.0, 1.0))
_ZETA = ((1.0, 0.0), (1.0, 1.0))
_ZETA_TRANSPOSED = ((1.0, 1.0), (0.0, 1.0))

_Factor = tuple[tuple[float, float], tuple[float, float]]


def moebius_transform(v: ArrayLike) -> NDArray[np.float64]:
    """Moebius transform ``a(S) = sum_(T subset S) (-1)^(|S| - |T|) v(T)``.

    Parameters
    ----------
    v : array-like of shape (..., 2^n)
        Values of all subsets, in any unit; bit i of the index says whether player i is present.

    Returns
    -------
    ndarray of shape (..., 2^n)
        In the unit of `v`; `zeta_transform` recovers `v`.

    Raises
    ------
    ValueError
        If the length of the last axis is not a power of two, or a value is not finite.

    Examples
    --------
    >>> moebius_transform([1.0, 3.0, 4.0, 10.0])  # nobody, player 0, player 1, both
    array([1., 2., 3., 4.])
    """
    return _kronecker(_MOEBIUS, _over_subsets(v))


def zeta_transform(a: ArrayLike) -> NDArray[np.float64]:
    """Zeta transform ``v(S) = sum_(T subset S) a(T)``, the inverse of `moebius_transform`.

    Parameters
    ----------
    a : array-like of shape (..., 2^n)

    Returns
    -------
    ndarray of shape (..., 2^n)

    Raises
    ------
    ValueError
        If the length of the last axis is not a power of two, or a value is not finite.

    Examples
    --------
    >>> zeta_transform([1.0, 2.0, 3.0, 4.0])
    array([ 1.,  3.,  4., 10.])
    """
    return _kronecker(_ZETA, _over_subsets(a))


def and_interactions(v: ArrayLike) -> NDArray[np.float64]:
    """AND interactions (Harsanyi dividends): effects that need all players of S to be present.

    Parameters
    ----------
    v : array-like of shape (..., 2^n)
        Output of a model with the players of each subset present, the others at their baseline.

    Returns
    -------
    ndarray of shape (..., 2^n)
        In the unit of the output; entry 0 is the output without any player.

    References
    ----------
    Q. Ren et al., "Towards the Dynamics of a DNN Learning Symbolic Interactions", NeurIPS 2024.

    Examples
    --------
    >>> and_interactions([0.0, 0.0, 0.0, 2.0])  # 2 if both players are there
    array([0., 0., 0., 2.])
    """
    return moebius_transform(v)


def or_interactions(v: ArrayLike) -> NDArray[np.float64]:
    """OR interactions: effects that appear as soon as one player of S is present.

    ``I(S) = -sum_(T subset S) (-1)^(|S| - |T|) v(N without T)`` for every S that is not empty.

    Parameters
    ----------
    v : array-like of shape (..., 2^n)

    Returns
    -------
    ndarray of shape (..., 2^n)
        In the unit of the output; entry 0 is the output without any player, so that
        `or_reconstruction` recovers `v`.

    References
    ----------
    Q. Ren et al., "Towards the Dynamics of a DNN Learning Symbolic Interactions", NeurIPS 2024.

    Examples
    --------
    >>> or_interactions([0.0, 2.0, 2.0, 2.0])  # 2 as soon as one player is there
    array([0., 0., 0., 2.])
    """
    v = _over_subsets(v)
    found = -_kronecker(_MOEBIUS, v[..., ::-1])
    found[..., 0] = v[..., 0]
    return found + 0.0  # no negative zeros


def or_reconstruction(i_or: ArrayLike) -> NDArray[np.float64]:
    """Values of all subsets from OR interactions, ``I(empty) + sum_(T meets S) I(T)``.

    Parameters
    ----------
    i_or : array-like of shape (..., 2^n)

    Returns
    -------
    ndarray of shape (..., 2^n)

    Examples
    --------
    >>> or_reconstruction(or_interactions([1.0, 3.0, 4.0, 10.0]))
    array([ 1.,  3.,  4., 10.])
    """
    i_or = _over_subsets(i_or)
    # T meets S unless it lies in the complement of S; the empty set cancels and is counted once
    missed = _kronecker(_ZETA, i_or)[..., ::-1]
    return i_or.sum(-1, keepdims=True) - missed + i_or[..., :1]


def _kronecker(factor: _Factor, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """The n-fold Kronecker power of a 2 x 2 matrix times x, over the last axis."""
    n = _n_players(x)
    shape, done = x.shape, 0
    for k in _blocks(n):
        power = _small_power(factor, k)
        if done == 0:  # one large product
            x = x.reshape(-1, 1 << k) @ power.T
        else:
            x = power @ x.reshape(-1, 1 << k, 1 << done)
        done += k
    return x.reshape(shape) if n else x.copy()


def _kronecker_power(factor: _Factor, k: int) -> NDArray[np.float64]:
    """Dense Kronecker power, (2^k, 2^k)."""
    power = np.ones((1, 1))
    for _ in range(k):
        power = np.kron(power, np.asarray(factor))
    return power


_small_power = lru_cache(maxsize=64)(_kronecker_power)


def _blocks(n: int) -> list[int]:
    """Numbers of players taken at a time; they sum to n and differ by at most one."""
    count = -(-n // _BLOCK)
    return [n // count + (k < n % count) for k in range(count)]


def _over_subsets(v: ArrayLike, name: str = "v") -> NDArray[np.float64]:
    """Values over subsets as float64; refuse any other array."""
    v = np.asarray(v)
    if v.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold real numbers; got an array of {v.dtype}.")
    v = v.astype(np.float64, copy=False)
    size = v.shape[-1] if v.ndim else 0
    if size == 0 or size & (size - 1) or size > 1 << _MAX_PLAYERS:
        raise ValueError(
            f"{name} must have 2^n values on its last axis, one per subset of n <= {_MAX_PLAYERS} "
            f"players; got shape {v.shape}."
        )
    if not np.isfinite(v).all():
        bad = int((~np.isfinite(v)).sum())
        raise ValueError(
            f"{name} must be finite; {bad} of {v.size} values are not. Check the outputs of "
            "the model for masked inputs."
        )
    return v


def _n_players(v: NDArray) -> int:
    """Number of players n of an array over subsets."""
    return v.shape[-1].bit_length() - 1


@lru_cache(maxsize=8)
def _orders(n: int) -> NDArray[np.intp]:
    """Order ``|S|`` of every subset, shape (2^n,)."""
    count = np.zeros(1, dtype=np.intp)
    for _ in range(n):
        count = np.concatenate([count, count + 1])
    count.flags.writeable = False
    return count


def _masks(n: int) -> NDArray[np.bool_]:
    """Which players are in each subset, shape (2^n, n)."""
    return (np.arange(1 << n)[:, None] >> np.arange(n) & 1).astype(bool)
