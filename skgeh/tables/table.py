"""The table that everything else works on: checked once, then passed along."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.exceptions import DataConversionWarning
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_X_y
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight

from skgeh.tables.encoding import Encoding
from skgeh.tables.frames import Backend
from skgeh.tables.messages import warn
from skgeh.tables.reading import Reading
from skgeh.tables.rows import _counted_rows

MIN_ROWS = 8
_MOST_VALUES = 20  # distinct whole numbers at most; with more, a step is nearly a slope
_TESTED_ROWS = 100  # least number of rows in a test
_TESTED_CLASS = 10  # least number of rows in the rarest class


@dataclass(frozen=True, eq=False)
class Table:
    """Features, targets and weights of the rows that count, with names and standard units.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    y : ndarray of shape (n, c)
        Numbers; for labels, 0 and 1 in one column for two classes, otherwise one column per class.
    weight : ndarray of shape (n,)
        How often each row counts, above 0.
    encoding : Encoding
        What the given columns are, and the names of the columns of X.
    given : Reading
        The columns as they were given, at the same rows.
    classes : ndarray of shape (C,), optional
        Labels, if the targets are labels.
    loss : {"squared_error", "poisson", "gamma"}
        Loss by which numbers are learned; the last two have a log link.

    Examples
    --------
    >>> X = np.arange(16.0).reshape(8, 2)
    >>> table = Table.of(X, ["no", "yes"] * 4, labels=True)
    >>> table.y.shape, table.classes.tolist(), table.encoding.column_names
    ((8, 1), ['no', 'yes'], ('x0', 'x1'))
    """

    X: NDArray[np.float64]
    y: NDArray[np.float64]
    weight: NDArray[np.float64]
    encoding: Encoding
    given: Reading
    classes: NDArray | None = None
    loss: str = "squared_error"
    units: NDArray[np.intp] | None = None

    @classmethod
    def of(
        cls,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        groups: Any = None,
        *,
        labels: bool = False,
        loss: str = "squared_error",
        min_rows: int = MIN_ROWS,
        reader: str | None = None,
        encoding: Encoding | None = None,
    ) -> "Table":
        """Check a table.

        Parameters
        ----------
        X : array-like or data frame of shape (n, d)
            With numbers, words, categories, booleans, dates and missing values; see `Encoding`.
        y : array-like of shape (n,) or (n, c)
        sample_weight : array-like of shape (n,), optional
            Rows of weight 0 are left out.
        groups : array-like of shape (n,), optional
            Unit of every row.
        labels : bool, default=False
            Whether y holds labels.
        loss : {"squared_error", "poisson", "gamma"}, default="squared_error"
            Loss of numbers, by which some values are refused.
        min_rows : int, default=8
        reader : str, optional
            Name of the caller, for error messages.
        encoding : Encoding, optional
            One that is known already.

        Raises
        ------
        ValueError
            If the table cannot be used; the message says what was expected.
        """
        given = Reading.of(X, reader)
        weight = _check_sample_weight(
            sample_weight, np.empty((given.n_rows, 1)), dtype=np.float64, ensure_non_negative=True
        )
        counted = weight > 0 if weight.any() else _counted_rows(weight, min_rows)
        known = given if counted.all() else given.at(counted)
        encoding = Encoding.of(known, reader) if encoding is None else encoding
        _check_kind(y, labels)
        values, target = check_X_y(
            encoding.transform(given),
            y,
            dtype=np.float64,
            y_numeric=not labels,
            multi_output=not labels,
            ensure_min_samples=min_rows,
            ensure_min_features=2,
            estimator=reader,
        )
        target, values = target[counted], values[counted]
        columns, classes = _label_columns(target) if labels else (_number_columns(target), None)
        weight = weight[_counted_rows(weight, min_rows)]
        units = None if groups is None else _unit_codes(groups, counted)
        _check_spread(values, encoding.column_names)
        _check_spread(columns, [f"target {k}" for k in range(columns.shape[1])])
        for k, column in enumerate(columns.T):
            _check_signs(column, loss, "y" if columns.shape[1] == 1 else f"target {k}")
        return cls(values, columns, weight, encoding, known, classes, loss, units)

    @property
    def targets(self) -> list | None:
        """Names of several targets: class labels, or indices from 0; None for one target."""
        if self.y.shape[1] == 1:
            return None
        return list(range(self.y.shape[1])) if self.classes is None else self.classes.tolist()

    @property
    def strata(self) -> NDArray[np.intp] | None:
        """Class of every row, by which folds are stratified; None for numbers."""
        return None if self.classes is None else codes_of(self.y)

    @property
    def information(self) -> float:
        """Information of a row about the target: 1, or less if a class is rare."""
        if self.strata is None:
            return 1.0
        counts = np.bincount(self.strata)
        return float(len(counts) * counts.min() / counts.sum())

    @property
    def constant_targets(self) -> NDArray[np.intp]:
        """Indices of targets that do not vary."""
        return np.flatnonzero(np.ptp(self.y, axis=0) == 0)

    @cached_property
    def x_scaler(self) -> StandardScaler:
        """Scaler of the features to standard units."""
        return standard_scaler().fit(self.X, sample_weight=self.weight)

    @cached_property
    def Z(self) -> NDArray[np.float64]:
        """Features in standard units, shape (n, d)."""
        return self.x_scaler.transform(self.X)

    @property
    def whole_columns(self) -> dict[int, float]:
        """Columns of 2 to 20 distinct whole numbers, with their highest value in standard units."""
        whole = [j for j, x in enumerate(self.X.T) if (x == x.round()).all()]
        few = [j for j in whole if 1 < len(np.unique(self.X[:, j])) <= _MOST_VALUES]
        return dict(zip(few, self.Z[:, few].max(0).tolist(), strict=True))

    @cached_property
    def y_scaler(self) -> StandardScaler:
        """Scaler of numeric targets to standard units."""
        return standard_scaler().fit(self.y, sample_weight=self.weight)

    @property
    def y_mean(self) -> NDArray[np.float64]:
        """Weighted means of the targets, shape (c,)."""
        return np.average(self.y, axis=0, weights=self.weight)

    @cached_property
    def target(self) -> NDArray[np.float64]:
        """Targets for learning, shape (n, c): in standard units, or labels as 0 and 1.

        For a loss with a log link, they are ratios to the mean.
        """
        if self.classes is not None:
            return self.y
        if self.loss != "squared_error":
            return self.y / self.y_mean
        return self.y_scaler.transform(self.y)

    def check_testable(
        self, min_rows: int = _TESTED_ROWS, min_class: int = _TESTED_CLASS
    ) -> "Table":
        """Return the table; refuse too few rows, too rare a class or a constant target."""
        if len(self.X) < min_rows:
            ranking = "BayesianInteractionRegressor needs only 8 rows to rank pairs without a test."
            raise ValueError(
                f"The test needs at least {min_rows} rows; got {len(self.X)}. "
                f"{ranking if min_rows > MIN_ROWS else 'Collect more rows.'}"
            )
        for column in self.constant_targets:
            which = "The target" if self.targets is None else f"Target {column}"
            raise ValueError(
                f"{which} is constant ({self.y[0, column]:g}): there is nothing to test. Check the "
                "target column."
            )
        counts = [min_class] if self.strata is None else np.bincount(self.strata).tolist()
        if self.classes is not None and min(counts) < min_class:
            raise ValueError(
                f"The test needs at least {min_class} rows of every class; got {min(counts)} of "
                f"{self.classes.tolist()[np.argmin(counts)]!r}. Merge rare classes, or leave them "
                "out."
            )
        return self

    def name_features_of(self, estimator: Any) -> None:
        """Set the number and the names of an estimator's features as scikit-learn's checks do."""
        estimator.n_features_in_ = len(self.given)
        estimator.__dict__.pop("feature_names_in_", None)
        if self.encoding.is_named:
            estimator.feature_names_in_ = np.array(self.encoding.names, dtype=object)

    @property
    def frame_backend(self) -> Backend:
        """Kind of data frame that results are returned in."""
        return self.given.backend


def standard_scaler() -> StandardScaler:
    """A scaler that gives arrays, whatever scikit-learn's global output is."""
    return StandardScaler().set_output(transform="default")


