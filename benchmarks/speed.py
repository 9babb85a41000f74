"""Time of a fit with its first table against SHAP interaction values, and of the process alone.

Both start from X and y. Ours is the default fit and ``interactions_.to_frame()``. Theirs is
LightGBM with 300 trees, otherwise with its defaults, and SHAP interaction values of 500 rows. They
run in turn on one thread, after a small table of each; CPU seconds are medians, and the ratio is
the median of the ratios of neighbours. The tables are diabetes, 2000 random rows of bike sharing,
and 10000 rows of function 2 of Tsang et al. at S/N 1. The process alone has rows of that function
too; its ranking is a call of `rank_pairs`, and its table is ``interactions_``.
"""

import warnings

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_diabetes

from benchmarks.measure import cpu_seconds, gigaflops, matrix_product, seconds
from benchmarks.rivals import shap_plain
from skgeh import BayesianInteractionRegressor
from skgeh.datasets import load_bike_sharing, make_tsang
from skgeh.geh.score import rank_pairs

FUNCTION, SEED, REPEATS, TREES = 2, 0, 3, 300
PROCESS_GOALS = {500: 0.3, 2000: 1.0, 10_000: 3.0}  # CPU seconds of fit and ranking
GOALS = {"diabetes": 1.0, "bike sharing": 0.5, "F2, S/N 1": 0.5}  # of the ratio


def run(quick: bool = False) -> list[dict]:
    names = ["diabetes"] if quick else list(GOALS)
    sizes, repeats = ([200], 1) if quick else (list(PROCESS_GOALS), REPEATS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        ours(*tsang(100))  # what is set up on first use
        process(*tsang(100))
        shap_plain(*tsang(100), SEED)
        against = [against_shap(name, repeats) for name in names]
        return against + [of_process(n, repeats) for n in sizes]


def table(name: str) -> tuple[NDArray, NDArray, NDArray | None]:
    """Features, target, and units of the rows."""
    if name == "diabetes":
        return *load_diabetes(return_X_y=True), None
    return bike(2000, SEED) if name == "bike sharing" else (*tsang(10_000), None)


def bike(n: int, seed: int) -> tuple[NDArray, NDArray, NDArray]:
    """Random hours of bike sharing, and their days."""
    bikes = load_bike_sharing(as_frame=False)
    rows = np.random.default_rng(seed).permutation(len(bikes.data))[:n]
    return bikes.data[rows], bikes.target[rows], bikes.groups[rows]


def tsang(n: int) -> tuple[NDArray, NDArray]:
    return make_tsang(FUNCTION, n, signal_to_noise=1, random_state=SEED)[:2]


def ours(X: NDArray, y: NDArray, groups: NDArray | None = None) -> None:
    model = BayesianInteractionRegressor(random_state=0).fit(X, y, groups=groups)
    model.interactions_.to_frame()


def process(X: NDArray, y: NDArray) -> dict[str, float]:
    """CPU seconds of the Gaussian process's parts, from a fit of its own."""
    model = BayesianInteractionRegressor(posterior="gaussian_process", random_state=0)
    fit = seconds(lambda: model.fit(X, y))
    x = torch.as_tensor(model._points, dtype=torch.float32)
    effect = np.ones(X.shape[1] * (X.shape[1] - 1) // 2)  # it matters from 100 features on
    ranking = seconds(lambda: rank_pairs(model.posterior_, x, effect))
    return {"fit": fit, "ranking": ranking, "table": seconds(lambda: model.interactions_)}


def against_shap(name: str, repeats: int) -> dict:
    """Both in turn."""
    X, y, groups = table(name)
    pairs = [
        (seconds(lambda: ours(X, y, groups)), seconds(lambda: shap_plain(X, y, SEED, TREES)))
        for _ in range(repeats)
    ]
    mine, theirs = np.array(pairs).T
    return {
        "table": name,
        "rows": len(X),
        "d": X.shape[1],
        "what": "default against SHAP",
        "ours CPU s": float(np.median(mine)),
        "SHAP CPU s": float(np.median(theirs)),
        "ours / SHAP": float(np.median(mine / theirs)),
        "goal": GOALS[name],
        "product GFLOP/s": yardstick(),
    }


def of_process(n: int, repeats: int) -> dict:
    X, y = tsang(n)
    found = [process(X, y) for _ in range(repeats)]
    part = {name: float(np.median([one[name] for one in found])) for name in found[0]}
    return {
        "table": "F2, S/N 1",
        "rows": n,
        "d": X.shape[1],
        "what": "process alone",
        "ours CPU s": part["fit"] + part["ranking"],
        "goal": PROCESS_GOALS.get(n),
        "fit CPU s": part["fit"],
        "ranking CPU s": part["ranking"],
        "interactions_ CPU s": part["table"],
        "product GFLOP/s": yardstick(),
    }


def yardstick() -> float:
    return gigaflops(cpu_seconds({"product": matrix_product()}, repeats=1)["product"])
