"""The table and the pairs of a test: what it takes to be tested."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skgeh.geh.pairs import chosen_pairs, pair_index
from skgeh.tables.table import Table

MIN_ROWS = 100
MIN_CLASS = 10  # rows of the rarest class


def checked_table(X: Any, y: Any, labels: bool = False) -> Table:
    """Check a table that is to be cross-fitted; see `crossfit_test`."""
    return check_testable(Table.of(X, y, labels=labels, min_rows=1))


def check_testable(table: Table, min_rows: int = MIN_ROWS, min_class: int = MIN_CLASS) -> Table:
    """The table, unless it has too few rows, too rare a class or a constant target."""
    if len(table.X) < min_rows:
        raise ValueError(
            f"The test needs at least {min_rows} rows; got {len(table.X)}. "
            "BayesianInteractionRegressor ranks pairs from 8 rows on, without a test."
        )
    for column in table.constant_targets:
        which = "The target" if table.targets is None else f"Target {column}"
        raise ValueError(f"{which} is constant ({table.y[0, column]:g}): there is nothing to test.")
    if table.classes is not None:
        counts = np.bincount(table.strata)
        if counts.min() < min_class:
            raise ValueError(
                f"The test needs at least {min_class} rows of every class; got {counts.min()} of "
                f"{table.classes.tolist()[counts.argmin()]!r}. Put rare classes together, or leave "
                "them out."
            )
    return table


def asked_pairs(pairs: Any, table: Table) -> NDArray[np.intp]:
    """Pairs by name or place as sorted places, all of them by default, shape (P, 2)."""
    return pair_index(table.X.shape[1]) if pairs is None else chosen_pairs(pairs, table.labels)
