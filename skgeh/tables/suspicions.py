"""What is odd about the columns of a table, said by name: constants, copies, ids, leaks."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skgeh.tables.features import Features
from skgeh.tables.messages import listed

_LEAKING = 0.995  # share of the target's variance that one feature tells
_EXACT = 1 - 1e-8  # share that a sum of columns tells
_LEAST_ROWS = 200  # with fewer, a strong feature looks like a leak
_MOST_ROWS = 5000  # that are looked at for sums
_LEAST_PER_COLUMN = 5  # rows for every column of a sum
_VARIED, _OFTEN, _FAR = 20, 5, 2.0  # values, rows of a mark, and its distance in ranges


def suspicions(features: Features, y: NDArray) -> list[str]:
    """Sentences for warnings about features, at the rows of a table with targets y (n, c)."""
    found = [_of_constants(features), _of_copies(features), _of_ids(features)]
    found += [_of_nesting(features), _of_marks(features)]
    return [sentence for sentence in [*found, _of_leaks(features, y)] if sentence]


def _of_constants(features: Features) -> str:
    """Features that do not vary."""
    names = [features.names[j] for j in np.flatnonzero(features.copies < 0)]
    if not names:
        return ""
    return f"Constant features interact with nothing: {listed(names)}. Drop them."


def _of_copies(features: Features) -> str:
    """Features that are copies, whose pairs are not tested, or nearly."""
    names, sentence = features.names, ""
    exact = [
        f"{names[j]} of {names[first]}"
        for j, first in enumerate(features.copies)
        if first not in (j, -1)
    ]
    if exact:
        sentence = (
            f"Some features are copies: {listed(exact)}. Pairs with a copy are not tested; read "
            "the pairs of the original."
        )
    near = [
        f"{names[i]} and {names[j]}"
        for i, j in np.argwhere(np.triu(features.alike, 1)).tolist()
        if features.copies[i] == i and features.copies[j] == j
    ]
    if near:
        sentence += (
            f"{' ' * bool(exact)}Some features are nearly the same: {listed(near)}. What one does "
            "with a third, the other seems to do: keep one of them."
        )
    return sentence


def _of_ids(features: Features) -> str:
    """Whole numbers that are all different and count the rows."""
    names = []
    for name, columns in zip(features.names, features.columns, strict=True):
        x = features.X[:, columns[0]]
        if len(columns) > 1 or not np.allclose(x, np.round(x), rtol=1e-9, atol=1e-6):
            continue
        steps = np.diff(x)
        counts = round(np.ptp(x)) == len(x) - 1 == len(np.unique(np.round(x))) - 1
        if len(x) > 1 and (counts or (steps > 0).all() or (steps < 0).all()):
            names.append(name)
    if not names:
        return ""
    return (
        f"{listed(names)} {'counts' if len(names) == 1 else 'count'} the rows, as ids do: whole "
        "numbers that are all different, in order. Drop ids; a time is better given as a date."
    )


def _of_nesting(features: Features) -> str:
    """Categories that follow from others, as countries from cities."""
    several = [
        j
        for j, levels in enumerate(features.levels)
        if levels is not None and features.copies[j] == j
    ]
    found = []
    for j in several:
        codes = features.levels[j]
        assert codes is not None
        for k, (name, columns) in enumerate(zip(features.names, features.columns, strict=True)):
            own = _codes_of(features, k)
            if k == j or own is None or features.copies[k] != k or len(columns) > codes.max():
                continue
            first = np.zeros(codes.max() + 1, dtype=np.intp)
            first[codes] = own  # of every level, some row's
            if own.max() > 0 and (first[codes] == own).all():
                found.append(f"{name} from {features.names[j]}")
    if not found:
        return ""
    return (
        f"Some categories follow from others: {listed(found)}. What one does with a third, the "
        "other seems to do, so that neither may be found: keep one of them."
    )


def _codes_of(features: Features, place: int) -> NDArray[np.intp] | None:
    """Levels of a category or of a number with two values; None for other numbers."""
    if features.levels[place] is not None or len(features.columns[place]) > 1:
        return features.levels[place]
    values, codes = np.unique(features.X[:, features.columns[place][0]], return_inverse=True)
    return codes if len(values) == 2 else None


def _of_marks(features: Features) -> str:
    """Numbers such as -999, far from all others, that may stand for missing values."""
    found = []
    for name, columns in zip(features.names, features.columns, strict=True):
        x = features.X[:, columns[0]]
        for end, nearest in ((x.min(), np.min), (x.max(), np.max)):
            others = x[x != end]
            count = len(x) - len(others)
            if count < _OFTEN or len(others) == 0:
                continue
            away = abs(end - nearest(others)) > _FAR * np.ptp(others)
            if away and len(np.unique(others)) >= _VARIED - 1:
                found.append(f"{end:.4g} of {name} ({count} rows)")
    if not found:
        return ""
    return (
        f"Some values are far from all others, and frequent: {listed(found)}. If they stand for "
        "missing values, replace them by such."
    )


def _of_leaks(features: Features, y: NDArray) -> str:
    """Features that tell the target, alone or as a sum; of rows that are repeated, one counts."""
    rows = np.random.default_rng(0).permutation(len(y))[:_MOST_ROWS]
    again = pd.DataFrame(np.column_stack([features.X[rows], y[rows]])).duplicated().to_numpy()
    features, y = features.at(rows[~again]), y[rows[~again]]
    varying = y[:, y.std(0) > 0]
    if varying.shape[1] == 0 or len(y) < _LEAST_ROWS:
        return ""
    alone = [
        name
        for name, columns, levels in zip(
            features.names, features.columns, features.levels, strict=True
        )
        if max(_told(features.X[:, columns[0]], levels, one) for one in varying.T) > _LEAKING
    ]
    if alone:
        each = "tells the target nearly all by itself"
        return (
            f"{listed(alone)} {each if len(alone) == 1 else each.replace('tells', 'each tell')}. "
            "Drop what is only known after the target, or is computed from it."
        )
    summed = _summed(features, varying)
    if not summed:
        return ""
    return f"The target is a sum of {listed(summed)}, up to factors. Drop its parts."


def _told(x: NDArray, levels: NDArray | None, y: NDArray) -> float:
    """Share of the variance of y that x tells: by levels, or by neighbours in the order of x.

    Half the mean squared difference of neighbours estimates the variance given x (von Neumann).

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=1000)
    >>> round(_told(x, None, x**2), 2), abs(_told(x, None, np.roll(x, 1))) < 0.1
    (0.99, True)
    """
    codes = levels if levels is not None else np.unique(x, return_inverse=True)[1]
    n, k = len(y), int(codes.max()) + 1
    total = y.var() * n / (n - 1)
    if k < n / 2:
        counts = np.bincount(codes)
        inside = y @ y - np.square(np.bincount(codes, y)) @ (1 / np.maximum(counts, 1))
        return float(1 - inside / max(n - k, 1) / total)
    shuffled = np.random.default_rng(0).permutation(n)  # equal values in no order
    order = shuffled[np.argsort(codes[shuffled], kind="stable")]
    return float(1 - np.square(np.diff(y[order])).mean() / 2 / total)


def _summed(features: Features, y: NDArray) -> list[str]:
    """Numbers of which a target is a sum, up to rounding; none if there are too few rows."""
    numbers = [j for j, own in enumerate(features.columns) if len(own) == 1]
    numbers = [j for j in numbers if features.copies[j] == j]
    X = features.X[:, [features.columns[j][0] for j in numbers]]
    if not numbers or len(X) < _LEAST_PER_COLUMN * len(numbers):
        return []
    X = (X - X.mean(0)) / np.maximum(X.std(0), np.finfo(float).tiny)
    for target in (y - y.mean(0)).T:
        weights = np.linalg.lstsq(X, target, rcond=None)[0]
        rest = target - X @ weights
        if rest @ rest < (1 - _EXACT) * (target @ target):
            large = np.abs(weights) > 1e-3 * np.abs(weights).max()
            return [features.names[j] for j, one in zip(numbers, large, strict=True) if one]
    return []
