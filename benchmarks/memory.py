"""Extra peak memory of group mean Hessians: closed form against vmap(hessian), 1000 points.

Each figure is the rise of the peak resident set over its value before the call. The process is
fresh and has made a tiny call and a matrix product before (Linux only).
"""

import subprocess
import sys
from pathlib import Path

CODE = """
import torch
torch.set_num_threads(1)
from benchmarks import kernels
from skgeh.geh.hessians import group_mean_hessians
from skgeh.geh.partition import Partition

def call(kind, d, width, n):
    mlp, x = kernels.network([d, width, width, width, 1], 1, "gelu"), kernels.points(n, d)
    partition = Partition.from_labels(range(n) if n < 11 else [i % 11 for i in range(n)])
    def go():
        if kind == "closed form":
            group_mean_hessians(mlp, x, partition).full()
        else:
            kernels.by_vmap(mlp, x, partition)
    return go

def resident(field):
    for line in open("/proc/self/status"):
        if line.startswith(field):
            return int(line.split()[1]) / 1024

call({kind!r}, 8, 100, 22)()
torch.rand(2000, 100) @ torch.rand(100, 100)  # the buffers that the BLAS keeps for itself
go = call({kind!r}, {d}, {width}, {n})
open("/proc/self/clear_refs", "w").write("5")
before = resident("VmRSS")
go()
print(resident("VmHWM") - before)
"""


def run(quick: bool = False) -> list[dict]:
    n, width = (100, 20) if quick else (1000, 100)
    rows = []
    for d in (8,) if quick else (8, 30, 100):
        ours, theirs = (extra(kind, d, width, n) for kind in ("closed form", "vmap(hessian)"))
        rows.append({"d": d, "points": n, "closed form MB": ours, "vmap MB": theirs,
                     "closed form / vmap": ours / theirs})  # fmt: skip
    return rows


def extra(kind: str, d: int, width: int, n: int) -> float:
    code = CODE.format(kind=kind, d=d, width=width, n=n)
    root = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    return float(done.stdout)
