"""Groups of columns that are one feature, such as the indicator columns of a category."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def resolve_groups(given: Any, names: Sequence[str], X: NDArray) -> dict[str, list[int]]:
    """Groups of columns by name, ordered by first column; every other column is its own group.

    Parameters
    ----------
    given : {"auto"}, None, dict or sequence
        A dict from group names to columns, or a sequence of groups; columns are given by name or
        index. "auto" looks for one-hot columns.
    names : sequence of d str
    X : ndarray of shape (n, d)

    Raises
    ------
    ValueError
        If a column is unknown or in two groups, or if a group is empty or has the name of a column
        outside the groups.

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
        raise ValueError(
            f"feature_groups must not share columns; got {given!r}. Put each column into one group."
        )
    alone = {names[j]: [j] for j in range(len(names)) if j not in set(taken)}
    if set(alone) & set(found):
        raise ValueError(
            "A group in feature_groups has the same name as a column outside the groups; got "
            f"{given!r}. Rename the group."
        )
    return dict(sorted((found | alone).items(), key=lambda item: item[1][0]))


def _named_groups(given: Any, names: Sequence[str]) -> dict[str, list[int]]:
    """The given groups, as column indices."""
    place = {j: j for j in range(len(names))} | {name: j for j, name in enumerate(names)}
    try:
        items = given.items() if isinstance(given, dict) else [(None, one) for one in given]
        found = {}
        for name, columns in items:
            if isinstance(columns, str):
                raise TypeError("a group must be a sequence of columns")
            places = sorted(place[column] for column in columns)
            found["+".join(names[j] for j in places) if name is None else str(name)] = places
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            "feature_groups must be 'auto', None, or groups of columns by name or index, such as "
            f"{{'color': ['color_red', 'color_blue']}} or [[2, 3]]; got {given!r}."
        ) from error
    if not all(found.values()):
        raise ValueError(
            f"Each group in feature_groups must have a column; got {given!r}. Drop empty groups."
        )
    return found


def _one_hot_groups(names: Sequence[str], X: NDArray) -> dict[str, list[int]]:
    """Groups of 0/1 columns that share a prefix up to a "_", exactly one of them 1 in every row.

    A `ColumnTransformer` with a `OneHotEncoder` gives names such as "cat__color_red".
    """
    binary = [j for j in range(len(names)) if np.isin(X[:, j], (0.0, 1.0)).all()]
    found: dict[str, list[int]] = {}
    free = set(binary)
    ends = sorted({k for j in binary for k, letter in enumerate(names[j]) if letter == "_"})
    for end in ends:  # short prefixes first: a category may contain a "_"
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
    """The longest prefix that all names share, up to a "_".

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
