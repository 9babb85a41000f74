"""Which rows count, which are held out, and at which rows interactions are measured."""

import numpy as np
from numpy.typing import NDArray

from skgeh.tables.messages import warn

MAX_HELD_OUT = 2000  # more would hardly improve the measured noise, and are lost for training
MAX_POINTS = 1000
_LARGEST = 1e50  # weight; squares of larger ones, or of their inverses, might overflow


def _counted_rows(weight: NDArray[np.float64], minimum: int) -> NDArray[np.bool_]:
    """Rows with a weight above zero, shape (n,).

    Raises
    ------
    ValueError
        If fewer than `minimum` rows count, or if the weights are too large or too small.

    Warns
    -----
    UserWarning
        If the weights sum to less than half the number of rows, since they are read as counts.

    Examples
    --------
    >>> _counted_rows(np.array([1.0, 0.0, 2.0]), minimum=2).tolist()
    [True, False, True]
    """
    counted = weight > 0
    n_rows, total = counted.sum(), weight.sum()
    if n_rows < minimum:
        raise ValueError(
            f"Found {n_rows} rows with a sample weight above zero while a minimum of {minimum} is "
            "required."
        )
    if not 1 / _LARGEST < total < _LARGEST:
        raise ValueError(
            f"The sample weights sum to {total:.3g}, which must be between {1 / _LARGEST:.3g} and "
            f"{_LARGEST:.3g}. Divide them by their mean."
        )
    if total < n_rows / 2:
        warn(
            f"The sample weights of {n_rows} rows sum to {total:.3g}. They are read as counts of "
            "rows, so the prior will outweigh the data. Divide them by their mean if they are not "
            "counts."
        )
    return counted


def held_out_rows(
    n_rows: int, n_networks: int, fraction: float, generator: np.random.Generator
) -> NDArray[np.intp]:
    """Rows that each network never trains on, disjoint between networks if there are enough rows.

    Returns
    -------
    ndarray of shape (n_networks, held out)

    Examples
    --------
    >>> held_out_rows(20, 3, 0.1, np.random.default_rng(0)).shape
    (3, 2)
    """
    size = min(max(1, round(fraction * n_rows)), MAX_HELD_OUT, n_rows - 1)
    order = generator.permutation(n_rows)
    return np.take(order, np.arange(n_networks * size), mode="wrap").reshape(-1, size)


def held_out_units(
    units: NDArray[np.intp], n_networks: int, fraction: float, generator: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The same for rows that come in units, which are held out as a whole, and what is left.

    Every network has the same number of rows of either kind, so some rows of larger units are in
    neither.

    Returns
    -------
    held_out : ndarray of shape (n_networks, held out)
    training : ndarray of shape (n_networks, m)

    Examples
    --------
    >>> held_out, training = held_out_units(
    ...     np.repeat(np.arange(10), 2), 3, 0.1, np.random.default_rng(0))
    >>> held_out.shape, training.shape, len(np.unique(held_out // 2))
    ((3, 2), (3, 18), 3)
    """
    n_rows, sizes = len(units), np.bincount(units)
    wanted = min(max(1, round(fraction * n_rows)), MAX_HELD_OUT, n_rows - 1)
    order = np.tile(generator.permutation(np.flatnonzero(sizes)), n_networks)
    held_out, training, start = [], [], 0
    for _ in range(n_networks):
        needed = 1 + int(np.searchsorted(np.cumsum(sizes[order[start:]]), wanted))
        count = min(needed, int(np.count_nonzero(sizes)) - 1)
        out = np.isin(units, order[start : start + count])
        held_out.append(generator.permutation(np.flatnonzero(out)))
        training.append(generator.permutation(np.flatnonzero(~out)))
        start += count
    return _of_equal_length(held_out), _of_equal_length(training)


def _of_equal_length(rows: list[NDArray[np.intp]]) -> NDArray[np.intp]:
    """As many of the rows for every network, in increasing order."""
    size = min(map(len, rows))
    return np.stack([np.sort(of_one[:size]) for of_one in rows])


def point_rows(
    held_out: NDArray[np.intp], weight: NDArray[np.float64], generator: np.random.Generator
) -> NDArray[np.intp]:
    """Up to 1000 rows to measure at: held-out rows in random order, then others.

    If weights differ, rows are taken in proportion to their weights, some of them repeatedly.

    Parameters
    ----------
    held_out : ndarray
        Rows that any network holds out.
    weight : ndarray of shape (n,)
        How often each row counts.
    generator : numpy Generator

    Examples
    --------
    >>> rows = point_rows(np.array([[4], [2]]), np.ones(6), np.random.default_rng(0))
    >>> sorted(rows[:2].tolist()), sorted(rows.tolist())
    ([2, 4], [0, 1, 2, 3, 4, 5])
    >>> heavy = point_rows(np.array([1]), np.array([1.0, 3.0]), np.random.default_rng(0))
    >>> np.bincount(heavy).tolist()
    [250, 750]
    """
    held = np.zeros(len(weight), dtype=bool)
    held[held_out] = True
    order = generator.permutation(len(weight))
    order = order[np.argsort(~held[order], kind="stable")]
    if np.ptp(weight) > 0:
        return in_proportion(order[: max(held.sum(), MAX_POINTS)], weight)
    return order[:MAX_POINTS]


def in_proportion(rows: NDArray[np.intp], weight: NDArray[np.float64]) -> NDArray[np.intp]:
    """1000 of the given rows in proportion to their weights, some of them repeatedly.

    Examples
    --------
    >>> np.bincount(in_proportion(np.array([2, 0]), np.array([1.0, 9.0, 3.0]))).tolist()
    [250, 0, 750]
    """
    shares = np.cumsum(weight[rows]) / weight[rows].sum()
    return rows[np.searchsorted(shares, (np.arange(MAX_POINTS) + 0.5) / MAX_POINTS)]
