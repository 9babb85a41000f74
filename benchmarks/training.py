"""Our skorch fit against skorch with its default loader and callbacks, same epochs, one network.

The default is NeuralNet with a DataLoader over a Dataset of rows, Adam, epoch timing, train and
validation scores, and a printed log. It runs once with concrete dropout as its authors wrote it, in
elementary torch operations, and once with our module. Ours has slices of tensors, few callbacks and
a fused optimiser. All switch dropout on at the same step; ours also takes Muon steps on hidden
matrices.
"""

import contextlib
import os

import numpy as np
import torch
from skorch import NeuralNet
from skorch.dataset import Dataset
from skorch.helper import predefined_split
from torch import nn

from benchmarks.measure import cpu_seconds, gigaflops, matrix_product
from skgeh.geh.likelihoods import SquaredError
from skgeh.posteriors import ConcreteDropout
from skgeh.training._callbacks import Annealing
from skgeh.training.loop import Settings, train
from skgeh.training.objective import Objective
from skgeh.training.rows import Rows, _n_batches


def run(quick: bool = False) -> list[dict]:
    sizes = [("8-30-1", (30,), 600, 50, 20), ("8-100-100-100-1", (100,) * 3, 5000, 250, 5)]
    return [compare(*size, quick) for size in sizes]


def compare(name, hidden, n, batch_size, epochs, quick) -> dict:
    epochs = 1 if quick else epochs
    generator = np.random.default_rng(0)
    X = generator.normal(size=(n, 8)).astype(np.float32)
    y = (X[:, :1] * X[:, 1:2]).astype(np.float32)
    table = X, y, n // 10, batch_size, epochs
    functions = {
        "ours": lambda: ours(hidden, *table),
        "published": lambda: default(Published([8, *hidden, 1]), *table),
        "our module": lambda: default(OneCopy(hidden), *table),
        "product": matrix_product(),
    }
    steps = functions["ours"]()
    assert steps == functions["published"]() == functions["our module"]() > 0
    seconds = cpu_seconds(functions, repeats=1 if quick else 7)
    return {
        "network": name,
        "rows": n,
        "steps": steps,
        "ours, ms a step": 1e3 * seconds["ours"] / steps,
        "ours / default": seconds["ours"] / seconds["published"],
        "ours / default with our module": seconds["ours"] / seconds["our module"],
        "product GFLOP/s": gigaflops(seconds["product"]),
    }


def ours(hidden, X, y, split, batch_size, epochs) -> int:
    table = torch.from_numpy(X), torch.from_numpy(y), torch.ones(len(X), 1)
    rows = np.arange(len(X))[None]
    net = train(
        ConcreteDropout(hidden),
        Rows(*table, rows[:, split:], held_out=Rows(*table, rows[:, :split])),
        Settings(max_epochs=epochs, batch_size=batch_size),
        Objective(SquaredError(), n_samples=float(len(X))),
        n_features=8,
        main_columns=(0, 8),
        seed=0,
    )
    return steps_of(net)


class Published(nn.Module):
    """Per-node concrete dropout with linear main effects, as its authors wrote it."""

    noisy = False

    def __init__(self, widths):
        super().__init__()
        self.linear = nn.ModuleList(map(nn.Linear, widths[:-1], widths[1:]))
        self.logits = nn.ParameterList(torch.full((width,), -2.0) for width in widths[:-1])
        self.main = nn.Linear(widths[0], 1)

    def start_noise(self):
        self.noisy = True

    def after_step(self):
        pass

    def forward(self, x):
        a, penalty, eps = x, 0.0, 1e-7
        for layer, (linear, logit) in enumerate(zip(self.linear, self.logits, strict=True)):
            p = torch.sigmoid(logit)
            if self.noisy:
                u = torch.rand_like(a)
                drop = torch.log(p + eps) - torch.log(1 - p + eps)
                drop = drop + torch.log(u + eps) - torch.log(1 - u + eps)
                a = a * (1 - torch.sigmoid(drop / 0.1)) / (1 - p)
            weights = (linear.weight.square().sum(0) / (1 - p)).sum() + linear.bias.square().sum()
            dropout = (p * torch.log(p) + (1 - p) * torch.log(1 - p)).sum()
            penalty = penalty + 1e-6 * weights + 1e-5 * dropout
            a = linear(a)
            if layer < len(self.linear) - 1:
                a = nn.functional.gelu(a)
        return a + self.main(x), penalty


class OneCopy(nn.Module):
    """Our stack, for batches without the axis of copies."""

    def __init__(self, hidden):
        super().__init__()
        self.stack = ConcreteDropout(hidden).build(8, 1, 1, main_columns=(0, 8), seed=0)
        self.start_noise, self.after_step = self.stack.start_noise, self.stack.after_step

    def forward(self, x):
        return self.stack(x[None])[0], 1e-6 * self.stack.kl().sum()


class DefaultNet(NeuralNet):
    """skorch as it comes, for modules that return their penalty with the prediction."""

    def get_loss(self, y_pred, y_true, X=None, training=False):
        prediction, penalty = y_pred
        return (prediction - y_true).square().mean() + self.criterion_.kl_weight * penalty


def default(module, X, y, split, batch_size, epochs) -> int:
    net = DefaultNet(
        module,
        criterion=nn.MSELoss,
        optimizer=torch.optim.Adam,
        lr=3e-3,
        max_epochs=epochs,
        batch_size=batch_size,
        iterator_train__shuffle=True,
        iterator_train__drop_last=True,
        train_split=predefined_split(Dataset(X[:split], y[:split])),
        callbacks=[Annealing(epochs * _n_batches(len(X) - split, batch_size))],
    )
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        net.fit(X[split:], y[split:])
    return steps_of(net)


def steps_of(net) -> int:
    return sum(row["train_batch_count"] for row in net.history)
