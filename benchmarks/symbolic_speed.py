"""Speed and exactness of symbolic interactions: transforms and noise theory.

All 2^n AND interactions are computed against the Moebius computation of shapiq, on the same values,
whose evaluation is not counted. Noise theory is compared with a dense Cholesky solve. CPU seconds
are on one thread.
"""

import time

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from benchmarks.measure import cpu_seconds
from skgeh.symbolic import (
    and_interactions,
    or_interactions,
    theoretical_interactions,
    zeta_transform,
)
from skgeh.symbolic.transforms import _masks, _orders


def run(quick: bool = False) -> list[dict]:
    rows = [transform(n) for n in ((4, 6) if quick else (10, 12))]
    rows += [theory(n) for n in ((4, 6) if quick else (6, 12))]
    return [*rows, large(12 if quick else 20)]


def transform(n: int) -> dict:
    from shapiq.game_theory.exact import ExactComputer

    v = np.random.default_rng(0).normal(size=1 << n)
    numbers = 1 << np.arange(n)

    def peer() -> NDArray:
        game = ExactComputer(lambda coalitions: v[coalitions @ numbers], n_players=n)
        start = time.process_time()
        found = game("Moebius", order=n)
        seconds.append(time.process_time() - start)
        return np.array([found[tuple(np.flatnonzero(subset))] for subset in _masks(n)])

    seconds: list[float] = []
    for _ in range(1 if n > 10 else 3):
        theirs = peer()
    ours = cpu_seconds({"and": lambda: and_interactions(v), "or": lambda: or_interactions(v)})
    return {
        "what": "AND interactions",
        "n": n,
        "ours, s": ours["and"],
        "OR, s": ours["or"],
        "peer": "shapiq",
        "peer, s": float(np.median(seconds)),
        "ratio": float(np.median(seconds)) / ours["and"],
        "error": float(np.abs(zeta_transform(and_interactions(v)) - v).max()),
        "difference": float(np.abs(theirs - and_interactions(v)).max()),
    }


def theory(n: int) -> dict:
    w, sigma2 = np.random.default_rng(0).normal(size=1 << n), 1e-3
    s = np.arange(1 << n)

    def dense() -> NDArray:
        J = ((s[:, None] & s) == s).astype(float)
        gram = J.T @ J
        factor = scipy.linalg.cho_factor(gram + np.diag(2.0 ** (n + _orders(n)) * sigma2))
        return scipy.linalg.cho_solve(factor, gram @ w)

    start = time.process_time()
    expected = dense()
    slow = time.process_time() - start
    fast = cpu_seconds({"ours": lambda: theoretical_interactions(w, sigma2)})["ours"]
    return {
        "what": "noise theory",
        "n": n,
        "ours, s": fast,
        "peer": "dense Cholesky solve",
        "peer, s": slow,
        "ratio": slow / fast,
        "difference": float(np.abs(theoretical_interactions(w, sigma2) - expected).max()),
    }


def large(n: int) -> dict:
    v = np.random.default_rng(0).normal(size=1 << n)
    jobs = {
        "theory": lambda: theoretical_interactions(v, 1e-3),
        "and": lambda: and_interactions(v),
        "or": lambda: or_interactions(v),
    }
    seconds = cpu_seconds(jobs, repeats=3)
    return {
        "what": "theory, AND and OR together",
        "n": n,
        "ours, s": sum(seconds.values()),
        "error": float(np.abs(zeta_transform(and_interactions(v)) - v).max()),
    }
