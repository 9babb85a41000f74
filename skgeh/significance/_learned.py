"""Shapes of pairs learned by refits, at rows that the refits did not learn from.

The shape of a pair is its component in any prediction function, anchored at one point (cut-HDMR).
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RegularGridInterpolator

from skgeh.geh.partition import Partition
from skgeh.significance._refits import NetworkRefit, Refit, Split

ROWS = 50_000  # rows predicted at once
GRID = 12  # quantiles of each feature that make the grid for many rows
MANY = 1000  # rows from which components are evaluated on the grid and interpolated

SCREENING_ROWS = 300
SCREENING_GROUPS = 8
SCREENED = 5000  # most pairs that can be screened for a model without Hessians


def pair_components(
    predict: Callable[[NDArray], NDArray],
    X: NDArray,
    anchor: NDArray,
    pairs: NDArray,
    twins: Sequence[NDArray[np.intp]],
) -> NDArray[np.float64]:
    """``f_ij(x) = g(x_i, x_j, c) - g(x_i, c) - g(x_j, c) + g(c)`` for each pair.

    Parameters
    ----------
    predict : callable (m, d) -> (m, c)
        g.
    X : ndarray of shape (n, d)
    anchor : ndarray of shape (d,)
        c, the values of the other features.
    pairs : ndarray of shape (q, 2)
    twins : sequence of d arrays of int
        For each feature, the columns that are copies of it, itself included; they move together.

    Returns
    -------
    ndarray of shape (n, q, c)
    """
    n = len(X)

    def at(*features: int, values: Sequence[NDArray]) -> NDArray:
        table = np.tile(anchor, (len(values[0]), 1))
        for feature, value in zip(features, values, strict=True):
            table[:, twins[feature]] = value[:, None]
        return table

    tables, many = [anchor[None]], n > MANY
    axes = {i: np.unique(np.quantile(X[:, i], np.linspace(0, 1, GRID))) for i in np.unique(pairs)}
    for i, axis in axes.items():
        tables.append(at(i, values=[axis if many else X[:, i]]))
    for i, j in pairs:
        if many:
            first, second = (g.ravel() for g in np.meshgrid(axes[i], axes[j], indexing="ij"))
        else:
            first, second = X[:, i], X[:, j]
        tables.append(at(i, j, values=[first, second]))
    values = predicted(predict, tables)
    center, single = values[0][0], dict(zip(axes, values[1:], strict=False))
    out = np.empty((n, len(pairs), values[0].shape[1]))
    for k, ((i, j), pair) in enumerate(zip(pairs, values[1 + len(axes) :], strict=True)):
        if not many:
            out[:, k] = pair - single[i] - single[j] + center
            continue
        grid = pair.reshape(len(axes[i]), len(axes[j]), -1)
        grid = grid - single[i][:, None] - single[j] + center
        if min(grid.shape[:2]) < 2:
            out[:, k] = 0.0  # a constant feature
            continue
        out[:, k] = RegularGridInterpolator((axes[i], axes[j]), grid)(X[:, [i, j]])
    return out


def predicted(predict: Callable, tables: Sequence[NDArray]) -> list[NDArray]:
    """Predictions for several tables, many rows at a time."""
    sizes = np.cumsum([len(table) for table in tables])
    rows = np.concatenate(tables)
    parts = [predict(rows[start : start + ROWS]) for start in range(0, len(rows), ROWS)]
    return np.split(np.concatenate(parts).astype(float), sizes[:-1])


def fold_shapes(
    one: Refit,
    X: NDArray,
    train: NDArray,
    test: NDArray,
    *,
    pairs: NDArray,
    twins: Sequence[NDArray],
    limit: int,
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Components at the test rows of the pairs that stand out on the training rows.

    Returns
    -------
    kept : ndarray of shape (k,)
        Indices of at most `limit` pairs.
    shapes : ndarray of shape (len(test), k, c)
    """
    anchor, kept = X[train].mean(0), np.arange(len(pairs))
    if len(pairs) > limit:
        strength = screening_strength(one, X[train[:SCREENING_ROWS]], anchor, pairs, twins)
        kept = np.sort(np.argsort(-strength, kind="stable")[:limit])
    return kept, pair_components(one, X[test], anchor, pairs[kept], twins)


def screening_strength(
    one: Refit, X: NDArray, anchor: NDArray, pairs: NDArray, twins: Sequence[NDArray]
) -> NDArray[np.float64]:
    """M-GEH for networks, or the spread of the component for other models, shape (P,)."""
    if isinstance(one, NetworkRefit):
        return one.effects(X, SCREENING_GROUPS)[pair_places(pairs, X.shape[1])]
    if len(pairs) > SCREENED:
        raise ValueError(
            f"{len(pairs)} pairs are too many to screen by predictions; the limit is {SCREENED}. "
            "Name fewer with pairs=[...], or use BayesianInteractionRegressor, whose Hessians "
            "screen all pairs at once."
        )
    few = X[: max(20, SCREENING_ROWS * 200 // len(pairs))]
    return pair_components(one, few, anchor, pairs, twins).std(0).mean(1)


def pair_places(pairs: NDArray, n_features: int) -> NDArray[np.intp]:
    """Indices of pairs in lexicographic order.

    Examples
    --------
    >>> from skgeh.geh.pairs import pair_index
    >>> pair_places(pair_index(5)[[2, 7]], 5).tolist()
    [2, 7]
    """
    i, j = pairs.T
    return i * (2 * n_features - i - 3) // 2 + j - 1


def half_shapes(
    one: Refit,
    X: NDArray,
    train: NDArray,
    test: NDArray,
    *,
    pairs: NDArray,
    twins: Sequence[NDArray],
    partition: Partition | None,
    points: NDArray,
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Components at the test rows and, for networks, group mean Hessians at the given points."""
    shapes = pair_components(one, X[test], X[train].mean(0), pairs, twins)
    if partition is None or not isinstance(one, NetworkRefit):
        return shapes, None
    hessians = one.group_hessians(X[points], partition)
    return shapes, hessians[..., pair_places(pairs, X.shape[1])]


def assemble(
    splits: Sequence[Split],
    answers: Sequence[tuple[NDArray, NDArray]],
    n_repeats: int,
    n_rows: int,
    n_pairs: int,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Put the answers of `fold_shapes` into their rows and pairs.

    Returns
    -------
    shapes : ndarray of shape (R, n, u, c)
        Shapes of the u pairs that any fold kept; 0 where the row's own fold did not keep the pair.
    kept : ndarray of bool of shape (R, K, n_pairs)
    """
    n_folds = len(splits) // n_repeats
    kept = np.zeros((n_repeats, n_folds, n_pairs), dtype=bool)
    for split, (mine, _) in enumerate(answers):
        kept[divmod(split, n_folds)][mine] = True
    union = np.flatnonzero(kept.any((0, 1)))
    shapes = np.zeros((n_repeats, n_rows, len(union), answers[0][1].shape[2]))
    for split, ((_, test), (mine, values)) in enumerate(zip(splits, answers, strict=True)):
        shapes[split // n_folds][np.ix_(test, np.searchsorted(union, mine))] = values
    return shapes, kept
