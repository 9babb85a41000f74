"""Which posterior ranks best at which size and noise: the basis of posterior="auto".

Two of the functions of Tsang et al. and the simulation of section 5.1 have 300 to 10000 rows and
signal to noise 1, 10 and infinite, one table each (seed 3000). AUC is over all pairs, for a
Gaussian process, the committee's small networks, both together, and concrete dropout. "information"
is rows times signal to noise, by the small networks' held-out error; "auto" is its choice.
"""

import os
from itertools import product
from pathlib import Path

import numpy as np
import torch
from joblib import Memory, Parallel, delayed
from sklearn.metrics import roc_auc_score

from skgeh import BayesianInteractionRegressor
from skgeh.datasets import make_interactions, make_tsang
from skgeh.geh.score import rank_pairs
from skgeh.posteriors import Auto

ROWS, RATIOS = (300, 1000, 3000, 10_000), (1.0, 10.0, None)
FUNCTIONS = (2, 7, 0)  # 0: the simulation
SEED = 3000
# a run that was stopped goes on from here; to be removed when the estimator changes
CACHE = Memory(Path(__file__).parent / ".cache", verbose=0)


def run(quick: bool = False) -> list[dict]:
    sizes, ratios, functions = (ROWS, RATIOS, FUNCTIONS) if not quick else ((300,), (10.0,), (0,))
    task = one_table if quick else CACHE.cache(one_table)
    settings = list(product(sizes, ratios, functions, [2 if quick else 55]))
    found = Parallel(1 if quick else os.cpu_count())(delayed(task)(*one) for one in settings)
    of_cells = list(zip(settings, found, strict=True))
    return [
        cell(n, ratio, [one for (m, r, *_), one in of_cells if (m, r) == (n, ratio)])
        for n, ratio in product(sizes, ratios)
    ]


def cell(n: int, ratio: float | None, tables: list[dict]) -> dict:
    """Means over the functions."""
    row = {"rows": n, "S/N": ratio or "no noise", "functions": len(tables)}
    row |= {name: float(np.mean([one[name] for one in tables])) for name in tables[0]}
    return row | {"information": n * (1 - row["noise"]) / row["noise"]}


def one_table(n: int, ratio: float | None, function: int, max_epochs: int) -> dict:
    """AUC of four rankings of one table, and the share of noise in the target."""
    given = {"signal_to_noise": ratio, "random_state": SEED}
    X, y, truth = make_tsang(function, n, **given) if function else make_interactions(n, **given)
    model = BayesianInteractionRegressor(random_state=SEED, max_epochs=max_epochs)
    committee = model.set_params(posterior="committee").fit(X, y)
    together, x = committee.posterior_, torch.as_tensor(committee._points, dtype=torch.float32)
    effect = np.ones(len(truth.labels))  # it matters from 100 features on
    scores = {
        "Gaussian process": rank_pairs(together.process, x, effect),
        "small networks": rank_pairs(together.networks, x, effect, seed=committee._seed),
        "committee": rank_pairs(together, x, effect, seed=committee._seed),
    }
    noise = committee.net_.module_.noise_variance.mean().item()
    model.set_params(posterior="concrete_dropout", n_perturbed=0).fit(X, y)
    x = torch.as_tensor(model._points, dtype=torch.float32)
    scores["concrete dropout"] = rank_pairs(model.posterior_, x, effect, seed=model._seed)
    found = {name: float(roc_auc_score(truth.labels, s)) for name, s in scores.items()}
    auto = Auto()
    small = auto.is_small(n) or auto.is_noisy(n, min(noise, 1))
    chosen = "committee" if small else "concrete dropout"
    return found | {"auto": found[chosen], "noise": noise}
