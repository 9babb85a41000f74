"""Section 5.3: interactions between high-level features of a LeNet on pairs of MNIST digits.

Two digits stand side by side; the label is one ordered pair of digits, (7,0) or (5,3), among six. A
LeNet learns it (two convolutional and three fully connected layers, GELU, strides instead of
pooling), with concrete dropout before all layers but the first. Effects (M-GEH, M by the distance
rule) are taken between units of a fully connected layer at 1000 test pairs. A unit stands for the
digit and side of most of the ten one-digit test images that excite it most.

There are two readings of the paper's "second top fully connected layer", for log-odds are linear in
the units of the last hidden layer, which therefore have no interactions. One is the units two
layers below the log-odds; the other is those of the last hidden layer with respect to the
probability. Seeds make the pairs, the start and the batches.
"""

import gzip
import os
import time
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import nn

from skgeh import exemplars, interactions_of
from skgeh.posteriors import ConcreteDropoutLayer

TASKS = {(7, 0): (7, 4, 0), (5, 3): (5, 4, 3)}
SEEDS = range(5)
PAIRS, TEST_PAIRS, POOL = 12_000, 6000, 2000
EPOCHS, BATCH, RATE = 6, 100, 2e-3
LENGTH_SCALE = 1e-2
DRAWS = 100
SHOWN = 10  # exemplars that a unit is read from
PAGES = Path(__file__).parents[1] / "docs" / "paper"


def run(quick: bool = False) -> list[dict]:
    digits = {kind: load(kind, quick) for kind in ("train", "t10k")}
    rows, pictures = [], []
    for task in TASKS:
        for seed in SEEDS[:1] if quick else SEEDS:
            start = time.process_time()
            net, accuracy = learn(task, digits, seed, quick)
            trained = time.process_time() - start
            for reading, model, layer in readings(net):
                found, panels = measured(model, layer, task, digits["t10k"], seed, quick)
                row = {"reading": reading, "task": str(task), "seed": seed, "accuracy": accuracy}
                rows.append(row | found | {"CPU s": trained})
                if seed == 0:
                    pictures.append((f"{reading}, task {task}", panels))
    if not quick:
        draw(pictures[::2]).savefig(PAGES / "figure_6.png", dpi=90)
    return rows + summary(rows)


def readings(net: nn.Sequential) -> list[tuple[str, nn.Module, str]]:
    """Name, model and layer."""
    probability = nn.Sequential(net, nn.Sigmoid())
    return [
        ("log-odds, first fully connected layer", net, "phi3"),
        ("probability, second", probability, "0.phi4"),
    ]


