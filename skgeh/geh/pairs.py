"""Pairs of features: their order, and conversion to and from a symmetric matrix."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def n_pairs(n_features: int) -> int:
    """Number of pairs ``P = d (d - 1) / 2``.

    Examples
    --------
    >>> n_pairs(8)
    28
    """
    return n_features * (n_features - 1) // 2


def pair_index(n_features: int) -> NDArray[np.intp]:
    """All pairs ``i < j`` in lexicographic order.

    Parameters
    ----------
    n_features : int
        Number of features ``d``.

    Returns
    -------
    ndarray of shape (P, 2)

    Examples
    --------
    >>> pair_index(3).tolist()
    [[0, 1], [0, 2], [1, 2]]
    """
    return np.column_stack(np.triu_indices(n_features, 1))


def pair_places(pairs: NDArray, n_features: int) -> NDArray[np.intp]:
    """Indices of pairs in lexicographic order.

    Examples
    --------
    >>> pair_places(pair_index(5)[[2, 7]], 5).tolist()
    [2, 7]
    """
    i, j = pairs.T
    return i * (2 * n_features - i - 3) // 2 + j - 1


def to_vector(matrix: NDArray) -> NDArray:
    """Upper triangle of the last two axes, in the order of `pair_index`.

    Parameters
    ----------
    matrix : ndarray of shape (..., d, d)

    Returns
    -------
    ndarray of shape (..., P)

    Examples
    --------
    >>> to_vector(np.array([[0, 1, 2], [1, 0, 3], [2, 3, 0]])).tolist()
    [1, 2, 3]
    """
    rows, columns = np.triu_indices(matrix.shape[-1], 1)
    return matrix[..., rows, columns]


def to_matrix(values: NDArray, n_features: int) -> NDArray:
    """Symmetric matrix with a zero diagonal, from one value per pair.

    Parameters
    ----------
    values : ndarray of shape (..., P)
    n_features : int

    Returns
    -------
    ndarray of shape (..., d, d)

    Examples
    --------
    >>> to_matrix(np.array([1, 2, 3]), 3).tolist()
    [[0, 1, 2], [1, 0, 3], [2, 3, 0]]
    """
    rows, columns = np.triu_indices(n_features, 1)
    matrix = np.zeros((*values.shape[:-1], n_features, n_features), dtype=values.dtype)
    matrix[..., rows, columns] = values
    matrix[..., columns, rows] = values
    return matrix


def chosen_pairs(pairs: Any, labels: tuple) -> NDArray[np.intp]:
    """Sorted unique pairs of indices from pairs of column labels or indices; None means all.

    Examples
    --------
    >>> chosen_pairs([("c", "a"), (0, 1), (1, 0)], ("a", "b", "c")).tolist()
    [[0, 1], [0, 2]]
    """
    if pairs is None:
        return pair_index(len(labels))
    place = {j: j for j in range(len(labels))} | {label: j for j, label in enumerate(labels)}
    try:
        found = np.array([sorted((place[i], place[j])) for i, j in pairs])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            "pairs must be a sequence of pairs, each of two feature names or two whole numbers "
            f"below {len(labels)}, such as [(0, 1)]; got {pairs!r}."
        ) from error
    if len(found) == 0 or (found[:, 0] == found[:, 1]).any():
        raise ValueError(f"Each of pairs must name two different features; got {pairs!r}.")
    return np.unique(found, axis=0)
