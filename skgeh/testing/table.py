"""The table that a test is about, checked."""

import warnings
from dataclasses import dataclass
from typing import Any, Literal

import narwhals as nw
import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_X_y
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from skgeh.pairs import pair_index
from skgeh.testing.nuisance import copies

MIN_ROWS = 100
MIN_CLASS = 10  # rows of the rarest class


@dataclass(frozen=True, eq=False)
class Table:
    """Features, target, and the pairs in question.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    y : ndarray of shape (n, c)
        Numbers; or of labels 0 and 1, one column for two classes and else one a class.
    pairs : ndarray of shape (P, 2)
    copies : ndarray of shape (d,)
        First feature that each feature is a copy of; -1: constant.
    feature_names : tuple of str
    frame_backend : {"pandas", "polars"}
    classes : ndarray of shape (C,), optional
        Labels, if the targets are labels.
    """

    X: NDArray[np.float64]
    y: NDArray[np.float64]
    pairs: NDArray[np.intp]
    copies: NDArray[np.intp]
    feature_names: tuple[str, ...]
    frame_backend: Literal["pandas", "polars"]
    classes: NDArray | None = None

    @classmethod
    def of(
        cls, X: Any, y: Any, pairs: Any = None, *, minimum: int = MIN_ROWS, labels: bool = False
    ) -> "Table":
        """Check a table; see `crossfit_test` for the parameters."""
        columns = getattr(X, "columns", None)
        polars = nw.dependencies.is_polars_dataframe(X)
        options = {"dtype": np.float64, "ensure_min_features": 2}
        values, target = check_X_y(X, y, y_numeric=not labels, multi_output=not labels, **options)
        n, d = values.shape
        if n < minimum:
            raise ValueError(
                f"The test needs at least {minimum} rows; got {n}. BayesianInteractionRegressor "
                "ranks pairs from 8 rows on, without a test."
            )
        classes = None
        if labels:
            target, classes = label_columns(target, MIN_CLASS if minimum == MIN_ROWS else 1)
        else:
            target = number_columns(target)
        keys = tuple(f"x{j}" for j in range(d)) if columns is None else tuple(columns)
        named = all(isinstance(key, str) for key in keys)  # scikit-learn's rule
        names = keys if named else tuple(f"x{j}" for j in range(d))
        chosen = pair_index(d) if pairs is None else chosen_pairs(pairs, keys)
        first = copies(values)
        backend: Literal["pandas", "polars"] = "polars" if polars else "pandas"
        return cls(values, target, chosen, first, names, backend, classes)

    @property
    def targets(self) -> list | None:
        """What the targets are called, if there are several: labels, or places from 0."""
        if self.y.shape[1] == 1:
            return None
        return list(range(self.y.shape[1])) if self.classes is None else self.classes.tolist()

    @property
    def strata(self) -> NDArray[np.intp] | None:
        """Class of every row, which folds have shares of; None for numbers."""
        if self.classes is None:
            return None
        return self.y[:, 0].astype(int) if self.y.shape[1] == 1 else self.y.argmax(1)

    @property
    def information(self) -> float:
        """What a row says of the target: 1, and less where a class is rare."""
        if self.strata is None:
            return 1.0
        counts = np.bincount(self.strata)
        return float(len(counts) * counts.min() / counts.sum())

    def warn_of_copies(self) -> None:
        """Name the features whose pairs are not tested."""
        names = self.feature_names
        twins = [
            f"{names[j]} of {names[first]}"
            for j, first in enumerate(self.copies)
            if first not in (j, -1)
        ]
        if twins:
            warnings.warn(
                f"Some features are copies: {', '.join(twins)}. Pairs with a copy are not tested, "
                "their p-value is 1; read those of the original.",
                UserWarning,
                stacklevel=3,  # the caller of the test
            )

    @property
    def testable(self) -> NDArray[np.bool_]:
        """Pairs of two features that vary and are no copies, shape (P,)."""
        original = self.copies == np.arange(len(self.copies))
        return original[self.pairs].all(1)

    @property
    def twins(self) -> list[NDArray[np.intp]]:
        """Columns that are copies of each feature, itself included."""
        return [
            np.flatnonzero(self.copies == first) if first >= 0 else np.array([j])
            for j, first in enumerate(self.copies)
        ]


def number_columns(target: NDArray) -> NDArray[np.float64]:
    """Numbers as columns (n, c), none of them constant."""
    if target.ndim == 1 or target.shape[1] == 1:
        target = column_or_1d(target, warn=True)[:, None]
    target = target.astype(np.float64)
    for column in np.flatnonzero(np.ptp(target, axis=0) == 0):
        which = "The target" if target.shape[1] == 1 else f"Target {column}"
        raise ValueError(f"{which} is constant ({target[0, column]:g}): there is nothing to test.")
    return target


def label_columns(target: NDArray, minimum: int = 1) -> tuple[NDArray[np.float64], NDArray]:
    """Labels as columns of 0 and 1, one for two classes and else one a class, and the classes.

    Examples
    --------
    >>> label_columns(np.array(["no", "yes", "no"]))[0].tolist()
    [[0.0], [1.0], [0.0]]
    """
    check_classification_targets(target)
    classes, codes, counts = np.unique(target, return_inverse=True, return_counts=True)
    if len(classes) < 2:
        raise ValueError(
            f"The target has one class only ({classes.tolist()[0]!r}): there is nothing to learn."
        )
    if counts.min() < minimum:
        raise ValueError(
            f"The test needs at least {minimum} rows of every class; got {counts.min()} of "
            f"{classes.tolist()[counts.argmin()]!r}. Put rare classes together, or leave them out."
        )
    columns = np.eye(len(classes))[codes]
    return (columns[:, 1:] if len(classes) == 2 else columns), classes


def chosen_pairs(pairs: Any, labels: tuple) -> NDArray[np.intp]:
    """Pairs of labels of columns, or of their indices, as sorted indices, each once.

    Examples
    --------
    >>> chosen_pairs([("c", "a"), (0, 1), (1, 0)], ("a", "b", "c")).tolist()
    [[0, 1], [0, 2]]
    """
    place = {j: j for j in range(len(labels))} | {label: j for j, label in enumerate(labels)}
    try:
        found = np.array([sorted((place[i], place[j])) for i, j in pairs])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            "pairs must be a sequence of two feature names or two whole numbers below "
            f"{len(labels)} each, such as [(0, 1)]; got {pairs!r}."
        ) from error
    if len(found) == 0 or (found[:, 0] == found[:, 1]).any():
        raise ValueError(f"pairs must name two different features each; got {pairs!r}.")
    return np.unique(found, axis=0)
