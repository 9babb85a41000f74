"""How steady the number of groups is under its seed: ten seeds on each fitted model.

The seed chooses the draws whose mean function is measured. The models have the defaults, on the
simulation of section 5.1 (signal to noise 1) and on scikit-learn's diabetes table.
"""

import numpy as np
import torch
from sklearn.datasets import load_diabetes

from benchmarks.measure import cpu_seconds, gigaflops, matrix_product
from skgeh import BayesianInteractionRegressor
from skgeh.datasets import make_interactions
from skgeh.geh.n_groups import find_n_groups


def run(quick: bool = False) -> list[dict]:
    tables = {"diabetes": load_diabetes(return_X_y=True)}
    for n in (300,) if quick else (2000, 20000):
        tables[f"simulation, n = {n}"] = make_interactions(n, signal_to_noise=1, random_state=0)[:2]
    return [choices(name, X, y, quick) for name, (X, y) in tables.items()]


def choices(name: str, X, y, quick: bool) -> dict:
    model = BayesianInteractionRegressor(random_state=0, max_epochs=2 if quick else 55).fit(X, y)
    x = torch.as_tensor(model._points, dtype=torch.float32)
    seeds = range(2 if quick else 10)
    chosen = [find_n_groups(model.posterior_, x, seed=seed)[0] for seed in seeds]
    return {
        "table": name,
        "M by seed": " ".join(map(str, chosen)),
        "mean": float(np.mean(chosen)),
        "sd": float(np.std(chosen, ddof=1)),
        "product GFLOP/s": gigaflops(cpu_seconds({"product": matrix_product()})["product"]),
    }
