"""How steady the number of groups is: ten fits of each table, which differ in their seed.

The models have the defaults, on the simulation of section 5.1 (signal to noise 1) and on
scikit-learn's diabetes table. Given a fit, nothing is random.
"""

import numpy as np
from sklearn.datasets import load_diabetes

from benchmarks.measure import cpu_seconds, gigaflops, matrix_product
from skgeh import BayesianInteractionRegressor
from skgeh.datasets import make_interactions


def run(quick: bool = False) -> list[dict]:
    tables = {"diabetes": load_diabetes(return_X_y=True)}
    for n in (300,) if quick else (2000, 20000):
        tables[f"simulation, n = {n}"] = make_interactions(n, signal_to_noise=1, random_state=0)[:2]
    return [choices(name, X, y, quick) for name, (X, y) in tables.items()]


def choices(name: str, X, y, quick: bool) -> dict:
    chosen = []
    for seed in range(2 if quick else 10):
        model = BayesianInteractionRegressor(random_state=seed, max_epochs=2 if quick else 55)
        chosen.append(model.fit(X, y).choose_n_groups()[0])
    return {
        "table": name,
        "M by seed": " ".join(map(str, chosen)),
        "mean": float(np.mean(chosen)),
        "sd": float(np.std(chosen, ddof=1)),
        "product GFLOP/s": gigaflops(cpu_seconds({"product": matrix_product()})["product"]),
    }
