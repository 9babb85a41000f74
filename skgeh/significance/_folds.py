"""Folds of rows, and the number of pairs that they can support."""

from numbers import Integral

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_scalar

from skgeh.significance._refits import Split

SEQUENTIAL = (0.4, 0.6, 0.8)  # shares of the rows after which a test fold begins
MIN_FOLD = 20
MIN_UNITS = 5  # least number of units in a fold
ROWS_PER_PAIR = 10


def draw_folds(
    n_rows: int,
    cv: int | str,
    n_repeats: int,
    generator: np.random.Generator,
    strata: NDArray[np.intp] | None = None,
    units: NDArray[np.intp] | None = None,
) -> NDArray[np.intp]:
    """Fold of every row in each split, (R, n); -1 for rows that are only learned from.

    Each fold has its share of every stratum, which is the class of a row, and whole units.

    Examples
    --------
    >>> folds = draw_folds(100, "sequential", 3, np.random.default_rng(0))
    >>> folds.shape, np.bincount(folds[0] + 1).tolist()
    ((1, 100), [40, 20, 20, 20])
    """
    if isinstance(cv, str):
        if cv != "sequential":
            raise ValueError(f"cv must be a whole number of folds or 'sequential'; got {cv!r}.")
        if units is not None:
            _check_units(units, round(1 / min(np.diff(SEQUENTIAL))))
            shares = np.diff([0.0, *SEQUENTIAL, 1.0])
            return dealt_units(shares, units, strata, generator)[None] - 1
        parts = np.searchsorted(SEQUENTIAL, np.arange(n_rows) / n_rows, side="right") - 1
        if strata is None:
            return generator.permutation(parts)[None]
        return dealt(np.tile((0, -1, 1, -1, 2), -(-n_rows // 5))[:n_rows], strata, generator)[None]
    check_scalar(cv, "cv", Integral, min_val=2)
    if cv * MIN_FOLD > n_rows:
        raise ValueError(
            f"cv={cv} is too many folds for {n_rows} rows: each fold needs {MIN_FOLD} rows, so use "
            f"at most {n_rows // MIN_FOLD} folds."
        )
    if units is not None:
        _check_units(units, cv)
        shares = np.full(cv, 1 / cv)
        return np.stack([dealt_units(shares, units, strata, generator) for _ in range(n_repeats)])
    if strata is None:
        return np.stack([generator.permutation(n_rows) % cv for _ in range(n_repeats)])
    return np.stack([dealt(np.arange(n_rows) % cv, strata, generator) for _ in range(n_repeats)])


def dealt(
    parts: NDArray[np.intp], strata: NDArray[np.intp], generator: np.random.Generator
) -> NDArray[np.intp]:
    """Parts dealt to the rows of one stratum after another, in random order, shape (n,).

    Examples
    --------
    >>> folds = dealt(np.arange(8) % 2, np.repeat([0, 1], 4), np.random.default_rng(0))
    >>> folds[:4].sum(), folds[4:].sum()
    (np.int64(2), np.int64(2))
    """
    order = generator.permutation(len(strata))
    order = order[np.argsort(strata[order], kind="stable")]
    found = np.empty(len(strata), dtype=np.intp)
    found[order] = parts
    return found


def dealt_units(
    shares: NDArray,
    units: NDArray[np.intp],
    strata: NDArray[np.intp] | None,
    generator: np.random.Generator,
) -> NDArray[np.intp]:
    """Part of every row, with whole units in each part, and about its share of every stratum.

    Units are dealt in random order, larger ones first, each to the part that it fills least.

    Examples
    --------
    >>> parts = dealt_units(
    ...     np.full(2, 0.5), np.repeat(np.arange(4), 3), None, np.random.default_rng(0))
    >>> np.bincount(parts).tolist(), [len(set(parts[k : k + 3])) for k in (0, 3, 6, 9)]
    ([6, 6], [1, 1, 1, 1])
    """
    classes = np.zeros(len(units), dtype=np.intp) if strata is None else strata
    counts = np.zeros((units.max() + 1, classes.max() + 1))
    np.add.at(counts, (units, classes), 1)
    goal = shares[:, None] * counts.sum(0)
    filled, part = np.zeros(goal.shape), np.empty(len(counts), dtype=np.intp)
    order = generator.permutation(len(counts))
    for unit in order[np.argsort(-counts.sum(1)[order], kind="stable")]:
        cost = (((filled + counts[unit]) ** 2 - filled**2) / goal).sum(1)
        part[unit] = cost.argmin()
        filled[part[unit]] += counts[unit]
    return part[units]


def _check_units(units: NDArray[np.intp], n_parts: int) -> None:
    """Refuse too few units for so many parts."""
    count = len(np.unique(units))
    if count < MIN_UNITS * n_parts:
        raise ValueError(
            f"groups must have at least {MIN_UNITS * n_parts} units, {MIN_UNITS} for each of "
            f"{n_parts} parts; got {count}. Use fewer folds, or collect more units."
        )


def train_and_test(folds: NDArray) -> list[Split]:
    """Training and test rows of each fold; training rows are all others, or all earlier ones."""
    n_folds, past = folds.max() + 1, folds.min() < 0
    return [
        (np.flatnonzero(folds < k if past else folds != k), np.flatnonzero(folds == k))
        for k in range(n_folds)
    ]


def fold_rows(folds: NDArray) -> int:
    """Number of rows in one regression: all, or in a sequence those of the smallest fold."""
    return folds.shape[1] if folds.min() >= 0 else int(np.bincount(folds[folds >= 0]).min())


def pair_limit(
    folds: NDArray, n_candidates: int, max_pairs: int | None, information: float = 1.0
) -> int:
    """Number of pairs that each training set may name: all, if one regression can hold them."""
    rows = round(fold_rows(folds) * information)
    together = rows // ROWS_PER_PAIR
    each = together if folds.min() < 0 else together // 2  # training sets name different pairs
    if max_pairs is None:
        return n_candidates if n_candidates <= together else max(1, each)
    check_scalar(max_pairs, "max_pairs", Integral, min_val=1)
    if n_candidates <= min(max_pairs, together):
        return n_candidates
    if max_pairs > max(1, each):
        raise ValueError(
            f"max_pairs={max_pairs} is too many: with {rows} rows in a regression, each training "
            f"set may name at most {max(1, each)}. Lower max_pairs."
        )
    return int(max_pairs)
