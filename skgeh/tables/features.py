"""Features of a table: single columns, or groups of columns such as those of a category."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from skgeh.tables.column_groups import joined_features
from skgeh.tables.feature import Feature
from skgeh.tables.table import Table

_ALIKE = 0.99  # correlation from which on two features are nearly the same
_MOST_LEVELS = 0.5  # share of the rows; a group of columns with more distinct rows is no category


@dataclass(frozen=True, eq=False)
class Features:
    """Features, each a column or several that belong together.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    columns : sequence of f arrays of int
        Columns of each feature, disjoint.
    names : tuple of f str
    labels : tuple of f labels
        By which users may name features.
    levels : tuple of f arrays of int of shape (n,), or None
        Level of every row, in the order of appearance, for each category; None for numbers.
    parts : dict, optional
        Labels of given columns that became several features, such as dates, and these.
    """

    X: NDArray[np.float64]
    columns: tuple[NDArray[np.intp], ...]
    names: tuple[str, ...]
    labels: tuple
    levels: tuple[NDArray[np.intp] | None, ...]
    parts: Mapping[Any, Sequence[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, table: Table, given: Any = "auto") -> "Features":
        """Features of a table, with groups of columns as `joined_features` takes them."""
        return cls.joined(table, joined_features(given, table.encoding, table.X))

    @classmethod
    def joined(cls, table: Table, features: Sequence[Feature]) -> "Features":
        """Given features of a table."""
        encoding = table.encoding
        known = zip(encoding.features, encoding.feature_labels, strict=True)
        labels = {feature.name: label for feature, label in known}
        found = cls.named(table.X, {feature.name: feature.columns for feature in features})
        own = tuple(labels.get(feature.name, feature.name) for feature in features)
        dates = zip(encoding.labels, encoding.codes, strict=True)
        parts = {label: [one.name for one in code.features] for label, code in dates}
        several = {label: names for label, names in parts.items() if len(names) > 1}
        return replace(found, labels=own, parts=several)

    def asked(self, label: Any) -> list:
        """Labels of the features that a user means: a date stands for all its parts."""
        if label in self.labels or not isinstance(label, Hashable):
            return [label]
        return [one for one in self.parts.get(label, [label]) if one in self.labels] or [label]

    def asked_pairs(self, pairs: Any) -> Any:
        """Pairs of labels, with the parts of dates in place of these; None stays None."""
        try:
            return pairs and [
                pair for i, j in pairs for pair in product(self.asked(i), self.asked(j))
            ]
        except (TypeError, ValueError):
            return pairs  # which is refused with its reason

    @classmethod
    def named(cls, X: NDArray, groups: Mapping[str, Sequence[int]]) -> "Features":
        """Features of an array, with the columns of each by name."""
        columns = tuple(np.array(mine) for mine in groups.values())
        levels = tuple(_levels(X[:, mine]) if len(mine) > 1 else None for mine in columns)
        return cls(X, columns, tuple(groups), tuple(groups), levels)

    @classmethod
    def alone(cls, X: NDArray) -> "Features":
        """Every column a feature of its own."""
        d = X.shape[1]
        names = tuple(f"x{j}" for j in range(d))
        return cls(X, tuple(np.arange(d)[:, None]), names, names, (None,) * d)

    def __len__(self) -> int:
        return len(self.columns)

    @property
    def owners(self) -> list[str]:
        """Name of the feature that each column belongs to."""
        names = {
            int(column): name
            for name, mine in zip(self.names, self.columns, strict=True)
            for column in mine
        }
        return [names.get(j, f"column {j}") for j in range(self.X.shape[1])]

    def at(self, rows: NDArray | slice) -> "Features":
        """The same features at some of the rows."""
        levels = [
            None if mine is None else np.unique(mine[rows], return_inverse=True)[1]
            for mine in self.levels
        ]
        return replace(self, X=self.X[rows], levels=tuple(levels))

    def some(self, features: NDArray | slice) -> "Features":
        """Some of the features."""
        places = np.arange(len(self))[features].tolist()
        return Features(
            self.X,
            tuple(self.columns[j] for j in places),
            tuple(self.names[j] for j in places),
            tuple(self.labels[j] for j in places),
            tuple(self.levels[j] for j in places),
        )

    @cached_property
    def copies(self) -> NDArray[np.intp]:
        """Index of the first feature that each feature copies, shape (f,); -1 for constants."""
        first: dict[bytes, int] = {}
        keys = [_key(self.X[:, mine]) for mine in self.columns]
        return np.array([first.setdefault(key, j) if key else -1 for j, key in enumerate(keys)])

    @property
    def twins(self) -> list[NDArray[np.intp]]:
        """For each feature, its columns and those of copies of it."""
        found = []
        for j, first in enumerate(self.copies.tolist()):
            mine = [j] if first < 0 else np.flatnonzero(self.copies == first).tolist()
            found.append(np.concatenate([self.columns[k] for k in mine]))
        return found

    def testable(self, pairs: NDArray) -> NDArray[np.bool_]:
        """Whether both features of each pair vary, and are not copies or nearly, shape (P,)."""
        return np.asarray(self.reasons(pairs) == "")

    def reasons(self, pairs: NDArray) -> NDArray:
        """Why pairs cannot be tested, by name; '' for those that can, shape (P,)."""
        alike = self.alike
        found = np.full(len(pairs), "", dtype=object)
        for place, (i, j) in enumerate(pairs.tolist()):
            found[place] = self._flaw(i) or self._flaw(j)
            if not found[place] and alike[i, j]:
                found[place] = (
                    f"{self.names[j]} and {self.names[i]} are nearly the same: their interaction "
                    "cannot be told from curvature"
                )
        return found

    def _flaw(self, feature: int) -> str:
        """Why no pair of a feature can be tested, '' if pairs can."""
        first = int(self.copies[feature])
        if first < 0:
            return f"{self.names[feature]} is constant"
        if first != feature:
            return f"{self.names[feature]} is a copy of {self.names[first]}"
        return ""

    @cached_property
    def alike(self) -> NDArray[np.bool_]:
        """Whether two numbers are nearly the same, shape (f, f)."""
        found = np.zeros((len(self), len(self)), dtype=bool)
        numbers = [j for j, mine in enumerate(self.columns) if len(mine) == 1]
        numbers = [j for j in numbers if self.copies[j] >= 0]
        if len(numbers) > 1:
            lines = self.X[:, [self.columns[j][0] for j in numbers]]
            found[np.ix_(numbers, numbers)] = np.abs(np.corrcoef(lines, rowvar=False)) > _ALIKE
        return found


def _levels(columns: NDArray) -> NDArray[np.intp] | None:
    """Level of every row of a category, in the order of appearance, or None for no category.

    Examples
    --------
    >>> _levels(np.eye(3)[[2, 0, 2, 1, 1, 1]]).tolist()
    [0, 1, 0, 2, 2, 2]
    """
    _, first, codes = np.unique(columns, axis=0, return_index=True, return_inverse=True)
    if len(first) > max(2, _MOST_LEVELS * len(columns)):
        return None
    places = np.empty(len(first), dtype=np.intp)
    places[np.argsort(first)] = np.arange(len(first))
    return places[codes.ravel()]


def _key(columns: NDArray) -> bytes:
    """What copies of a feature, up to names of levels or a monotone transform, have in common.

    It is empty for constants.

    Examples
    --------
    >>> x = np.array([3.0, 1.0, 2.0])
    >>> _key(x[:, None]) == _key(-5 * x[:, None]), _key(np.ones((3, 1)))
    (True, b'')
    >>> _key(np.eye(2)[[0, 1, 0]]) == _key(np.array([[0.0], [1.0], [0.0]]))
    True
    """
    if (columns == columns[0]).all():
        return b""
    if columns.shape[1] > 1 or len(np.unique(columns)) == 2:
        levels = _levels(columns)
        return columns.tobytes() if levels is None else levels.astype(float).tobytes()
    rank = rankdata(columns[:, 0]) - (len(columns) + 1) / 2
    moved = rank[rank != 0]
    return (rank * np.sign(moved[0]) + 0.0).tobytes()
