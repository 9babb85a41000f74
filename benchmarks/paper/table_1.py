"""Table 1: false positives of the interval rule on permuted targets, for AEH, M-GEH and EAH.

The target of each of three real tables has 200 permutations. A pair whose 95 % posterior interval
lies above 0 is a false positive. Rates are means over pairs and permutations, with the standard
error over permutations. "Any pair" is the share of permutations with one or more. One group (AEH),
the paper's M and one group per point (EAH) are measured from the same 100 draws at 300 rows, EAH at
100 of them. The permuted targets train together, one network each. The posterior of a user's fit
has four networks, which disagree, so its intervals are wider: the first 10 permutations are fitted
by the default estimator as well. On energy efficiency the rates depend on how long the network is
trained, so that both trainings of `benchmarks.paper.real_data` are counted. Figure 10 and table 2
take the null of the largest M-GEH from the same refits, and as the observed statistic a refit on
the target itself.
"""

import time

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import norm

from benchmarks.measure import cpu_seconds, gigaflops, matrix_product
from benchmarks.paper.real_data import SHORT, Table, names, table
from benchmarks.paper.simulated import LEVEL, each, standard_error
from skgeh.geh.functions import RandomFunction
from skgeh.geh.partition import Partition
from skgeh.geh.push_forward import push_forward
from skgeh.significance._refits import fit_targets, refits_per_stack

PERMUTATIONS, OF_DEFAULT = 200, 10
POINTS, SINGLE_POINTS, DRAWS = 300, 100, 100
SEED = 7000
Z = norm.ppf((1 + LEVEL) / 2)
MEASURES = ("AEH", "M-GEH", "EAH")
PAPER = {
    "California housing": (0.015, 0.097, 1.000),
    "bike sharing": (0.017, 0.042, 0.210),
    "energy efficiency": (0.013, 0.051, 0.089),
    SHORT: (0.013, 0.051, 0.089),
}


def run(quick: bool = False) -> list[dict]:
    tables = names(quick) if quick else [*names(quick), SHORT]
    return [row for name in tables for row in rates(name, quick)]


def rates(name: str, quick: bool) -> list[dict]:
    """One row per measure."""
    data, (_, permuted, cost) = table(name), refits(name, quick)
    settings = [(name, number) for number in range(1, 1 + (2 if quick else OF_DEFAULT))]
    default = np.stack(each(of_default, settings, quick))
    groups = (1, data.paper.n_groups, SINGLE_POINTS)
    rows = []
    for k, measure in enumerate(MEASURES):
        row = {"data": name, "measure": measure, "groups": groups[k]}
        row["paper"] = PAPER.get(name, (None,) * 3)[k]
        for networks, effects in (("one network", permuted), ("four networks", default)):
            mean, std = effects[:, k].transpose(1, 0, 2)
            found = mean - Z * std > 0
            row[f"FPR, {networks}"] = float(found.mean())
            row[f"+-, {networks}"] = float(standard_error(found.mean(1)))
            row[f"any pair, {networks}"] = float(found.any(1).mean())
            row[f"permutations, {networks}"] = len(found)
        rows.append(row | cost)
    return rows


def refits(name: str, quick: bool) -> tuple[NDArray, NDArray, dict]:
    """Effects of one-network refits: on the target (3, 2, P), on B permutations (B, 3, 2, P).

    Means and standard deviations over draws, for each of the three measures; and the cost.
    """
    data, count = table(name), 1 + (4 if quick else PERMUTATIONS)
    size = refits_per_stack(data.estimator(SEED, n_networks=1).trainer(), data.X.shape[1])
    starts = range(0, count, size)
    chunks = each(chunk, [(name, start, min(start + size, count)) for start in starts], quick)
    effects = np.concatenate([one["effects"] for one in chunks])
    cost = {
        "CPU s a refit": float(np.median([c["CPU s"] / len(c["effects"]) for c in chunks])),
        "product GFLOP/s": float(np.median([c["product GFLOP/s"] for c in chunks])),
    }
    return effects[0], effects[1:], cost


def chunk(name: str, start: int, stop: int) -> dict:
    """Effects of the refits ``start .. stop - 1``, of which number 0 is on the target itself."""
    clock, data = time.process_time(), table(name)
    targets = np.stack([permuted_target(data, number) for number in range(start, stop)])
    trainer = data.estimator(SEED, n_networks=1).trainer()
    standard = (targets - targets.mean()) / targets.std()
    posteriors = fit_targets(trainer, standard_rows(data), standard[..., None], SEED + start)
    effects = np.stack([measured(posterior, data) for posterior in posteriors])
    seconds = time.process_time() - clock
    product = cpu_seconds({"product": matrix_product()})["product"]
    return {"effects": effects, "CPU s": seconds, "product GFLOP/s": gigaflops(product)}


def of_default(name: str, number: int) -> NDArray:
    """The same for a whole fit on a permuted target, with four networks, (3, 2, P)."""
    data = table(name)
    rows, _ = data.split(SEED)
    model = data.estimator(SEED + number).fit(data.X[rows], permuted_target(data, number))
    return measured(model.posterior_, data)


def permuted_target(data: Table, number: int) -> NDArray:
    """The target of the rows to learn from, or a permutation of it, numbered from 1."""
    rows, _ = data.split(SEED)
    generator = np.random.default_rng([SEED, number])
    return generator.permutation(data.y[rows]) if number else data.y[rows]


def standard_rows(data: Table) -> NDArray:
    """The rows to learn from, in standard units."""
    X = data.X[data.split(SEED)[0]]
    return (X - X.mean(0)) / X.std(0)


def measured(posterior: RandomFunction, data: Table) -> NDArray:
    """Mean and standard deviation over draws of AEH, M-GEH and EAH, shape (3, 2, P)."""
    x = torch.as_tensor(standard_rows(data)[:POINTS], dtype=torch.float32)  # in random order
    few = x[:SINGLE_POINTS]
    partitions = (
        (x, Partition.one_group(len(x))),
        (x, Partition.kmeans(x, data.paper.n_groups)),
        (few, Partition.singletons(len(few))),
    )
    pushed = [push_forward(posterior, *points, n_draws=DRAWS, seed=SEED) for points in partitions]
    return np.stack([[one.effect.mean, np.sqrt(one.effect.variance)] for one in pushed])


def null_maxima(name: str, quick: bool) -> tuple[NDArray, NDArray]:
    """M-GEH of the refit on the target (P,), and the largest of each permuted one (B,)."""
    observed, permuted, _ = refits(name, quick)
    place = MEASURES.index("M-GEH")
    return observed[place, 0], permuted[:, place, 0].max(1)


def p_permute(observed: NDArray, maxima: NDArray) -> NDArray:
    """``(1 + #{maxima >= observed}) / (1 + B)``, never 0."""
    return (1 + (maxima >= observed[..., None]).sum(-1)) / (1 + len(maxima))
