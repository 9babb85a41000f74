"""Which pairs of features can be tested, and why others cannot."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from skgeh.tables.table import _copies

ALIKE = 0.99  # correlation from which on two features are nearly the same
SHOWN = 1e-8  # range of a column in standard units that is due to rounding


def reasons(
    X: NDArray, features: Sequence[Sequence[int]], pairs: NDArray, names: Sequence[str]
) -> NDArray:
    """Why pairs cannot be tested, by name; '' for those that can, shape (P,).

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Columns in standard units.
    features : sequence of sequences of int
        Columns of every feature.
    pairs : ndarray of shape (P, 2)
        Pairs of features.
    names : sequence of str
        Of the features.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(20, 2))
    >>> X = np.column_stack([x, x[:, 0], np.ones(20)])
    >>> found = reasons(X, [[0], [1], [2], [3]], np.array([[0, 1], [1, 2], [1, 3]]), "abcd")
    >>> found.tolist()
    ['', 'c is a copy of a', 'd is constant']
    """
    first = _copies(X)
    varies = np.ptp(X, axis=0) > SHOWN
    alone = np.array([len(own) == 1 for own in features])
    constant = np.array([not varies[list(own)].any() for own in features])
    owner = {own[0]: f for f, own in enumerate(features) if len(own) == 1}
    copied = {
        f: owner[int(first[own[0]])]
        for f, own in enumerate(features)
        if alone[f] and not constant[f] and int(first[own[0]]) in owner
    }
    copied = {f: of for f, of in copied.items() if f != of}
    line = np.array([own[0] for own in features])
    found = np.full(len(pairs), "", dtype=object)
    for place, (i, j) in enumerate(pairs.tolist()):
        for f in (i, j):
            if constant[f]:
                found[place] = f"{names[f]} is constant"
            elif f in copied:
                found[place] = f"{names[f]} is a copy of {names[copied[f]]}"
        if found[place] == "" and alone[i] and alone[j]:
            r = np.corrcoef(X[:, line[i]], X[:, line[j]])[0, 1]
            if abs(r) > ALIKE:
                found[place] = (
                    f"{names[j]} and {names[i]} are nearly the same: their interaction cannot be "
                    "told from curvature"
                )
    return found
