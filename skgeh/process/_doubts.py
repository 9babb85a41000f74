"""What speaks against p-values of a table, said by name: repeated rows, units, an order in time."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skgeh.geh.task import Task
from skgeh.process._null_model import NullModel

REPEATED = 0.02  # share of rows that may repeat others
CONTINUOUS = 0.5  # share of distinct values from which on equal rows are no chance
LEAST_GROUPS = 5  # values of a column that may name units
LEAST_SIZE, MOST_SIZE = 2.0, 50.0  # rows of each
LEAST_EFFECTIVE = 0.2  # share of the rows that must be left by weights
CORRELATED = 5.0  # standard errors of the correlation of neighbouring rows
NAMED = 3  # columns that are named at most


def doubts(task: Task, names: Sequence[str], models: Sequence[NullModel]) -> list[str]:
    """Sentences for a warning; none for a table without flaws, or without tests.

    Where units are known, nothing is said of them.

    Parameters
    ----------
    task : Task
    names : sequence of d str
        Of the feature that each column belongs to.
    models : sequence of NullModel
    """
    if task.units is not None or not models:
        return []
    repeated = _of_repeated_rows(task)
    others = [] if repeated else [_of_units(task, names), *map(_of_order, models)]
    return list(dict.fromkeys(filter(None, [repeated, _of_weights(task), *others])))


def _of_weights(task: Task) -> str:
    """Weights that leave few rows to decide."""
    effective = task.weight.sum() ** 2 / (task.weight @ task.weight)
    if effective > LEAST_EFFECTIVE * len(task.X):
        return ""
    return (
        f"Weights leave {effective:.0f} effective rows of {len(task.X)}: p-values are right only "
        "if these are precisions, that is, if noise is smaller where weights are larger."
    )


def _of_repeated_rows(task: Task) -> str:
    """Rows that are there more than once, if their values are too many for chance."""
    table = pd.DataFrame(np.column_stack([task.X, task.y]))
    again = int(table.duplicated().sum())
    once = table.drop_duplicates()
    if again <= REPEATED * len(table) or once.nunique().max() < CONTINUOUS * len(once):
        return ""
    return (
        f"{again} of {len(table)} rows are repeated: their features and targets are those of "
        "another row. Each counts as a row of its own, so that noise looks like an interaction. "
        "Drop the duplicate rows, or say by groups= which rows belong to one unit."
    )


def _of_units(task: Task, names: Sequence[str]) -> str:
    """A column whose values many rows share, and with them those of other columns."""
    counts = [len(np.unique(x)) for x in task.X.T]
    n = len(task.X)
    least = max(LEAST_GROUPS, n / MOST_SIZE)
    many = [j for j in range(len(counts)) if least <= counts[j] <= n / LEAST_SIZE]
    for j in sorted(many, key=lambda j: -counts[j]):
        codes = np.unique(task.X[:, j], return_inverse=True)[1]
        low = pd.DataFrame(task.X).groupby(codes).agg(["min", "max"]).to_numpy()
        constant = (low[:, ::2] == low[:, 1::2]).all(0)
        shared = [
            k
            for k in np.flatnonzero(constant).tolist()
            if names[k] != names[j] and counts[k] > LEAST_GROUPS
        ]
        if shared:
            others = ", ".join(list(dict.fromkeys(names[k] for k in shared))[:NAMED])
            return (
                f"Rows that share a value of {names[j]} also share that of {others}. If they "
                f"belong to one unit, such as a patient, p-values are too small: pass {names[j]}, "
                "or what names the units, as groups=. If one column is only derived from the "
                "other, all is well."
            )
    return ""


def _of_order(model: NullModel) -> str:
    """Residuals of neighbouring rows that are correlated."""
    rows = model.rows
    rest: NDArray[np.float64] = rows.residuals / np.sqrt(rows.left)
    middle = float(np.median(np.abs(rest)))
    rest = np.clip(rest / (middle or 1.0), -5, 5)
    rest -= rest.mean()
    r = float(rest[1:] @ rest[:-1]) / max(float(rest @ rest), np.finfo(float).tiny)
    if r < CORRELATED / np.sqrt(len(rest)):
        return ""
    return (
        f"Residuals of neighbouring rows have a correlation of {r:.2f}. If rows are in the order "
        "of time, or of units, they are not independent and p-values are too small: pass groups=, "
        "such as the day of every row. If the table is only sorted, all is well."
    )