def _check_kind(y: Any, labels: bool) -> None:
    """Refuse dates, words in place of numbers, and missing labels."""
    values = np.asarray([] if y is None else y)  # None is refused later, by its name
    if values.dtype.kind in "mM":
        raise ValueError("y holds dates or times; a target is a number or a label.")
    if values.dtype.kind not in "OUS":
        return
    missing = int(pd.isna(values).sum())
    if labels and missing:
        raise ValueError(
            f"y has {missing} missing labels. Leave these rows out, or give them a label of their "
            "own."
        )
    words = [one for one in values.ravel().tolist() if isinstance(one, str)]
    if not labels and words:
        raise ValueError(
            f"y must hold numbers; got text such as {words[0]!r}. For labels, take a "
            "BayesianInteractionClassifier, or task='classification' in a test."
        )


def _check_spread(values: NDArray, names: Sequence[str]) -> None:
    """Refuse columns with a variance that is too large for a float64."""
    with np.errstate(over="ignore", invalid="ignore"):
        overflowing = np.flatnonzero(~np.isfinite(values.var(0)))
    for j in overflowing.tolist():
        raise ValueError(
            f"The variance of {names[j]} overflows: its values are as large as "
            f"{np.abs(values[:, j]).max():.3g}. Divide it by a constant."
        )


