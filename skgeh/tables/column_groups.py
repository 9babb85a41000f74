"""Groups of columns that are one feature, such as the indicator columns of a category."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def resolve_groups(given: Any, names: Sequence[str], X: NDArray) -> dict[str, list[int]]:
    """Groups of columns by name, in the order of their first columns; all other columns are alone.

    Parameters
    ----------
    given : {"auto"}, None, dict or sequence
        Name: columns, or sequences of columns, each by name or place; "auto" looks for one-hot
        columns.
    names : sequence of d str
    X : ndarray of shape (n, d)

    Raises
    ------
    ValueError
        If a column is unknown, or in two groups.

    Examples
    --------
    >>> X = np.column_stack([np.arange(4.0), np.eye(2)[[0, 1, 1, 0]]])
    >>> resolve_groups("auto", ["age", "cat__sex_f", "cat__sex_m"], X)
    {'age': [0], 'cat__sex': [1, 2]}
    """
    if isinstance(given, str) and given == "auto":
        found = _one_hot_groups(names, X)
    elif given is None:
        found = {}
    else:
        found = _named_groups(given, names)
    taken = [column for columns in found.values() for column in columns]
    if len(taken) != len(set(taken)):
        raise ValueError(f"feature_groups must not share columns; got {given!r}.")
    alone = {names[j]: [j] for j in range(len(names)) if j not in set(taken)}
    if set(alone) & set(found):
        raise ValueError(f"A group and a column have the same name; got {given!r}.")
    return dict(sorted((found | alone).items(), key=lambda item: item[1][0]))


def _named_groups(given: Any, names: Sequence[str]) -> dict[str, list[int]]:
    """Groups that were given, as places of columns."""
    place = {j: j for j in range(len(names))} | {name: j for j, name in enumerate(names)}
    try:
        items = given.items() if isinstance(given, dict) else [(None, one) for one in given]
        found = {}
        for name, columns in items:
            if isinstance(columns, str):
                raise TypeError("a group is a sequence of columns")
            places = sorted(place[column] for column in columns)
            found["+".join(names[j] for j in places) if name is None else str(name)] = places
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            "feature_groups must be 'auto', None, or groups of columns by name or place, such as "
            f"{{'color': ['color_red', 'color_blue']}} or [[2, 3]]; got {given!r}."
        ) from error
    if not all(found.values()):
        raise ValueError(f"Each of feature_groups must have a column; got {given!r}.")
    return found


def _one_hot_groups(names: Sequence[str], X: NDArray) -> dict[str, list[int]]:
    """Columns of 0 and 1 that have a beginning up to a "_" in common, one of them 1 in every row.

    Names such as "cat__color_red" are those of a `ColumnTransformer` with a `OneHotEncoder`.
    """
    binary = [j for j in range(len(names)) if np.isin(X[:, j], (0.0, 1.0)).all()]
    found: dict[str, list[int]] = {}
    free = set(binary)
    ends = sorted({k for j in binary for k, letter in enumerate(names[j]) if letter == "_"})
    for end in ends:  # short beginnings first: a category may have a "_" in it
        by_beginning: dict[str, list[int]] = {}
        for j in sorted(free):
            if len(names[j]) > end + 1 and names[j][end] == "_":
                by_beginning.setdefault(names[j][: end + 1], []).append(j)
        for columns in by_beginning.values():
            if len(columns) > 1 and (X[:, columns].sum(1) == 1).all():
                found[_common_beginning([names[j] for j in columns])] = columns
                free -= set(columns)
    return found


def _common_beginning(names: Sequence[str]) -> str:
    """The longest beginning that names have in common, up to a "_".

    Examples
    --------
    >>> _common_beginning(["cat__color_red", "cat__color_rose"])
    'cat__color'
    """
    same = [letters[0] for letters in zip(*names, strict=False)]
    for k, letters in enumerate(zip(*names, strict=False)):
        if len(set(letters)) > 1:
            same = same[:k]
            break
    return "".join(same).rpartition("_")[0].rstrip("_")
