"""Speed and exactness of symbolic interactions: transforms, sparse split, noise theory.

All 2^n AND interactions against the Moebius computation of shapiq, on the same values, whose asking
is not counted. The sparse split of a network on ten columns of breast cancer against momentum SGD
on gamma and delta with dense matrices, as in the authors' scripts, at the best of three learning
rates. "Above the optimum" is above a proven lower bound; "ours, s" is the time to the default
tolerance, "lower after, s" the time until ours is below the lowest of SGD, and the ratio is to it.
Noise theory against a dense Cholesky solve. CPU seconds on one thread.
"""

import time
import warnings

import numpy as np
import scipy.linalg
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer
from sklearn.neural_network import MLPClassifier

from benchmarks.measure import cpu_seconds
from skgeh.symbolic import (
    AndOrExplainer,
    and_interactions,
    or_interactions,
    sparse_and_or,
    theoretical_interactions,
    zeta_transform,
)
from skgeh.symbolic.split import projector
from skgeh.symbolic.transforms import masks, orders

RATES = (1e-4, 1e-3, 1e-2)  # of SGD, times the largest value
STEPS = 3000


def run(quick: bool = False) -> list[dict]:
    rows = [transform(n) for n in ((4, 6) if quick else (10, 12))]
    rows += [theory(n) for n in ((4, 6) if quick else (6, 12))]
    rows += [large(12 if quick else 20)]
    return rows + split(6 if quick else 10, quick)


def transform(n: int) -> dict:
    from shapiq.game_theory.exact import ExactComputer

    v = np.random.default_rng(0).normal(size=1 << n)
    numbers = 1 << np.arange(n)

    def peer() -> NDArray:
        game = ExactComputer(lambda coalitions: v[coalitions @ numbers], n_players=n)
        start = time.process_time()
        found = game("Moebius", order=n)
        seconds.append(time.process_time() - start)
        return np.array([found[tuple(np.flatnonzero(subset))] for subset in masks(n)])

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
        factor = scipy.linalg.cho_factor(gram + np.diag(2.0 ** (n + orders(n)) * sigma2))
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


def values(n: int) -> NDArray[np.float64]:
    """Log-odds of a network with a tenth of its labels wrong, one sample."""
    X, y = load_breast_cancer(return_X_y=True)
    X = ((X - X.mean(0)) / X.std(0))[:, :n]
    y = np.where(np.random.default_rng(0).random(len(y)) < 0.1, 1 - y, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # 100 epochs are enough here
        model = MLPClassifier((64, 64), max_iter=100, alpha=0, random_state=0).fit(X, y)
    return AndOrExplainer(model, baseline=0.0).values(X[:1], y[:1])[0]


def split(n: int, quick: bool) -> list[dict]:
    v = values(n)
    projector(n)  # made once for all samples and epochs
    rivals = {rate: descend(v, rate, 20 if quick else STEPS) for rate in RATES}
    rate = min(rivals, key=lambda rate: rivals[rate][0])
    theirs, slow = rivals[rate]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a short search says that it is one
        steps = next(
            k for k in (25, 50, 100, 200, 400, 800, 1600) if objective(v, max_iter=k) < theirs
        )
        jobs = {
            "default": lambda: sparse_and_or(v),
            "lower": lambda: sparse_and_or(v, tol=1e-12, max_iter=steps),
        }
        seconds = cpu_seconds(jobs, repeats=1 if quick else 3)
        longer = sparse_and_or(v, tol=1e-5, max_iter=100 if quick else 2000)
    found = sparse_and_or(v)
    bound = max(float(one.objective() / (1 + one.gap)) for one in (found, longer))
    return [
        {
            "what": "sparse split",
            "n": n,
            "ours, s": seconds["default"],
            "peer": f"momentum SGD, {STEPS} steps, rate {rate:g}",
            "peer, s": slow,
            "lower after, s": seconds["lower"],
            "ratio": slow / seconds["lower"],
            "above the optimum": float(found.objective()) / bound - 1,
            "peer above": theirs / bound - 1,
            "error": float(np.abs(found.reconstruct() - v).max()),
        }
    ]


def objective(v: NDArray, **options: float) -> float:
    return float(sparse_and_or(v, tol=1e-12, **options).objective())


def descend(v: NDArray, rate: float, steps: int) -> tuple[float, float]:
    """Lowest objective that SGD with momentum finds, and its CPU seconds.

    The interactions of single players count once as AND and once as OR, as in our objective.
    """
    size = len(v)
    s = np.arange(size)
    sign = (-1.0) ** (orders(size.bit_length() - 1)[:, None] - orders(size.bit_length() - 1))
    to_and = torch.tensor(((s[:, None] & s) == s) * sign, dtype=torch.float32)
    to_or = -to_and.flip(1).clone()
    to_or[0] = 0
    scale = float(np.abs(v - v[0]).max())
    y = torch.tensor((v - v[0]) / scale, dtype=torch.float32)
    bound = 0.02 * abs(float(y[-1]))
    gamma, delta = (torch.zeros(size, requires_grad=True) for _ in range(2))
    optimiser = torch.optim.SGD([gamma, delta], lr=rate, momentum=0.9)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimiser, 0.1 ** (1 / steps))
    best, start = np.inf, time.process_time()
    for _ in range(steps):
        with torch.no_grad():
            delta.clamp_(-bound, bound)
        half = (y - delta) / 2
        loss = (to_and @ (half + gamma))[1:].abs().sum() + (to_or @ (half - gamma))[1:].abs().sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        best = min(best, loss.item())
    return best * scale, time.process_time() - start
