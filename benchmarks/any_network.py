"""Group mean Hessians of a convolutional network: layer by layer against vmap(hessian).

The networks are a LeNet (two convolutions with pooling, three linear layers, GELU) on images of
16 x 16 and 28 x 28 pixels, and a small network (two convolutions, two linear layers, tanh) on
8 x 8, with 11 groups of points. Such chains of layers take the closed form, layer by layer. It is
compared with automatic differentiation of a shift of each group, which any other network takes.
CPU seconds are on one thread, in the same run. Memory is as in the benchmark `memory`: the rise of
the peak resident set over its value before the call, in a process of its own (Linux only). vmap is
also given 16 points at a time, where its memory is smaller.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

from benchmarks.measure import cpu_seconds
from skgeh.foreign._modules import ModulesPosterior, RowFunction
from skgeh.geh.functions import stack
from skgeh.geh.hessians import group_mean_hessians
from skgeh.geh.partition import Partition

N_GROUPS = 11
CHUNK = 16  # points that vmap takes at once where it must spare memory
CODE = """
import torch
torch.set_num_threads(1)
from benchmarks import any_network

def resident(field):
    for line in open("/proc/self/status"):
        if line.startswith(field):
            return int(line.split()[1]) / 1024

any_network.ways(8, 22)[{way!r}]()
torch.rand(2000, 100) @ torch.rand(100, 100)  # the buffers that the BLAS keeps for itself
go = any_network.ways({side}, {n})[{way!r}]
open("/proc/self/clear_refs", "w").write("5")
before = resident("VmRSS")
go()
print(resident("VmHWM") - before)
"""


def run(quick: bool = False) -> list[dict]:
    sizes = [(8, 30)] if quick else [(8, 500), (16, 100), (28, 22)]
    return [one_size(side, n, quick) for side, n in sizes]


def one_size(side: int, n: int, quick: bool) -> dict:
    given = ways(side, n)
    expected = given["vmap"]()
    for way in ("layers", "shift", "vmap, few points"):
        found = given[way]()
        bound = 1e-4 * expected.abs().max().item()
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=bound)
    seconds = cpu_seconds(given, repeats=1 if quick else 3)
    row: dict = {
        "network": "small" if side == 8 else "LeNet",
        "image": f"{side} x {side}",
        "points": n,
        "s": seconds["layers"],
    }
    for name in ("shift", "vmap", "vmap, few points"):
        row[f"times {name}"] = seconds[name] / seconds["layers"]
    if sys.platform == "linux":
        memory = {way: extra(way, side, n) for way in given}
        row["MB"], row["shift MB"] = memory["layers"], memory["shift"]
        row["vmap MB"], row["MB / vmap MB"] = memory["vmap"], memory["layers"] / memory["vmap"]
        row["vmap MB, few points"] = memory["vmap, few points"]
    return row


def ways(side: int, n: int) -> dict:
    """Ours, with and without the layers, and vmap(hessian), on all points at once or on a few."""
    module, shape = network(side), (1, side, side)
    function, chains = RowFunction(module, shape), ModulesPosterior([module], shape, 1).members()
    x = torch.randn(n, side**2, generator=torch.Generator().manual_seed(1))
    partition = Partition.from_labels(np.arange(n) % N_GROUPS)
    return {
        "layers": lambda: group_mean_hessians(chains, x, partition).full()[0, 0],
        "shift": lambda: group_mean_hessians(stack([function]), x, partition).full()[0, 0],
        "vmap": lambda: by_vmap(function, x, partition, n),
        "vmap, few points": lambda: by_vmap(function, x, partition, CHUNK),
    }


def network(side: int) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return (small() if side == 8 else lenet(side)).requires_grad_(False)


def small() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.Tanh(), nn.Conv2d(8, 16, 3), nn.Tanh(),
        nn.Flatten(), nn.Linear(16 * 4, 32), nn.Tanh(), nn.Linear(32, 1),
    )  # fmt: skip


def lenet(side: int) -> nn.Module:
    inner = ((side - 4) // 2 - 4) // 2
    return nn.Sequential(
        nn.Conv2d(1, 6, 5), nn.GELU(), nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5), nn.GELU(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(16 * inner**2, 120), nn.GELU(), nn.Linear(120, 84), nn.GELU(), nn.Linear(84, 1),
    )  # fmt: skip


def by_vmap(function, x: torch.Tensor, partition: Partition, chunk: int) -> torch.Tensor:
    """Every point's Hessian, then group means, as torch.func offers it."""
    hessian = torch.func.vmap(torch.func.hessian(lambda point: function(point[None])[0, 0]))
    sums = x.new_zeros(partition.n_groups, x.shape[1], x.shape[1])
    labels = torch.from_numpy(partition.labels)
    for points, groups in zip(x.split(chunk), labels.split(chunk), strict=True):
        sums.index_add_(0, groups, hessian(points))
    return sums / torch.from_numpy(partition.counts)[:, None, None]


def extra(way: str, side: int, n: int) -> float:
    root = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(way=way, side=side, n=n)],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)
