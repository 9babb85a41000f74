"""Stands for the training of networks, remembering what it was asked for; small tables."""

from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import numpy as np
import torch

from skgeh import BayesianInteractionRegressor
from skgeh.geh.likelihoods import SquaredError
from skgeh.geh.task import Task
from skgeh.posteriors.trainer import Trainer
from tests.oracles import random_posterior


@dataclass(frozen=True, eq=False)
class Training(Trainer):
    noise: float = 0.1
    calls: list = field(default_factory=list)

    def train(self, family, task, held_out, seed, *, training=None, moves=None):
        self.calls.append(SimpleNamespace(family=family, held_out=held_out, moves=moves, seed=seed))
        noise = torch.full((len(held_out),), self.noise) * torch.linspace(0.5, 1.5, len(held_out))
        net = SimpleNamespace(
            module_=SimpleNamespace(noise_variance=noise),
            criterion_=SimpleNamespace(noise=noise[:, None]),
        )
        return net, random_posterior([task.X.shape[1], 4, 1], n_copies=len(held_out))

    @property
    def families(self):
        return [type(call.family) for call in self.calls]


def task_of(n=100, d=3, weight=None):
    X = np.random.default_rng(0).normal(size=(n, d))
    y = X[:, 0] * X[:, 1] + 0.3 * np.random.default_rng(1).normal(size=n)
    weight = np.ones(n) if weight is None else weight
    y = (y - y.mean()) / y.std()
    return Task(X, y[:, None], weight, SquaredError())


def trainer_of(noise=0.1, n_networks=3):
    return Training(None, n_networks=n_networks, noise=noise)


def learned(family, trainer=None, seed=0, **given):
    """A family that learns a task by a stand-in."""
    return family.learn(task_of(**given), trainer_of() if trainer is None else trainer, seed)


def table(n=200, noise=1.0, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    return X, X[:, 0] * X[:, 1] + noise * rng.normal(size=n)


def regressor(**given):
    defaults = {"hidden_layer_sizes": (16, 16), "posterior": "concrete_dropout", "max_epochs": 15}
    defaults |= {"n_groups": 4, "n_draws": 100, "random_state": 0}
    return BayesianInteractionRegressor(**{**defaults, **given})


__all__ = ["Training", "learned", "regressor", "replace", "table", "task_of", "trainer_of"]
