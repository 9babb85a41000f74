"""Groups of columns that are one feature, such as the indicator columns of a category."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skgeh.tables.encoding import Encoding
from skgeh.tables.feature import Feature


def joined_features(given: Any, encoding: Encoding, X: NDArray) -> tuple[Feature, ...]:
    """Features of an encoded table, with those in a group as one.

    Parameters
    ----------
    given : {"auto"}, None, dict or sequence
        As in `_resolved`; columns are those of the table before it was encoded, or features.
    encoding : Encoding
    X : ndarray of shape (n, D)
        Encoded.

    Examples
    --------
    >>> X = np.column_stack([np.arange(4.0), np.eye(2)[[0, 1, 1, 0]]])
    >>> joined = joined_features([[1, 2]], Encoding.of(X), X)
    >>> [(feature.name, feature.kind, feature.columns) for feature in joined]
    [('x0', 'number', (0,)), ('x1+x2', 'category', (1, 2))]
    """
    features = encoding.features
    names = [feature.name for feature in features]
    firsts = X
    if not encoding.is_plain:
        plain = [len(feature.columns) == 1 and feature.is_number for feature in features]
        firsts = np.where(plain, X[:, [feature.columns[0] for feature in features]], 0.5)
    groups = _resolved(_by_feature(given, encoding), names, firsts)
    return tuple(
        features[places[0]] if len(places) == 1 and names[places[0]] == name
        else _joined(name, [features[place] for place in places], X)
        for name, places in groups.items()
    )  # fmt: skip


def _by_feature(given: Any, encoding: Encoding) -> Any:
    """Groups of columns as groups of places of features: a date stands for all its parts."""
    if given is None or isinstance(given, str):
        return given
    places: dict[Any, list[int]] = {}
    start = 0
    for column, (code, label) in enumerate(zip(encoding.codes, encoding.labels, strict=True)):
        own = list(range(start, start + len(code.features)))
        places |= {column: own, code.note.name: own, label: own}
        places |= {feature.name: [k] for feature, k in zip(code.features, own, strict=True)}
        start += len(own)
    try:
        items = given.items() if isinstance(given, Mapping) else enumerate(given)
        found = {
            name: [place for column in columns for place in places[column]]
            for name, columns in items
            if not isinstance(columns, str)
        }
    except (KeyError, TypeError, AttributeError):
        return given  # which is refused by name
    if len(found) < len(given):
        return given
    return found if isinstance(given, Mapping) else list(found.values())


def _joined(name: str, features: Sequence[Feature], X: NDArray) -> Feature:
    """Several features as one: a category if exactly one of 0/1 columns is 1 in every row."""
    columns = tuple(column for feature in features for column in feature.columns)
    own = X[:, list(columns)]
    neutral = tuple(own.mean(0).tolist())
    if not np.isin(own, (0.0, 1.0)).all() or not (own.sum(1) == 1).all():
        return Feature(name, "columns", columns, (), neutral)
    names = [feature.name for feature in features]
    beginning = _common_beginning(names)
    levels = [one[len(beginning) :].lstrip("_") if beginning else one for one in names]
    return Feature(name, "category", columns, tuple(levels), neutral)


def _resolved(given: Any, names: Sequence[str], X: NDArray) -> dict[str, list[int]]:
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
    >>> _resolved("auto", ["age", "cat__sex_f", "cat__sex_m"], X)
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
