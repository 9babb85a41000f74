"""The permutation null against a loop of default skorch fits, per refit, on energy efficiency.

200 refits run as stacks on one thread, with the statistic (whole test) and without. They are
compared with fits of the same number of steps by skorch with its default loader and callbacks. Then
the wall time of the whole test on one process is divided by that on two.
"""

import time

import numpy as np

from benchmarks.measure import cpu_seconds, gigaflops, matrix_product
from benchmarks.training import Published, default
from skgeh import BayesianInteractionRegressor, datasets
from skgeh.significance import permutation_test
from skgeh.significance._refits import fit_targets, refits_per_stack

REFITS = 200
DEFAULT_FITS = 5


def run(quick: bool = False) -> list[dict]:
    return [compare("8-30-1", (30,), quick), compare("8-100-100-100-1", (100,) * 3, quick)]


def table(quick: bool) -> tuple[str, np.ndarray, np.ndarray]:
    if quick:
        X, y, _ = datasets.make_interactions(768, random_state=0)
        return "simulation of its size", X, y
    X, y = datasets.load_energy_efficiency(return_X_y=True)
    return "energy efficiency", np.asarray(X, dtype=float), np.asarray(y, dtype=float)


def compare(name: str, hidden: tuple[int, ...], quick: bool) -> dict:
    data, X, y = table(quick)
    Z, target = (X - X.mean(0)) / X.std(0), (y - y.mean()) / y.std()
    model = BayesianInteractionRegressor(hidden, n_networks=1, max_epochs=1 if quick else 55)
    refits, trainer = 4 if quick else REFITS, model.trainer().small()
    size = min(refits_per_stack(trainer, X.shape[1]), refits)
    targets = np.stack([np.random.default_rng(b).permutation(target) for b in range(size)])
    narrow = Z.astype(np.float32), target.astype(np.float32)[:, None]
    epochs, batch, split = model.max_epochs, len(X) // 10, len(X) // 10

    def loop() -> None:
        for _ in range(1 if quick else DEFAULT_FITS):
            default(Published([X.shape[1], *hidden, 1]), *narrow, split, batch, epochs)

    seconds = cpu_seconds(
        {
            "stack": lambda: fit_targets(trainer, Z, targets[..., None], seed=0),
            "loop": loop,
            "product": matrix_product(),
        },
        repeats=1 if quick else 3,
    )
    permutation_test(
        model, X[:50], y[:50], n_permutations=max(19, 2 * size), n_jobs=2
    )  # workers start
    test = {}
    for n_jobs in (1, 2):
        cpu, wall = time.process_time(), time.perf_counter()
        found = permutation_test(
            model, X, y, n_permutations=max(refits - 1, 19), n_jobs=n_jobs, random_state=0
        )
        test[n_jobs] = time.process_time() - cpu, time.perf_counter() - wall
    one = seconds["loop"] / (1 if quick else DEFAULT_FITS)
    copy, whole = seconds["stack"] / size, test[1][0] / (len(found.null) + 1)
    return {
        "network": name,
        "data": data,
        "refits": len(found.null) + 1,
        "copies in a stack": size,
        "default fit, CPU s": one,
        "refit, CPU ms": 1e3 * copy,
        "default / refit": one / copy,
        "default / refit with statistic": one / whole,
        "wall, 1 process / 2": test[1][1] / test[2][1],
        "global p": found.global_p_value,
        "product GFLOP/s": gigaflops(seconds["product"]),
    }