def load(kind: str, quick: bool) -> tuple[NDArray, NDArray]:
    """Images (n, 28, 28) in [0, 1] and labels; noise where a quick run has no data."""
    if quick:
        rng = np.random.default_rng(0)
        labels = np.arange(400) % 10
        images = rng.random((10, 28, 28))[labels] + 0.1 * rng.random((400, 28, 28))
        return images.astype(np.float32), labels
    folder = Path(os.environ["SKGEH_DATA"]) / "mnist"
    with gzip.open(folder / f"{kind}-images-idx3-ubyte.gz") as file:
        images = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28)
    with gzip.open(folder / f"{kind}-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)
    return images.astype(np.float32) / 255, labels.astype(int)


def side_by_side(digits, task, n: int, rng) -> tuple[torch.Tensor, torch.Tensor]:
    """Images (n, 1, 28, 56) of the task's six ordered pairs, as many of each, and labels."""
    images, labels = digits
    a, other, b = TASKS[task]
    kinds = [(a, other), (other, a), (b, other), (other, b), (a, b), (b, a)]
    left, right = (
        np.concatenate([rng.choice(np.flatnonzero(labels == kind[side]), n // 6) for kind in kinds])
        for side in (0, 1)
    )
    joined = np.concatenate([images[left], images[right]], axis=2)[:, None]
    label = (labels[left] == task[0]) & (labels[right] == task[1])
    order = rng.permutation(len(joined))
    return torch.from_numpy(joined[order]), torch.from_numpy(label[order]).float()


def lenet() -> nn.Sequential:
    parts = {
        "conv1": nn.Conv2d(1, 6, 5, stride=2),
        "phi1": nn.GELU(),
        "drop2": ConcreteDropoutLayer(6, p=0.01),
        "conv2": nn.Conv2d(6, 16, 5, stride=2),
        "phi2": nn.GELU(),
        "flat": nn.Flatten(),
        "drop3": ConcreteDropoutLayer(16 * 4 * 11, p=0.01),
        "fc1": nn.Linear(16 * 4 * 11, 120),
        "phi3": nn.GELU(),
        "drop4": ConcreteDropoutLayer(120, p=0.01),
        "fc2": nn.Linear(120, 84),
        "phi4": nn.GELU(),
        "drop5": ConcreteDropoutLayer(84, p=0.01),
        "fc3": nn.Linear(84, 1),
    }
    net = nn.Sequential()
    for name, part in parts.items():
        net.add_module(name, part)
    return net


def learn(task, digits, seed: int, quick: bool) -> tuple[nn.Sequential, float]:
    """A trained network and its accuracy on pairs of test digits."""
    rng = np.random.default_rng(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = lenet()
        x, y = side_by_side(digits["train"], task, 120 if quick else PAIRS, rng)
        logits = [p for name, p in net.named_parameters() if name.endswith("logit")]
        others = [p for name, p in net.named_parameters() if not name.endswith("logit")]
        groups = [{"params": others}, {"params": logits, "lr": 10 * RATE}]
        optimizer = torch.optim.Adam(groups, lr=RATE)
        epochs = 1 if quick else EPOCHS
        steps = epochs * len(x) // BATCH
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, [RATE, 10 * RATE], steps)
        for _ in range(epochs):
            for batch in torch.randperm(len(x)).split(BATCH)[: steps // epochs]:
                fit = nn.functional.binary_cross_entropy_with_logits(net(x[batch])[:, 0], y[batch])
                loss = fit + divergence(net) / len(x)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
    x, y = side_by_side(digits["t10k"], task, 120 if quick else TEST_PAIRS, rng)
    with torch.no_grad():
        return net, float(((net.eval()(x)[:, 0] > 0) == (y > 0)).float().mean())


def divergence(net: nn.Sequential) -> torch.Tensor:
    after = [("drop2", "conv2"), ("drop3", "fc1"), ("drop4", "fc2"), ("drop5", "fc3")]
    drops = (
        getattr(net, drop).divergence(getattr(net, part), LENGTH_SCALE) for drop, part in after
    )
    return torch.stack(list(drops)).sum()


def measured(model, layer: str, task, digits, seed: int, quick: bool) -> tuple[dict, list]:
    """The strongest interactions of a layer, with the digits and sides that its units stand for."""
    rng = np.random.default_rng(seed + 1000)
    x, _ = side_by_side(digits, task, 60 if quick else 1000, rng)
    options = {"n_groups": 2, "n_draws": 5} if quick else {"n_draws": DRAWS}
    found = interactions_of(model, x, layer=layer, random_state=seed, **options)
    images, labels = digits
    chosen = rng.permutation(len(images))[:POOL]
    blank = np.zeros_like(images[chosen])
    pool = np.concatenate(
        [
            np.concatenate(both, axis=2)
            for both in ((images[chosen], blank), (blank, images[chosen]))
        ]
    )[:, None]
    best = exemplars(model, layer, pool, k=SHOWN)
    names = [f"({k},-)" for k in labels[chosen]] + [f"(-,{k})" for k in labels[chosen]]
    units = [Counter(names[row] for row in rows).most_common(1)[0] for rows in best]
    wanted = {f"({task[0]},-)", f"(-,{task[1]})"}
    row: dict = {"M": len(found.group_weights)}
    for rank, by in (("effect", found.effect), ("score", found.score)):
        places = np.argsort(-by, kind="stable")[:2]
        first, second = ([units[unit] for unit in found.pairs[place]] for place in places)
        row[f"strongest by {rank}"] = " x ".join(sorted(name for name, _ in first))
        row[f"as expected, {rank}"] = {name for name, _ in first} == wanted
        if rank == "effect":
            row["second"] = " x ".join(sorted(name for name, _ in second))
            row["agreeing exemplars"] = float(np.mean([count for _, count in first]) / SHOWN)
            row["M-GEH"], row["sd"] = float(found.effect[places[0]]), float(found.std[places[0]])
            panels = [
                [(pool[best[unit][0], 0], units[unit][0]) for unit in found.pairs[place]]
                for place in places
            ]
    return row, panels


def summary(rows: list[dict]) -> list[dict]:
    """How often the strongest interaction is the expected one."""
    totals = []
    for reading, task in dict.fromkeys((row["reading"], row["task"]) for row in rows):
        some = [row for row in rows if (row["reading"], row["task"]) == (reading, task)]
        totals.append(
            {
                "reading": reading,
                "task": task,
                "seeds": len(some),
                "lowest accuracy": min(row["accuracy"] for row in some),
                "by effect": sum(row["as expected, effect"] for row in some),
                "by score": sum(row["as expected, score"] for row in some),
            }
        )
    return totals


def draw(pictures: list) -> Figure:
    """Draw figure 6: the exemplars of the units of the two strongest interactions of each task."""
    figure = Figure(figsize=(9, 2.2 * len(pictures)), layout="constrained")
    for part, (title, panels) in zip(
        np.atleast_1d(figure.subfigures(len(pictures))), pictures, strict=True
    ):
        part.suptitle(title)
        axes = part.subplots(1, 4)
        shown = [one for panel in panels for one in panel]
        for k, (ax, (image, name)) in enumerate(zip(axes, shown, strict=True)):
            ax.imshow(1 - image, cmap="gray")
            ax.set_title(f"{'strongest' if k < 2 else 'second'}: {name}", fontsize=9)
            ax.set_axis_off()
    return figure
