"""The table that a test is about, checked."""

import warnings
from dataclasses import dataclass
from typing import Any, Literal

import narwhals as nw
import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_X_y

from skgeh.pairs import pair_index
from skgeh.testing.nuisance import copies

MIN_ROWS = 100


@dataclass(frozen=True, eq=False)
class Table:
    """Features, target, and the pairs in question.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    y : ndarray of shape (n,)
    pairs : ndarray of shape (P, 2)
    copies : ndarray of shape (d,)
        First feature that each feature is a copy of; -1: constant.
    feature_names : tuple of str
    frame_backend : {"pandas", "polars"}
    """

    X: NDArray[np.float64]
    y: NDArray[np.float64]
    pairs: NDArray[np.intp]
    copies: NDArray[np.intp]
    feature_names: tuple[str, ...]
    frame_backend: Literal["pandas", "polars"]

    @classmethod
    def of(cls, X: Any, y: Any, pairs: Any = None, minimum: int = MIN_ROWS) -> "Table":
        """Check a table; see `crossfit_test` for the parameters."""
        columns = getattr(X, "columns", None)
        polars = nw.dependencies.is_polars_dataframe(X)
        values, target = check_X_y(X, y, dtype=np.float64, y_numeric=True, ensure_min_features=2)
        target = target.astype(np.float64)
        n, d = values.shape
        if n < minimum:
            raise ValueError(
                f"The test needs at least {minimum} rows; got {n}. BayesianInteractionRegressor "
                "ranks pairs from 8 rows on, without a test."
            )
        if np.ptp(target) == 0:
            raise ValueError(f"The target is constant ({target[0]:g}): there is nothing to test.")
        labels = tuple(f"x{j}" for j in range(d)) if columns is None else tuple(columns)
        named = all(isinstance(label, str) for label in labels)  # scikit-learn's rule
        names = labels if named else tuple(f"x{j}" for j in range(d))
        chosen = pair_index(d) if pairs is None else chosen_pairs(pairs, labels)
        first = copies(values)
        return cls(values, target, chosen, first, names, "polars" if polars else "pandas")

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
