"""Shapes of pairs learned by refits, at rows that the refits did not learn from.

The shape of a pair is its component in any prediction function, anchored at one point (cut-HDMR).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RegularGridInterpolator

from skgeh.geh.pairs import pair_places, to_matrix
from skgeh.geh.partition import Partition
from skgeh.significance._refits import NetworkRefit, Refit, Split
from skgeh.tables.features import Features

ROWS = 50_000  # rows predicted at once
GRID = 12  # quantiles of each feature that make the grid for many rows
MANY = 1000  # rows from which components are evaluated on the grid and interpolated

SCREENING_ROWS = 300
SCREENING_GROUPS = 8
SCREENED = 5000  # most pairs that can be screened for a model without Hessians


def pair_components(
    predict: Callable[[NDArray], NDArray],
    features: Features,
    anchor: NDArray,
    pairs: NDArray,
    twins: Sequence[NDArray[np.intp]],
) -> NDArray[np.float64]:
    """``f_ij(x) = g(x_i, x_j, c) - g(x_i, c) - g(x_j, c) + g(c)`` for each pair.

    Parameters
    ----------
    predict : callable (m, d) -> (m, c)
        g.
    features : Features
        At n rows.
    anchor : ndarray of shape (d,)
        c, the values of the other features.
    pairs : ndarray of shape (q, 2)
    twins : sequence of f arrays of int
        Columns of each feature and of copies of it, which move together.

    Returns
    -------
    ndarray of shape (n, q, c)
    """
    X, n = features.X, len(features.X)
    axes = {i: _Axis.of(features, i) if n > MANY else None for i in np.unique(pairs).tolist()}
    every = np.arange(n)

    def at(*moved: tuple[int, NDArray]) -> NDArray:
        table = np.tile(anchor, (len(moved[0][1]), 1))
        for feature, rows in moved:
            table[:, twins[feature]] = X[np.ix_(rows, twins[feature])]
        return table

    tables: dict[tuple, NDArray] = {(): anchor[None]}
    for i, j in pairs.tolist():
        first, second = axes[i], axes[j]
        if first is None or second is None:
            tables |= {(k, False): at((k, every)) for k in (i, j) if (k, False) not in tables}
            tables[i, j, False] = at((i, every), (j, every))
            continue
        for k, axis in ((i, first), (j, second)):
            tables.setdefault((k, True), at((k, axis.rows)))
        grid = np.meshgrid(first.rows, second.rows, indexing="ij")
        tables[i, j, True] = at((i, grid[0].ravel()), (j, grid[1].ravel()))
    values = dict(zip(tables, predicted(predict, list(tables.values())), strict=True))
    center = values[()][0]
    out = np.zeros((n, len(pairs), len(center)))
    for k, (i, j) in enumerate(pairs.tolist()):
        first, second = axes[i], axes[j]
        if first is None or second is None:
            out[:, k] = values[i, j, False] - values[i, False] - values[j, False] + center
        elif min(len(first.rows), len(second.rows)) > 1:  # otherwise a constant
            joint = values[i, j, True].reshape(len(first.rows), len(second.rows), -1)
            joint = joint - values[i, True][:, None] - values[j, True] + center
            places = np.column_stack([first.places, second.places])
            out[:, k] = RegularGridInterpolator((first.ticks, second.ticks), joint)(places)
    return out


@dataclass(frozen=True, eq=False)
class _Axis:
    """Rows that stand for the values of a feature.

    Parameters
    ----------
    rows : ndarray of shape (g,)
    ticks : ndarray of shape (g,)
        Their places on the axis, increasing.
    places : ndarray of shape (n,)
        Place of every row.
    """

    rows: NDArray[np.intp]
    ticks: NDArray[np.float64]
    places: NDArray[np.float64]

    @classmethod
    def of(cls, features: Features, j: int) -> "_Axis | None":
        """Levels of a category, quantiles of numbers; None for several columns of numbers."""
        levels, mine = features.levels[j], features.columns[j]
        if levels is None and len(mine) > 1:
            return None
        places = features.X[:, mine[0]] if levels is None else levels.astype(float)
        ticks, rows = np.unique(places, return_index=True)
        if levels is None and len(ticks) > GRID:
            some = np.quantile(places, np.linspace(0, 1, GRID), method="nearest")
            kept = np.isin(ticks, some)
            ticks, rows = ticks[kept], rows[kept]
        return cls(rows, ticks, places)


def anchor_of(features: Features) -> NDArray[np.float64]:
    """Means of numbers, and the most frequent level of each category, shape (d,)."""
    anchor = features.X.mean(0)
    for mine, levels in zip(features.columns, features.levels, strict=True):
        if levels is not None:
            anchor[mine] = features.X[np.argmax(levels == np.bincount(levels).argmax()), mine]
    return anchor


def predicted(predict: Callable, tables: Sequence[NDArray]) -> list[NDArray]:
    """Predictions for several tables, many rows at a time."""
    sizes = np.cumsum([len(table) for table in tables])
    rows = np.concatenate(tables)
    parts = [predict(rows[start : start + ROWS]) for start in range(0, len(rows), ROWS)]
    return np.split(np.concatenate(parts).astype(float), sizes[:-1])


def fold_shapes(
    one: Refit,
    train: NDArray,
    test: NDArray,
    *,
    pairs: NDArray,
    features: Features,
    limit: int,
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Components at the test rows of the pairs that stand out on the training rows.

    Returns
    -------
    kept : ndarray of shape (k,)
        Indices of at most `limit` pairs.
    shapes : ndarray of shape (len(test), k, c)
    """
    anchor, kept = anchor_of(features.at(train)), np.arange(len(pairs))
    if len(pairs) > limit:
        strength = screening_strength(one, features, train[:SCREENING_ROWS], anchor, pairs)
        kept = np.sort(np.argsort(-strength, kind="stable")[:limit])
    return kept, pair_components(one, features.at(test), anchor, pairs[kept], features.twins)


