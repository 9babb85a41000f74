"""Coverage of the posterior's interval, of the confirmed effect's and of the strength's bound.

The tables are the simulation with as much noise as signal, n = 2000, whose Hessians are known. The
benchmark counts how often the true M-GEH of an interacting pair lies in the 95 % interval of the
posterior, and how often in that of the confirmed effect of `crossfit_test` (for all such pairs, and
for those detected at a false discovery rate of 5 %). It also counts how often the true standard
deviation of a pair's component is above its lower bound.
"""

import os

import numpy as np
from joblib import Parallel, delayed

from benchmarks.designs import TRUTH, Design
from skgeh import BayesianInteractionRegressor, crossfit_test
from skgeh.geh.effect import group_expected_hessian
from skgeh.geh.pairs import pair_index
from skgeh.geh.partition import Partition
from skgeh.posteriors import ConcreteDropout
from skgeh.significance._nuisance import main_effect_basis
from skgeh.significance._regressions import without

TABLES, FIRST_SEED = 30, 3_000_000
N_GROUPS = 11
POINTS = 1000


def run(quick: bool = False) -> list[dict]:
    n, seeds = (300, [0, 1]) if quick else (2000, range(FIRST_SEED, FIRST_SEED + TABLES))
    options = {"max_epochs": 3, "n_draws": 25} if quick else {}
    jobs = 1 if quick else os.cpu_count()
    tables = Parallel(n_jobs=jobs)(delayed(one_table)(n, seed, options) for seed in seeds)
    rows = []
    for name in ("posterior interval", "confirmed interval", "strength lower bound"):
        inside = np.concatenate([table[name] for table in tables])
        detected = np.concatenate([table["detected"] for table in tables])
        ratio = np.concatenate([table[f"{name}, ratio"] for table in tables])
        rows.append(
            {
                "what": name,
                "n": n,
                "tables": len(tables),
                "coverage, true pairs": float(inside.mean()),
                "coverage, detected": float(inside[detected].mean()) if detected.any() else None,
                "detected": float(detected.mean()),
                "median estimate / truth": float(np.median(ratio)),
            }
        )
    return rows


def one_table(n: int, seed: int, options: dict) -> dict:
    X, y, true = Design("signal", n).draw(seed)
    given = {"n_groups": N_GROUPS, "random_state": seed, **options}
    published = ConcreteDropout(n_perturbed=0)
    model = BayesianInteractionRegressor(posterior=published, **given)
    posterior = model.fit(X, y).interactions_
    refitted = BayesianInteractionRegressor(posterior="concrete_dropout", **given)
    result = crossfit_test(refitted, X, y, random_state=seed)
    effect, strength = true_effect(X, y)[true], true_strength(X, y)[true]
    intervals = {
        "posterior interval": (posterior.interval(), posterior.effect, effect),
        "confirmed interval": (result.confirmed_interval(), result.confirmed_effect, effect),
        "strength lower bound": (
            np.column_stack([result.strength_lower(), np.full(len(true), np.inf)]),
            result.strength,
            strength,
        ),
    }
    found = {"detected": (result.adjusted("fdr") <= 0.05)[true]}
    for name, (interval, estimate, truth) in intervals.items():
        low, high = interval[true].T
        found[name] = (low <= truth) & (truth <= high)
        found[f"{name}, ratio"] = estimate[true] / truth
    return found


def true_effect(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """M-GEH of the function behind the table, in standard units."""
    points = X[:POINTS]
    partition = Partition.kmeans((points - X.mean(0)) / X.std(0), N_GROUPS)
    i, j = pair_index(8).T
    scale = X.std(0)[i] * X.std(0)[j] / y.std()
    return group_expected_hessian(partition.mean(TRUTH.hessian(points) * scale), partition.weights)


def true_strength(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Standard deviation of each pair's component, main effects taken out, in units of sd(y)."""
    anchor, strength = X.mean(0), np.zeros(28)
    basis = main_effect_basis(X)
    for place, (i, j) in enumerate(pair_index(8)):
        alone = np.tile(anchor, (len(X), 1))
        alone[:, [i, j]] = X[:, [i, j]]
        strength[place] = without(TRUTH.function(alone), basis).std() / y.std()
    return strength
