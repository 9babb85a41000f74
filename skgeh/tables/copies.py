"""Columns that say the same as others."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata


def copies(X: NDArray) -> NDArray[np.intp]:
    """First feature that each feature is a copy of, up to a monotone change of scale; -1: constant.

    Examples
    --------
    >>> x = np.array([3.0, 1.0, 2.0])
    >>> copies(np.column_stack([x, -5 * x, x**2 % 4, np.ones(3)])).tolist()
    [0, 0, 2, -1]
    """
    ranks = rankdata(X, axis=0) - (len(X) + 1) / 2
    first: dict[bytes, int] = {}
    found = []
    for j, rank in enumerate(ranks.T):
        moved = rank[rank != 0]
        key = (rank * np.sign(moved[0]) + 0.0).tobytes() if len(moved) else b""
        found.append(first.setdefault(key, j) if len(moved) else -1)
    return np.array(found)
