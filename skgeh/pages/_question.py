"""What was asked of which table, in one sentence, and what the table has."""

from typing import Any

import numpy as np

from skgeh.pages._numbers import counted, number
from skgeh.pages._reading import Reading
from skgeh.tables.messages import listed

_MOST_CLASSES = 10  # classes or targets that are named


def question(reading: Reading) -> str:
    """The question, with rows, features and target.

    Parameters
    ----------
    reading : Reading
    """
    rows = counted(reading.n_rows, "row")
    if reading.n_units is not None:
        rows += f" of {counted(reading.n_units, 'unit')}"
    pairs = counted(len(reading.found.pairs), "pair")
    return (
        f"In a table of {rows}, which of the {pairs} of {len(reading.names)} features interact in "
        f"their effect on {reading.scale_name}?"
    )


def left_out(reading: Reading, X: Any) -> list[str]:
    """Rows and columns of a given table that the answer does not rest on, in sentences.

    Parameters
    ----------
    reading : Reading
    X : array-like or data frame, or None
    """
    if X is None:
        return []
    given = len(X) if hasattr(X, "__len__") else len(np.asarray(X))
    if given < reading.n_rows:
        return [
            f"The table given here has {counted(given, 'row')}; the model learned from "
            f"{counted(reading.n_rows, 'row')}."
        ]
    if given > reading.n_rows:
        gone = given - reading.n_rows
        return [
            f"{counted(gone, 'row')} of {given:,} {'is' if gone == 1 else 'are'} not in the "
            "answer: weights of 0, or rows that the model was not fitted on."
        ]
    return []


def target_in_words(reading: Reading, y: Any) -> str:
    """Mean and spread of a target, or the rows of each class; '' if they are not known.

    Parameters
    ----------
    reading : Reading
    y : array-like, or None
    """
    if reading.classes is not None:
        shares = _class_counts(reading, y)
        words = [f"{name} ({count:,})" for name, count in shares]
        return f"Classes, with their rows: {listed(words, _MOST_CLASSES)}."
    if y is None:
        return ""
    values = np.asarray(y, dtype=np.float64).reshape(len(np.asarray(y)), -1)
    names = reading.outputs or [reading.target_name]
    lines = [
        f"{name}: from {number(column.min())} to {number(column.max())}, mean "
        f"{number(column.mean())}, standard deviation {number(column.std())}"
        for name, column in zip(names, values.T, strict=False)
    ]
    return f"{'; '.join(lines[:_MOST_CLASSES])}."


def _class_counts(reading: Reading, y: Any) -> list[tuple[str, int]]:
    """Rows of every class, in the order of classes."""
    if y is None:
        ones = reading.tests.task.y.sum(0).round().astype(int).tolist()
        ones = [reading.n_rows - ones[0], *ones] if len(ones) == 1 else ones
        return [(str(name), n) for name, n in zip(reading.classes or [], ones, strict=True)]
    labels = np.asarray(y).ravel()
    return [(str(name), int((labels == name).sum())) for name in reading.classes or []]
