"""Group mean Hessians of posterior draws: closed form against automatic differentiation.

The rivals are a double loop of autograd calls over points and features, and ``vmap(hessian)``. The
share of the matrix-product rate is the counted multiplications of the closed form over its time,
relative to a plain product of two matrices in the same run.
"""

from itertools import pairwise

import numpy as np
import torch

from benchmarks.measure import cpu_seconds, gigaflops, matrix_product
from skgeh.geh.activations import get_activation
from skgeh.geh.functions import MLP
from skgeh.geh.hessians import group_mean_hessians
from skgeh.geh.partition import Partition

WIDE_POINTS = 200  # at d = 1000, where a Hessian at every point of 1000 would take 4 GB


def run(quick: bool = False) -> list[dict]:
    rows = []
    for activation in ("gelu", "softplus"):
        for d in (8, 30, 100, 1000):
            rows.append(three_layers(activation, d, quick))
        rows.append(all_draws(activation, quick))
    return rows


def three_layers(activation: str, d: int, quick: bool) -> dict:
    """One draw of d-100-100-100-1 in 11 groups."""
    hidden = [20] * 3 if quick else [100] * 3
    n = 30 if quick else WIDE_POINTS if d == 1000 else 1000
    d = min(d, 12) if quick else d
    mlp, x = network([d, *hidden, 1], 1, activation), points(n, d)
    partition = Partition.kmeans(x.numpy(), 11)
    functions = {
        "closed form": lambda: group_mean_hessians(mlp, x, partition).full(),
        "vmap(hessian)": lambda: by_vmap(mlp, x, partition, chunk=20 if d == 1000 else None),
        "product": matrix_product(),
    }
    if d == 8:
        functions["double loop"] = lambda: by_double_loop(mlp, x[: n // 10])
    check(functions["closed form"]()[0, 0], functions["vmap(hessian)"]())
    seconds = cpu_seconds(functions, repeats=1 if quick else 3 if d == 1000 else 7)
    ours = seconds["closed form"]
    row = {
        "network": f"{d}-{'-'.join(map(str, hidden))}-1",
        "activation": activation,
        "points": n,
        "ms": 1e3 * ours,
        "times vmap": seconds["vmap(hessian)"] / ours,
        "product GFLOP/s": gigaflops(seconds["product"]),
    }
    if d == 8:
        row["times double loop"] = 10 * seconds["double loop"] / ours
        rate = operations(d, hidden, n) / ours / 1e9
        row["share of product rate"] = rate / gigaflops(seconds["product"])
    return row


def all_draws(activation: str, quick: bool) -> dict:
    """All 400 draws of 8-30-1 at 150 points in 15 groups."""
    draws, timed = (40, 2) if quick else (400, 20)
    mlp, x = network([8, 30, 1], draws, activation), points(150, 8)
    partition = Partition.kmeans(x.numpy(), 15)
    functions = {
        "closed form": lambda: group_mean_hessians(mlp, x, partition).full(),
        "vmap(hessian)": lambda: [by_vmap(mlp[k : k + 1], x, partition) for k in range(timed)],
        "product": matrix_product(),
    }
    check(functions["closed form"]()[timed - 1, 0], functions["vmap(hessian)"]()[-1])
    seconds = cpu_seconds(functions, repeats=1 if quick else 7)
    ours = seconds["closed form"]
    return {
        "network": f"8-30-1, {draws} draws",
        "activation": activation,
        "points": 150,
        "ms": 1e3 * ours,
        "times vmap": seconds["vmap(hessian)"] * draws / timed / ours,
        "product GFLOP/s": gigaflops(seconds["product"]),
    }


def network(widths: list[int], copies: int, activation: str) -> MLP:
    generator = torch.Generator().manual_seed(0)

    def uniform(fan_in, *shape):
        return (2 * torch.rand(copies, *shape, generator=generator) - 1) / fan_in**0.5

    return MLP(
        tuple(1.7 * uniform(a, a, b) for a, b in pairwise(widths)),
        tuple(uniform(a, 1, b) for a, b in pairwise(widths)),
        get_activation(activation),
    )


def points(n: int, d: int) -> torch.Tensor:
    return torch.rand(n, d, generator=torch.Generator().manual_seed(1)) - 0.5


def by_vmap(mlp: MLP, x: torch.Tensor, partition: Partition, chunk=None) -> torch.Tensor:
    """Every point's Hessian, then group means, as torch.func offers it."""
    hessian = torch.func.hessian(lambda point: mlp(point[None])[0, 0, 0])
    sums = torch.zeros(partition.n_groups, x.shape[1], x.shape[1])
    labels = torch.from_numpy(partition.labels)
    for part, group in zip(x.split(chunk or len(x)), labels.split(chunk or len(x)), strict=True):
        sums.index_add_(0, group, torch.func.vmap(hessian)(part))
    return sums / torch.from_numpy(partition.counts)[:, None, None]


def by_double_loop(mlp: MLP, x: torch.Tensor) -> torch.Tensor:
    """One autograd call per point and feature."""
    total = torch.zeros(x.shape[1], x.shape[1])
    for point in x:
        point = point[None].clone().requires_grad_(True)
        (gradient,) = torch.autograd.grad(mlp(point)[0, 0, 0], point, create_graph=True)
        for i in range(x.shape[1]):
            total[i] += torch.autograd.grad(gradient[0, i], point, retain_graph=True)[0][0]
    return total / len(x)


def operations(d: int, hidden: list[int], n: int) -> float:
    """Additions and multiplications of the closed form in input space."""
    products = sum(a * b for a, b in pairwise(hidden))
    inputs = d * hidden[0]
    jacobians, grams = d * products, d * d * sum(hidden[1:])
    return 2.0 * n * (inputs + products + products + jacobians + grams)


def check(found: torch.Tensor, expected: torch.Tensor) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * expected.abs().max().item())