def screening_strength(
    one: Refit, features: Features, rows: NDArray, anchor: NDArray, pairs: NDArray
) -> NDArray[np.float64]:
    """M-GEH for networks, or the spread of the component for other models, shape (P,).

    That of categories is the norm over their columns.
    """
    if isinstance(one, NetworkRefit):
        effects = to_matrix(one.effects(features.X[rows], SCREENING_GROUPS), features.X.shape[1])
        squares = [
            (effects[np.ix_(features.columns[i], features.columns[j])] ** 2).sum()
            for i, j in pairs.tolist()
        ]
        return np.sqrt(squares)
    if len(pairs) > SCREENED:
        raise ValueError(
            f"{len(pairs)} pairs are too many to screen by predictions; the limit is {SCREENED}. "
            "Name fewer with pairs=[...], or use BayesianInteractionRegressor, whose Hessians "
            "screen all pairs at once."
        )
    few = features.at(rows[: max(20, SCREENING_ROWS * 200 // len(pairs))])
    return pair_components(one, few, anchor, pairs, features.twins).std(0).mean(1)


def half_shapes(
    one: Refit,
    train: NDArray,
    test: NDArray,
    *,
    pairs: NDArray,
    features: Features,
    partition: Partition | None,
    points: NDArray,
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Components at the test rows and, for networks, group mean Hessians at the given points.

    Pairs of features of several columns have no Hessian: NaN.
    """
    anchor = anchor_of(features.at(train))
    shapes = pair_components(one, features.at(test), anchor, pairs, features.twins)
    if partition is None or not isinstance(one, NetworkRefit):
        return shapes, None
    hessians = one.group_hessians(features.X[points], partition)
    single = np.array([len(mine) == 1 for mine in features.columns])[pairs].all(1)
    columns = np.array([mine[0] for mine in features.columns])[pairs]
    found = hessians[..., pair_places(columns, features.X.shape[1])]
    return shapes, np.where(single, found, np.nan)


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
