"""Short trainings on a small table."""

import numpy as np
import torch

from skgeh.geh.likelihoods import SquaredError
from skgeh.posteriors import ConcreteDropout
from skgeh.training.loop import Settings, train
from skgeh.training.objective import Objective
from skgeh.training.rows import Rows


def table(n=200, copies=3, own_targets=False, seed=0):
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(n, 3, generator=generator)
    target = inputs[:, :1] * inputs[:, 1:2] + 0.1 * torch.randn(n, 1, generator=generator)
    if own_targets:
        target = torch.stack([target * (k + 1) for k in range(copies)])
    order = np.random.default_rng(seed).permutation(n)
    held_out = order[: 20 * copies].reshape(copies, 20)
    training = np.stack([np.setdiff1d(order, rows) for rows in held_out])
    whole = inputs, target, torch.ones(n, 1)
    return Rows(*whole, training, held_out=Rows(*whole, held_out))


def trained(rows, network=None, **options):
    seed = options.pop("seed", 0)
    settings = Settings(**{"max_epochs": 20, "batch_size": 20, **options})
    objective = Objective(SquaredError(), n_samples=200.0)
    columns = {"n_features": 3, "main_columns": (0, 3)}
    family = network or ConcreteDropout((20, 20))
    return train(family, rows, settings, objective, seed=seed, **columns)


def stacked(times, targets=None, copies=3):
    """Rows of a stack in which copies s, s + N, ... see the same rows, with targets (S, n, 1)."""
    rows = table(copies=copies)
    targets = rows.targets.expand(times * copies, -1, -1) if targets is None else targets
    whole = rows.inputs, targets, rows.weights
    return Rows(*whole, rows.rows, held_out=Rows(*whole, rows.held_out.rows))


def different_targets(times=2, copies=3):
    base = table(copies=copies).targets
    generator = torch.Generator().manual_seed(7)
    return base + torch.randn(times * copies, *base.shape, generator=generator)


def rows_of(n=60, copies=4, moves=None, own_targets=False):
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(n, 3, generator=generator)
    target = inputs[:, :1] * inputs[:, 1:2] + torch.randn(n, 1, generator=generator)
    weights = torch.rand(n, 1, generator=generator) + 0.5
    order = np.random.default_rng(0).permutation(n)
    held_out = order[: 5 * copies].reshape(copies, 5)
    training = np.stack([np.setdiff1d(order, rows) for rows in held_out])
    whole = inputs, target, weights / weights.mean()
    return Rows(*whole, training, Rows(*whole, held_out), moves)
