"""The sparse split against momentum SGD, as in the authors' scripts, on one sample of a network.

The data are ten columns of breast cancer, with the noise bound at its default. SGD moves gamma and
delta with dense matrices at the best of several learning rates, which falls to a tenth on the way.
"Above the optimum" is above a proven lower bound. "ours, s" is the time to the default tolerance,
and "lower after, s" the time until ours is below the lowest of SGD. The ratio is to the latter. CPU
seconds are on one thread.
"""

import time
import warnings

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer
from sklearn.neural_network import MLPClassifier

from benchmarks.measure import cpu_seconds
from skgeh.symbolic import AndOrExplainer, sparse_and_or
from skgeh.symbolic.split import _projector
from skgeh.symbolic.transforms import _orders

RATES = (1e-7, 1e-6, 1e-5, 1e-4)  # of SGD, values in units of the largest
STEPS = 1500


def run(quick: bool = False) -> list[dict]:
    return split(6 if quick else 10, quick)


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
    _projector(n)  # made once for all samples and epochs
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
    sign = (-1.0) ** (_orders(size.bit_length() - 1)[:, None] - _orders(size.bit_length() - 1))
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
