"""AND and OR interactions of samples, and figures that summarise them."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from skgeh.symbolic.transforms import _n_players, _orders, or_reconstruction, zeta_transform

_SALIENT = 0.03  # threshold of a salient interaction, as a share of the change by all players
_EXPLAINED = 0.9


@dataclass(frozen=True, eq=False)
class AndOrInteractions:
    """A model's output as a sum of AND and OR interactions, exact up to `delta`.

    ``v(S) = I_and(empty) + sum_(T subset S) I_and(T) + sum_(T meets S) I_or(T) + delta(S)``, over
    T that are not empty. All arrays are in the unit of the output.

    Parameters
    ----------
    i_and, i_or : ndarray of shape (..., 2^n)
        Bit i of the last index is player i. ``i_and[..., 0]`` is the output without any player,
        ``i_or[..., 0]`` is 0.
    delta : ndarray of shape (..., 2^n)
        Unexplained part of every value, within the noise bound.
    gap : ndarray of shape (...)
        Duality gap: the sum of magnitudes exceeds the smallest possible sum by at most this share
        of it.
    state : tuple, optional
        State in which the search ended, for a warm start of the next search.

    Examples
    --------
    >>> from skgeh.symbolic import sparse_and_or
    >>> found = sparse_and_or([0.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 3.0], noise_bound=0.0)
    >>> np.allclose(found.reconstruct(), [0, 1, 1, 1, 0, 1, 1, 3], rtol=0, atol=1e-10)
    True
    """

    i_and: NDArray[np.float64]
    i_or: NDArray[np.float64]
    delta: NDArray[np.float64]
    gap: NDArray[np.float64]
    state: tuple | None = field(default=None, repr=False)

    @property
    def n_players(self) -> int:
        """Number of players n."""
        return _n_players(self.i_and)

    def reconstruct(self) -> NDArray[np.float64]:
        """The values of all subsets, including `delta`, shape (..., 2^n)."""
        return zeta_transform(self.i_and) + or_reconstruction(self.i_or) + self.delta

    @cached_property
    def merged(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """AND and OR interactions, each (..., 2^n), with single players counted as AND.

        For one player AND and OR are the same function, so its OR interaction is added to its AND
        interaction. Entry 0 of both is 0, because the empty set is not an interaction.
        """
        single = _orders(self.n_players) == 1
        i_and = self.i_and + np.where(single, self.i_or, 0.0)
        i_or = np.where(single, 0.0, self.i_or)
        i_and[..., 0] = i_or[..., 0] = 0.0
        return i_and, i_or

    @property
    def change(self) -> NDArray[np.float64]:
        """Change of the output by all players together, ``|v(N) - v(empty)|``, shape (...)."""
        total = self.i_and[..., 1:].sum(-1) + self.i_or[..., 1:].sum(-1)
        return np.abs(total + self.delta[..., -1] - self.delta[..., 0])

    def threshold(self, share: float = _SALIENT) -> float:
        """Threshold tau above which an interaction is salient: a share of the mean change."""
        return share * float(self.change.mean())

    def objective(self) -> NDArray[np.float64]:
        """Sum of all magnitudes, which the split minimises, shape (...)."""
        return np.abs(self.i_and[..., 1:]).sum(-1) + np.abs(self.i_or[..., 1:]).sum(-1)

    def salient(self, tau: float | None = None) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Which AND and which OR interactions are at least `tau` in magnitude, (..., 2^n) each.

        By default `tau` is `threshold()`.
        """
        tau = self.threshold() if tau is None else tau
        i_and, i_or = (np.abs(values) for values in self.merged)
        return (i_and >= tau) & (i_and > 0), (i_or >= tau) & (i_or > 0)

    def order_strength(self, tau: float | None = None, sign: str = "both") -> NDArray[np.float64]:
        """Sum of the magnitudes of salient interactions of every order.

        Parameters
        ----------
        tau : float, default=None
            Interactions of smaller magnitude are left out; `threshold()` if None.
        sign : {"both", "+", "-"}, default="both"
            "+" and "-" count only interactions of this sign; under "-" strengths are negative.

        Returns
        -------
        ndarray of shape (..., n)
            Order k at index k - 1, in the unit of the output.
        """
        if sign not in ("both", "+", "-"):
            raise ValueError(f"sign must be 'both', '+' or '-'; got {sign!r}.")
        kept = np.zeros_like(self.i_and)
        for values, salient in zip(self.merged, self.salient(tau), strict=True):
            size = {
                "both": np.abs(values),
                "+": np.maximum(values, 0.0),
                "-": np.minimum(values, 0.0),
            }[sign]
            kept += np.where(salient, size, 0.0)
        return _by_order(kept)

    def n_explaining(self, share: float = _EXPLAINED) -> NDArray[np.intp]:
        """Number of the strongest interactions that explain a share of the output.

        They explain the share of the variance over all subsets that their sum removes when it is
        subtracted from the values.

        Parameters
        ----------
        share : float, default=0.9
            Above 0, at most 1.

        Returns
        -------
        ndarray of shape (...)
            0 where the output does not vary; at most all 2^(n + 1) - 2 interactions.
        """
        if not 0 < share <= 1:
            raise ValueError(f"share must be above 0 and at most 1; got {share!r}.")
        shape, size = self.i_and.shape[:-1], self.i_and.shape[-1]
        values = self.reconstruct().reshape(-1, size)
        both = np.concatenate(self.merged, axis=-1).reshape(-1, 2 * size)
        counts = [_n_explaining(v, i, share) for v, i in zip(values, both, strict=True)]
        return np.array(counts, dtype=np.intp).reshape(shape)


def _by_order(strength: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum over the subsets of every order from 1 on, (..., 2^n) -> (..., n)."""
    n = _n_players(strength)
    return strength @ (_orders(n)[:, None] == np.arange(1, n + 1))


def _distribution(strength: NDArray[np.float64]) -> NDArray[np.float64]:
    """Strength by order as shares of their sum, (..., n); zeros where the sum is 0."""
    total = strength.sum(-1, keepdims=True)
    return np.divide(strength, total, out=np.zeros_like(strength), where=total > 0)


def _mean_order(strength: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean order, weighted by strength, (..., n) -> (...); NaN where the strengths are 0."""
    shares = _distribution(strength)
    mean = shares @ np.arange(1, strength.shape[-1] + 1)
    return np.where(shares.sum(-1) > 0, mean, np.nan)


def _n_explaining(v: NDArray, interactions: NDArray, share: float) -> int:
    """`AndOrInteractions.n_explaining` of one sample; interactions are AND, then OR, (2^(n+1),).

    Bisection is possible because the strongest m interactions leave less variance as m grows, apart
    from small steps back.
    """
    strongest = np.argsort(-np.abs(interactions), kind="stable")
    aim = (1 - share) * v.var() + 1e-12 * v.var()

    def left(m: int) -> float:
        kept = np.zeros_like(interactions)
        kept[strongest[:m]] = interactions[strongest[:m]]
        i_and, i_or = kept.reshape(2, -1)
        return float((v - zeta_transform(i_and) - or_reconstruction(i_or)).var())

    low, high = 0, int(np.count_nonzero(interactions))  # the answer is above low and at most high
    if left(0) <= aim:
        return 0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if left(middle) <= aim else (middle, high)
    return high
