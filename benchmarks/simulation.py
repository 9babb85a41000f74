"""The simulation of the paper's section 5.1 with the defaults: CPU seconds and AUC over 28 pairs.

It has 20000 rows, signal to noise 1 and seeds 100 to 104. A whole fit and its interactions run on
one thread.
"""

import time

from sklearn.metrics import roc_auc_score

from benchmarks.measure import cpu_seconds, gigaflops, matrix_product
from skgeh import BayesianInteractionRegressor
from skgeh.datasets import make_interactions


def run(quick: bool = False) -> list[dict]:
    n, seeds = (300, [100]) if quick else (20000, range(100, 105))
    options = {"max_epochs": 2, "n_draws": 25} if quick else {}
    return [one(n, seed, options) for seed in seeds]


def one(n: int, seed: int, options: dict) -> dict:
    X, y, truth = make_interactions(n, signal_to_noise=1, random_state=seed)
    start = time.process_time()
    model = BayesianInteractionRegressor(random_state=seed, **options).fit(X, y)
    fitted = time.process_time()
    found = model.interactions_
    done = time.process_time()
    product = cpu_seconds({"product": matrix_product()})["product"]
    return {
        "rows": n,
        "seed": seed,
        "fit CPU s": fitted - start,
        "interactions CPU s": done - fitted,
        "whole CPU s": done - start,
        "AUC score": float(roc_auc_score(truth.labels, found.score)),
        "AUC effect": float(roc_auc_score(truth.labels, found.effect)),
        "groups": model.n_groups_,
        "product GFLOP/s": gigaflops(product),
    }
