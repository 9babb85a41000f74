"""Features that can stand for each other: whose interactions no table can tell apart."""

import numpy as np
from numpy.typing import NDArray

from skgeh.geh.interactions import Interactions
from skgeh.tables.messages import warn

SAME = 0.9  # correlation from which on one feature stands for another
DEPENDENT = 1e-3  # eigenvalue of the correlations below which some features determine another
INVOLVED = 0.1  # loading from which on a feature takes part in that
MOST_FEATURES = 1000  # whose correlations are looked at
LEADING = 5  # pairs that are warned of
NAMED = 4  # others that are named


def exchangeable(Z: NDArray) -> list[set[int]]:
    """Sets of features that can stand for each other.

    Two features whose correlation is at least 0.9; or features of which one is a linear combination
    of the others (an eigenvector of the correlations with an eigenvalue below 0.001), which is
    looked for where there are twice as many rows as features.

    Parameters
    ----------
    Z : ndarray of shape (n, d)
        In standard units; a column of zeros is none's partner.

    Examples
    --------
    >>> a, b = np.random.default_rng(0).normal(size=(2, 500))
    >>> exchangeable(np.column_stack([a, b, -a, np.zeros(500)]))
    [{0, 2}]
    >>> exchangeable(np.column_stack([a, b, (a + b) / 2**0.5]))
    [{0, 1, 2}]
    """
    if Z.shape[1] > MOST_FEATURES:
        return []
    correlation = Z.T @ Z / len(Z)
    close = np.argwhere(np.triu(np.abs(correlation) >= SAME, 1))
    found = [set(pair) for pair in close.tolist()]
    if len(Z) < 2 * Z.shape[1]:
        return found
    varying = np.flatnonzero(correlation.diagonal() > DEPENDENT)
    values, vectors = np.linalg.eigh(correlation[np.ix_(varying, varying)])
    for vector in vectors.T[values < DEPENDENT]:
        members = set(varying[np.abs(vector) >= INVOLVED].tolist())
        if len(members) > 1 and members not in found:
            found.append(members)
    return found


def warn_of_exchangeable(found: Interactions, sets: list[set[int]]) -> None:
    """Name, for the first pairs of a table, the pairs that they may stand for."""
    names, lines = found.feature_names, []
    for i, j in found.pairs[found.order[:LEADING]].tolist():
        others = {
            tuple(sorted(pair))
            for one in [{i}, *(s for s in sets if i in s)]
            for two in [{j}, *(s for s in sets if j in s)]
            for pair in ((a, b) for a in one for b in two)
            if pair[0] != pair[1]
        } - {(i, j)}
        if others:
            named = [f"{names[a]} x {names[b]}" for a, b in sorted(others)]
            more = f" and {len(named) - NAMED} more" if len(named) > NAMED else ""
            lines.append(f"{names[i]} x {names[j]} for {', '.join(named[:NAMED])}{more}")
    if lines:
        warn(
            "Some features nearly determine each other, so that a pair may stand for others: "
            f"{'; '.join(lines)}. Keep one feature of each such set, or read these pairs together."
        )
