"""What a learner sees of a table: encoded columns, or the table as it was given."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skgeh.posteriors.trainer import Trainer
from skgeh.tables.features import Features
from skgeh.tables.frames import frame_of
from skgeh.tables.mixing import Mixing
from skgeh.tables.table import Table


@dataclass(frozen=True, eq=False)
class Seen:
    """What a learner sees of a table.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Encoded columns, or codes of the given ones.
    features : Features
        In these columns.
    framed : callable (m, d) -> table, optional
        What makes tables like the one that was given.
    alone : ndarray of bool of shape (f,)
        Whether a feature can be moved alone.
    """

    X: NDArray[np.float64]
    features: Features
    framed: Callable[[NDArray], Any] | None
    alone: NDArray[np.bool_]

    @classmethod
    def by(cls, learner: Any, table: Table, features: Features) -> "Seen":
        """Networks see encoded columns, other estimators see the table as it was given."""
        encoding = table.encoding
        alone = np.ones(len(features), dtype=bool)
        if isinstance(learner, Trainer) or (encoding.is_plain and not encoding.is_named):
            return cls(table.X, features, None, alone)
        if encoding.is_plain:
            framed = partial(frame_of, names=encoding.names, backend=table.frame_backend)
            return cls(table.X, features, framed, alone)
        mixing = Mixing.of(table)
        found, alone = mixing.features(features, encoding)
        return cls(mixing.codes, found, mixing, alone)
