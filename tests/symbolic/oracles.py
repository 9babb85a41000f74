"""The definitions, written as they are read; the linear program of the split; a model."""

import numpy as np
import scipy.sparse as sp
from scipy.optimize import linprog

from skgeh.symbolic.transforms import _masks


def subsets(s):
    """Every subset of a set given by its bits."""
    t = s
    while True:
        yield t
        if t == 0:
            return
        t = (t - 1) & s


def naive_and(v):
    return np.array(
        [sum((-1.0) ** (s ^ t).bit_count() * v[t] for t in subsets(s)) for s in range(len(v))]
    )


def naive_or(v):
    everyone = len(v) - 1
    found = [
        -sum((-1.0) ** (s ^ t).bit_count() * v[everyone ^ t] for t in subsets(s))
        for s in range(len(v))
    ]
    return np.array([v[0], *found[1:]])


def sparse_objective(v, bound):
    """Smallest sum of magnitudes, by HiGHS."""
    y, s = (v - v[0])[1:], np.arange(len(v))
    contains = ((s[:, None] & s) == s)[1:, 1:].astype(float)
    meets = ((s[:, None] & s) != 0)[1:, 1:].astype(float)
    m = len(y)
    A = np.hstack([contains, -contains, meets, -meets, np.eye(m)])
    bounds = [(0, None)] * (4 * m) + [(-bound, bound)] * m
    cost = np.r_[np.ones(4 * m), np.zeros(m)]
    return linprog(cost, A_eq=sp.csr_matrix(A), b_eq=y, bounds=bounds, method="highs").fun


def dense_theory(n, sigma2):
    """The matrix that takes converged interactions to learned ones."""
    s = np.arange(1 << n)
    J = ((s[:, None] & s) == s).astype(float)
    c = 2.0 ** np.bitwise_count(s) * sigma2
    return np.linalg.solve(J.T @ J + 2.0**n * np.diag(c), J.T @ J)


# Models to explain

X = np.random.default_rng(0).normal(size=(60, 4))
Y = (X[:, 0] * X[:, 1] + X[:, 2] > 0).astype(int)


def naive_values(function, x, baseline, groups):
    n = len(groups)
    values = []
    for subset in _masks(n):
        row = np.array(baseline, dtype=float).copy()
        for there, group in zip(subset, groups, strict=True):
            if there:
                row[group] = x[group]
        values.append(function(row[None])[0])
    return np.array(values)


def polynomial(rows):
    return rows[:, 0] * rows[:, 1] + np.maximum(rows[:, 2], rows[:, 3])
