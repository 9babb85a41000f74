"""A Gaussian process of a million rows: CPU seconds, and peak memory beyond X (Linux only).

The rows are those of function 2 of Tsang et al., with 10 features and S/N 1. Each size has a fresh
process on one thread, which has fitted a small table before. Memory is the rise of the peak
resident set during the fit over its value just before. The ranking is a call of `rank_pairs`.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

SIZES = (100_000, 1_000_000)
GOALS = {1_000_000: {"goal CPU s": 60, "goal MB": 2000}}
CODE = """
import json
import numpy as np
import torch
torch.set_num_threads(1)
from sklearn.metrics import roc_auc_score
from benchmarks.measure import seconds
from skgeh import BayesianInteractionRegressor
from skgeh.datasets import make_tsang
from skgeh.geh.score import rank_pairs

def table(n):
    return make_tsang(2, n, signal_to_noise=1, random_state=0)

def ranked(model):
    x = torch.as_tensor(model._points, dtype=torch.float32)
    return rank_pairs(model.posterior_, x, np.ones(45))

def resident(field):
    for line in open("/proc/self/status"):
        if line.startswith(field):
            return int(line.split()[1]) / 1024

model, found = BayesianInteractionRegressor(posterior="gaussian_process", random_state=0), []
ranked(model.fit(*table(200)[:2]))
X, y, truth = table({n})
open("/proc/self/clear_refs", "w").write("5")
before = resident("VmRSS")
fit = seconds(lambda: model.fit(X, y))
peak = resident("VmHWM") - before
ranking = seconds(lambda: found.append(ranked(model)))
auc = float(roc_auc_score(truth.labels, found[0]))
print(json.dumps(dict(zip(
    ("fit CPU s", "peak memory beyond X, MB", "X MB", "ranking CPU s", "AUC"),
    (fit, peak, X.nbytes / 2**20, ranking, auc)))))
"""


def run(quick: bool = False) -> list[dict]:
    sizes = (2000,) if quick else SIZES
    return [{"rows": n, "d": 10} | fitted(n) | GOALS.get(n, {}) for n in sizes]


def fitted(n: int) -> dict:
    """Seconds and memory of one size, or the reason why there is no fit."""
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(n=n)],
        cwd=Path(__file__).parents[1],
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        return {"failed": done.stderr.strip().splitlines()[-1]}
    return json.loads(done.stdout.splitlines()[-1])
