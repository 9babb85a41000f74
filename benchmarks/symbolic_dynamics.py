"""Two phases of learning interactions, the loss gap, and theory's order distributions.

A network of 4 x 128 units learns the digits (pooled to ten players) and breast cancer (ten columns,
a tenth of the labels wrong). A small convolutional net learns MNIST (ten patches of the first
feature map). Embeddings and the network of the digits learn a generated text (ten words). There are
three seeds each. "fall" is the drop of the mean order of salient interactions from its highest to
its lowest value, and "rise" goes from there to its highest later one. Theory takes the interactions
of the last epoch as converged and fits one noise level to every epoch of phase 2.
"""

import gzip
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.model_selection import train_test_split
from skorch import NeuralNetClassifier
from torch import nn

from benchmarks.paper.simulated import CACHE
from skgeh.symbolic import FeatureMap, InteractionDynamics, fit_noise_level, patches
from skgeh.symbolic.interactions import _distribution

PAGES = Path(__file__).parents[1] / "docs/symbolic"
SEEDS = (0, 1, 2)
SAMPLES = 6  # that are explained
TIMES = 6  # columns of the picture


@dataclass
class Case:
    """Data, network and how samples are masked."""

    train: tuple[NDArray, NDArray]
    test: tuple[NDArray, NDArray]
    module: Callable[[], nn.Module]
    epochs: int
    rate: float
    batch: int = 64
    masking: dict[str, Any] | None = None


def run(quick: bool = False) -> list[dict]:
    names = ("digits",) if quick else tuple(CASES)
    settings = [(name, seed, quick) for name in names for seed in (SEEDS[:1] if quick else SEEDS)]
    runs = [one(*setting) if quick else CACHE.cache(one)(*setting) for setting in settings]
    rows, drawn = [], {}
    for (name, seed, _), (watch, fits) in zip(settings, runs, strict=True):
        rows.append(phases(name, seed, watch, fits))
        drawn.setdefault(name, (watch, fits))
    if not quick:
        PAGES.mkdir(exist_ok=True)
        orders_picture(drawn).savefig(PAGES / "dynamics.png", dpi=80)
        losses_picture(drawn).savefig(PAGES / "losses.png", dpi=80)
        theory_picture(drawn).savefig(PAGES / "theory.png", dpi=80)
    return rows


def one(name: str, seed: int, quick: bool) -> tuple[InteractionDynamics, list[tuple]]:
    """A training that was watched, and its theory."""
    case = CASES[name](seed)
    watch = watched(replace(case, epochs=3) if quick else case, seed, 3 if quick else SAMPLES)
    fits = theory(watch)
    watch.X = watch.y = watch.test = watch.baseline = None  # no data into the cache
    return watch, fits