def _check_signs(y: NDArray, loss: str, name: str) -> None:
    """Refuse values of a target that a loss with a log link cannot have."""
    if loss == "poisson":
        needed, refused = "at least 0, and some above 0", (y < 0) if y.any() else y == 0
    elif loss == "gamma":
        needed, refused = "above 0", y <= 0
    else:
        return
    if refused.any():
        others = "loss='squared_error'" + (" or, for zeros, 'poisson'" if loss == "gamma" else "")
        raise ValueError(
            f"loss={loss!r} needs values of {name} {needed}; got values from {y.min():g} to "
            f"{y.max():g}, and {refused.sum()} of {len(y)} rows cannot be used. Correct these "
            f"rows or leave them out, or use {others}."
        )


def _unit_codes(groups: Any, counted: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Units of the rows that count, as whole numbers from 0.

    Examples
    --------
    >>> _unit_codes(["ann", "bob", "cy", "ann"], np.array([True, False, True, True])).tolist()
    [0, 1, 0]
    """
    labels = np.asarray(groups)
    if labels.shape != counted.shape:
        raise ValueError(
            f"groups must have one label for each of the {len(counted)} rows; got shape "
            f"{labels.shape}."
        )
    labels = labels[counted]
    if pd.isna(labels).any():
        raise ValueError(
            "groups must say for every row which unit it belongs to; got missing labels. Give each "
            "of these rows a label of its own, or leave them out."
        )
    names, codes = np.unique(
        labels.astype(str) if labels.dtype == object else labels, return_inverse=True
    )
    if len(names) < 2:
        raise ValueError(
            f"groups must have at least two units; got one ({names[0]!r}). Leave groups out if "
            "rows are independent."
        )
    return codes


def _number_columns(target: NDArray) -> NDArray[np.float64]:
    """Numbers as columns, shape (n, c)."""
    if target.ndim == 2 and target.shape[1] == 1:
        warn(
            "A column-vector y was passed when a 1d array was expected. Change its shape to (n,), "
            "for example by y.ravel().",
            DataConversionWarning,
        )
    return target.reshape(len(target), -1).astype(np.float64)


def _label_columns(target: NDArray) -> tuple[NDArray[np.float64], NDArray]:
    """Labels as columns of 0 and 1 (one for two classes, otherwise one per class), and the classes.

    Examples
    --------
    >>> _label_columns(np.array(["no", "yes", "no"]))[0].tolist()
    [[0.0], [1.0], [0.0]]
    """
    check_classification_targets(target)
    classes, codes = np.unique(target, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(
            f"The rows with a weight above zero have one class only ({classes.tolist()[0]!r}); a "
            "classifier needs at least two. Check the labels and the weights."
        )
    columns = np.eye(len(classes))[codes]
    return (columns[:, 1:] if len(classes) == 2 else columns), classes


def codes_of(columns: NDArray) -> NDArray[np.intp]:
    """Index of the class of every row, from columns of 0 and 1, shape (n,).

    Examples
    --------
    >>> codes_of(np.array([[0.0], [1.0]])).tolist(), codes_of(np.eye(3)[[2, 0]]).tolist()
    ([0, 1], [2, 0])
    """
    return columns[:, 0].astype(int) if columns.shape[1] == 1 else columns.argmax(1)
