"""M-GEH for 1 to 60 groups: sums of one set of Hessians against a recomputation for each number.

The k-means clusters are made before and not timed. The recomputation for each M uses the closed
form.
"""

import torch

from benchmarks.kernels import network, points
from benchmarks.measure import cpu_seconds, gigaflops, matrix_product
from skgeh.geh.effect import group_expected_hessian
from skgeh.geh.hessians import group_mean_hessians, pointwise_hessians
from skgeh.geh.n_groups import _group_curve
from skgeh.geh.pairs import pair_index, to_vector
from skgeh.geh.partition import Partition


def run(quick: bool = False) -> list[dict]:
    return [curve(*size, quick) for size in (((1000, 8),) if quick else ((1000, 8), (5000, 8)))]


def curve(n: int, d: int, quick: bool) -> dict:
    most, width = (5, 20) if quick else (60, 100)
    mlp, x = network([d, width, width, width, 1], 1, "gelu"), points(n, d)
    pairs = torch.from_numpy(pair_index(d))
    partitions = [Partition.kmeans(x.numpy(), m) for m in range(1, most + 1)]

    def once():
        return _group_curve(pointwise_hessians(mlp, x, pairs)[0].numpy(), partitions)

    def again():
        effects = []
        for partition in partitions:
            means = group_mean_hessians(mlp, x, partition).full()[0, 0].numpy()
            effects.append(group_expected_hessian(to_vector(means), partition.weights))
        return effects

    functions = {"once": once, "again": again, "product": matrix_product()}
    assert abs(once() - again()).max() < 1e-3 * once().max()
    seconds = cpu_seconds(functions, repeats=1 if quick else 3)
    return {
        "points": n,
        "d": d,
        "groups": f"1..{most}",
        "ms": 1e3 * seconds["once"],
        "times recomputation": seconds["again"] / seconds["once"],
        "product GFLOP/s": gigaflops(seconds["product"]),
    }