def watched(case: Case, seed: int, n_samples: int) -> InteractionDynamics:
    """Train and watch."""
    torch.manual_seed(seed)
    X, y = case.train
    watch = InteractionDynamics(
        X[:n_samples], y[:n_samples], test=case.test, **(case.masking or {"baseline": X.mean(0)})
    )
    net = NeuralNetClassifier(
        case.module(),
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=case.rate,
        batch_size=case.batch,
        max_epochs=case.epochs,
        iterator_train__shuffle=True,
        train_split=None,
        callbacks=[watch],
        verbose=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the monitor speaks, as it should
        net.fit(X, y)
    return watch


def phases(name: str, seed: int, watch: InteractionDynamics, fits: list[tuple]) -> dict:
    """The phases of a run."""
    records = watch.records_
    order = np.array([one["mean_order"] for one in records])
    gap = np.array([one["gap"] for one in records])
    loss = np.array([one["test_loss"] for one in records])
    lowest = int(np.nanargmin(order))
    fall = float(np.nanmax(order[: lowest + 1]) - order[lowest])
    rise = float(np.nanmax(order[lowest:]) - order[lowest])
    epochs = [one["epoch"] for one in records]
    distances = [fit.distance for _, _, fit in fits]
    levels = [fit.sigma2 for _, _, fit in fits]
    falling = spearmanr(range(len(levels)), levels).statistic if len(set(levels)) > 2 else None
    return {
        "data": name,
        "seed": seed,
        "first order": float(order[0]),
        "lowest order": float(order[lowest]),
        "last order": float(order[-1]),
        "fall": fall,
        "rise": rise,
        "two phases": bool(fall >= 1.5 and rise >= 1),
        "switch": epochs[lowest],
        "gap widens": epochs[gap_onset(gap, loss)],
        "best test loss": epochs[int(np.nanargmin(loss))],
        "epochs": epochs[-1],
        "last gap": float(gap[-1]),
        "TV, median": float(np.median(distances)) if fits else None,
        "TV, worst": float(np.max(distances)) if fits else None,
        "noise falls (rank corr.)": None if falling is None else float(falling),
        "first noise": levels[0] if fits else None,
        "last noise": levels[-1] if fits else None,
    }


def gap_onset(gap: NDArray, loss: NDArray) -> int:
    """First measurement from which on the gap stays above 5 % of the first test loss."""
    above = ~(gap <= 0.05 * loss[0])
    stays = np.logical_and.accumulate(above[::-1])[::-1]
    return int(np.argmax(stays)) if stays.any() else len(gap) - 1


def theory(watch: InteractionDynamics) -> list[tuple]:
    """Epoch, measured distribution and fit for every measurement after the switch but the last."""
    found = watch.interactions_
    w_star, tau = np.stack(found.merged), found.threshold()
    order = np.array([one["mean_order"] for one in watch.records_])
    later = watch.records_[int(np.nanargmin(order)) : -1]
    fits = []
    for record in later:
        measured = np.array(record["strength"])
        if not measured.any():
            continue
        # the threshold of a time is a share of the output's change at that time
        at = tau * record["change"] / found.change.mean()
        fit = fit_noise_level(w_star, measured, tau=at)
        fits.append((record["epoch"], _distribution(measured), fit))
    return fits


def mlp(n_in: int, n_out: int) -> nn.Module:
    layers: list[nn.Module] = []
    for width in (n_in, 128, 128, 128):
        layers += [nn.Linear(width, 128), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(128, n_out))


def scaled(X: NDArray, y: NDArray, seed: int) -> list[NDArray]:
    """A split of 60 to 40, in standard units of the training rows."""
    parts = train_test_split(X, y, test_size=0.4, random_state=seed, stratify=y)
    mean, sd = parts[0].mean(0), parts[0].std(0) + 1e-9
    parts[:2] = [((part - mean) / sd).astype(np.float32) for part in parts[:2]]
    return parts


def digits(seed: int) -> Case:
    X, y = load_digits(return_X_y=True)
    pooled = X.reshape(-1, 4, 2, 4, 2).mean((2, 4)).reshape(-1, 16)
    kept = np.sort(np.argsort(-pooled.var(0))[:10])
    X, X_test, y, y_test = scaled(pooled[:, kept], y, seed)
    return Case((X, y), (X_test, y_test), lambda: mlp(10, 10), epochs=150, rate=3e-4)


def breast_cancer(seed: int) -> Case:
    X, y = load_breast_cancer(return_X_y=True)
    X, X_test, y, y_test = scaled(X[:, :10], y, seed)
    wrong = np.random.default_rng(seed).random(len(y)) < 0.1
    noisy = np.where(wrong, 1 - y, y)
    return Case((X, noisy), (X_test, y_test), lambda: mlp(10, 2), epochs=300, rate=3e-4)


def idx(name: str) -> NDArray[np.uint8]:
    """An array from MNIST's files."""
    path = Path(os.environ["SKGEH_DATA"]) / "mnist" / f"{name}.gz"
    raw = gzip.decompress(path.read_bytes())
    shape = [int.from_bytes(raw[4 + 4 * k : 8 + 4 * k], "big") for k in range(raw[3])]
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(shape)


def mnist(seed: int) -> Case:
    rng = np.random.default_rng(seed)
    parts = []
    for name, n in (("train", 2000), ("t10k", 2000)):
        images, labels = idx(f"{name}-images-idx3-ubyte"), idx(f"{name}-labels-idx1-ubyte")
        rows = rng.permutation(len(images))[:n]
        X = (images[rows, None] / 255 - 0.13).astype(np.float32) / 0.31
        parts.append((X, labels[rows].astype(np.int64)))
    # the ten inner patches of 28 x 28 in sevenths that vary most; the others are always there
    energy = parts[0][0].var(0)[0].reshape(4, 7, 4, 7).mean((1, 3)).ravel()
    number = np.full(16, -1)
    number[np.sort(np.argsort(-energy)[:10])] = np.arange(10)
    players = number[patches((28, 28), (7, 7))]
    masking = {"baseline": FeatureMap("1"), "players": players}
    return Case(*parts, convolutional, epochs=40, rate=5e-4, masking=masking)


def convolutional() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 16, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(16 * 49, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
    )


WORDS, MASK = 40, 40  # a vocabulary, and the id of the mask token after it


def text(seed: int) -> Case:
    """Ten words per sentence, good and bad; "not" before one turns it; a tenth mislabelled.

    Words 0-9 are good, 10-19 bad, 20 and 21 are negations, the others mean nothing.
    """
    rng = np.random.default_rng(seed)
    sentences = rng.integers(0, WORDS, (2000, 10))
    worth = np.where(sentences < 10, 1, np.where(sentences < 20, -1, 0))
    turned = np.zeros_like(worth, dtype=bool)
    turned[:, 1:] = (sentences[:, :-1] == 20) | (sentences[:, :-1] == 21)
    total = np.where(turned, -worth, worth).sum(1)
    y = (total + rng.uniform(-0.5, 0.5, len(total)) > 0).astype(np.int64)
    train, test = slice(0, 800), slice(800, None)
    noisy = np.where(rng.random(800) < 0.1, 1 - y[train], y[train])
    return Case(
        (sentences[train], noisy),
        (sentences[test], y[test]),
        Words,
        epochs=100,
        rate=5e-4,
        masking={"baseline": MASK},
    )


class Words(nn.Module):
    """Embeddings in their order, and three layers."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(WORDS + 1, 16)
        self.layers = nn.Sequential(nn.Flatten(), mlp(160, 2))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.layers(self.embed(tokens))


CASES: dict[str, Callable[[int], Case]] = {
    "digits": digits,
    "breast cancer": breast_cancer,
    "MNIST": mnist,
    "text": text,
}


def shown_times(watch: InteractionDynamics) -> list[dict]:
    """Records at the start, the switch, the end and between."""
    records = watch.records_
    lowest = int(np.nanargmin([one["mean_order"] for one in records]))
    places = {0, lowest, *np.linspace(0, lowest, 3).astype(int)}
    places |= set(np.linspace(lowest, len(records) - 1, 4).astype(int).tolist())
    return [records[k] for k in sorted(places)][:TIMES]


def orders_picture(drawn: dict) -> Figure:
    figure = Figure(figsize=(2.2 * TIMES, 1.9 * len(drawn)), layout="constrained")
    axes = figure.subplots(len(drawn), TIMES, squeeze=False, sharex=True)
    for line, (name, (watch, _)) in zip(axes, drawn.items(), strict=True):
        for ax in line:
            ax.set_visible(False)
        for ax, record in zip(line, shown_times(watch), strict=False):
            ax.set_visible(True)
            places = np.arange(1, len(record["strength"]) + 1)
            ax.bar(places, np.array(record["positive"]) / record["change"], color="#b2182b")
            ax.bar(places, np.array(record["negative"]) / record["change"], color="#2166ac")
            ax.set_title(f"{name}, epoch {record['epoch']}", fontsize="small")
            ax.tick_params(labelsize="x-small")
    return figure


def losses_picture(drawn: dict) -> Figure:
    figure = Figure(figsize=(3.2 * len(drawn), 4.6), layout="constrained")
    axes = figure.subplots(2, len(drawn), squeeze=False)
    for (above, below), (name, (watch, _)) in zip(axes.T, drawn.items(), strict=True):
        frame = watch.to_frame()
        epoch = frame["epoch"] + 1
        above.plot(epoch, frame["mean_order"], "o-", ms=3, color="0.2")
        above.set(title=name, ylabel="mean order", xscale="log")
        for column, colour in (("train_loss", "#2166ac"), ("test_loss", "#b2182b"), ("gap", "0.4")):
            below.plot(epoch, frame[column], color=colour, label=column.replace("_", " "))
        below.set(xlabel="epoch + 1", ylabel="loss", xscale="log")
        for ax in (above, below):
            ax.axvline(frame["epoch"][frame["mean_order"].idxmin()] + 1, color="0.7", ls=":")
    axes[1, 0].legend(frameon=False, fontsize="small")
    return figure


def theory_picture(drawn: dict) -> Figure:
    figure = Figure(figsize=(9, 2 * len(drawn)), layout="constrained")
    axes = figure.subplots(len(drawn), 3, squeeze=False)
    for line, (name, (_, fits)) in zip(axes, drawn.items(), strict=True):
        chosen = [fits[k] for k in np.linspace(0, len(fits) - 1, 3).astype(int)] if fits else []
        for ax, (epoch, measured, fit) in zip(line, chosen, strict=False):
            places = np.arange(1, len(measured) + 1)
            ax.bar(places - 0.2, measured, 0.4, color="0.6", label="measured")
            ax.bar(places + 0.2, fit.distribution, 0.4, color="#b2182b", label="theory")
            title = f"{name}, epoch {epoch}: noise {fit.sigma2:.2g}, TV {fit.distance:.2f}"
            ax.set_title(title, fontsize="small")
            ax.tick_params(labelsize="x-small")
    axes[0, 0].legend(frameon=False, fontsize="small")
    return figure
