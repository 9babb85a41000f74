"""A thousand features: 2000 rows, 20 planted pairs; whole fit and posterior in a fresh process.

The target is the sum of 20 products of disjoint pairs of standard normal features, plus noise with
the variance of one of them. Peak memory is that of the whole process, Python and torch included.
"""

import json
import subprocess
import sys
from pathlib import Path

CODE = """
import json, resource, time
import numpy as np, torch
torch.set_num_threads(1)
from sklearn.metrics import roc_auc_score
from skgeh import BayesianInteractionRegressor

rng = np.random.default_rng(0)
n, d, planted = {n}, {d}, {planted}
X = rng.normal(size=(n, d))
y = sum(X[:, 2 * k] * X[:, 2 * k + 1] for k in range(planted)) + rng.normal(size=n)
start = time.perf_counter(), time.process_time()
model = BayesianInteractionRegressor(random_state=0, **{options!r}).fit(X, y)
fitted = time.perf_counter()
found = model.interactions_
done = time.perf_counter(), time.process_time()
i, j = found.pairs.T
truth = (j == i + 1) & (i % 2 == 0) & (i < 2 * planted)
print(json.dumps({{
    "rows": n, "features": d, "pairs": len(i), "groups": model.n_groups_,
    "fit s": fitted - start[0], "interactions s": done[0] - fitted,
    "whole s": done[0] - start[0], "whole CPU s": done[1] - start[1],
    "peak memory GiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    "AUC score": float(roc_auc_score(truth, found.score)),
    "planted among first 20": int(truth[found.order[:20]].sum()),
}}))
"""


def run(quick: bool = False) -> list[dict]:
    size = {"n": 100, "d": 150, "planted": 2} if quick else {"n": 2000, "d": 1000, "planted": 20}
    options = {"max_epochs": 2, "n_draws": 25, "hidden_layer_sizes": (10, 10)} if quick else {}
    code = CODE.format(**size, options=options)
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(done.stdout)]
