"""Features that can replace each other, so that a table cannot tell their interactions apart."""

import numpy as np
from numpy.typing import NDArray

from skgeh.geh.interactions import Interactions
from skgeh.tables.messages import warn

SAME = 0.9  # correlation from which one feature can replace another
DEPENDENT = 1e-3  # eigenvalue of the correlations below which some features determine another
INVOLVED = 0.1  # loading from which a feature belongs to such a set
MOST_FEATURES = 1000  # features at most; with more, nothing is checked
LEADING = 5  # first pairs of a table, which are checked
NAMED = 4  # other pairs that a warning names for each of them


def exchangeable(Z: NDArray) -> list[set[int]]:
    """Sets of features that can replace each other.

    Two features are a set if their correlation is at least 0.9 in absolute value. Several features
    are a set if one of them is nearly a linear combination of the others (an eigenvector of the
    correlations with an eigenvalue below 0.001). The second kind is only looked for if there are at
    least twice as many rows as features.

    Parameters
    ----------
    Z : ndarray of shape (n, d)
        In standard units; a column of zeros belongs to no set.

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
    """Warn if one of the first pairs of a table may stand for other pairs, and name these."""
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
            "Some features nearly determine each other, so a pair may stand for other pairs: "
            f"{'; '.join(lines)}. Keep one feature of each such set, or read these pairs together."
        )
