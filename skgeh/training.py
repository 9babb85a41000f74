"""Training: a skorch NeuralNet whose module is a stack of copies and whose loss is the ELBO.

Per copy, and in units of the squared error, the negative evidence lower bound is

    mean_i w_i (y_i - f(x_i))^2  +  kappa * (2 s^2 / n) * KL(q || prior),

with s^2 the noise variance, measured on rows that the copy never trains on, and kappa rising from 0
to 1. Batches are slices of tensors and the loss of all copies is one number: their gradients do not
mix.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from skorch import NeuralNet
from torch import Tensor

from skgeh.callbacks import RAMP, Annealing, BestState, HeldOutNoise, Progress
from skgeh.muon import Muon
from skgeh.networks.hybrid import Family, HybridStack

MUON_RATE = 20 / 3  # learning rate of hidden matrices, in units of the others'
DROPOUT_RATE = 60  # the same of dropout logits: at the others' rate they never leave their start
EPOCH_BATCHES = 20  # an epoch is one pass over the rows, or that many batches if it is fewer


@dataclass
class Rows(torch.utils.data.Dataset):
    """Rows of one table, chosen copy by copy.

    Parameters
    ----------
    inputs : Tensor of shape (n, columns)
    targets : Tensor of shape (n, c) or (S, n, c)
        One target for all copies, or each copy's own.
    weights : Tensor of shape (n, 1)
        Sample weights with mean 1.
    rows : ndarray of shape (N, m)
        The m rows that each copy sees. With targets of their own there may be S = N, 2 N, ...
        copies, of which s and s + N see the same rows in the same order.
    held_out : Rows, optional
        The rows that each copy is validated on.
    perturbations : Tensor of shape (S, n, 1), optional
        Standard normal numbers by which a copy's targets are moved, in units of its noise.
    """

    inputs: Tensor
    targets: Tensor
    weights: Tensor
    rows: NDArray[np.intp]
    held_out: "Rows | None" = None
    perturbations: Tensor | None = None

    def __post_init__(self) -> None:
        """Lay what is read by row side by side: a batch is then one look-up."""
        shared = [self.targets] if self.targets.ndim == 2 else []
        self.table = torch.cat([self.inputs, self.weights, *shared], dim=1)

    def __len__(self) -> int:
        return self.rows.shape[1]

    @property
    def n_copies(self) -> int:
        """Number of copies ``S``."""
        return len(self.rows) if self.targets.ndim == 2 else len(self.targets)

    def batch(self, rows: NDArray[np.intp]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Inputs (S, b, columns), targets (S, b, c) and weights (S, b, 1) of the rows given.

        After the weights come the perturbations, if there are any.
        """
        index = torch.from_numpy(rows).to(self.table.device)
        found, end = self.table[index], self.inputs.shape[1]
        copies = torch.arange(len(index), device=index.device)[:, None]
        if self.targets.ndim == 2:
            known = found[..., end + 1 :], found[..., end : end + 1]
            if self.perturbations is None:
                return found[..., :end], known
            return found[..., :end], (*known, self.perturbations[copies, index])
        found = found.repeat(self.n_copies // len(rows), 1, 1)
        index = index.repeat(self.n_copies // len(rows), 1)
        targets = self.targets[torch.arange(len(index), device=index.device)[:, None], index]
        return found[..., :end], (targets, found[..., end:])


class Slices:
    """Batches of a `Rows` data set: for training every copy has its own order of its rows."""

    def __init__(self, dataset: Rows, batch_size: int, seed: int | None = None):
        self.dataset, self.batch_size = dataset, batch_size
        self.generator = None if seed is None else np.random.default_rng(seed)

    def __len__(self) -> int:
        if self.generator is None:
            return math.ceil(len(self.dataset) / self.batch_size)
        return n_batches(len(self.dataset), self.batch_size)

    def __iter__(self) -> Iterator[tuple]:
        rows = self.dataset.rows
        if self.generator is not None:
            rows = self.generator.permuted(rows, axis=1)
        for start in range(0, len(self) * self.batch_size, self.batch_size):
            yield self.dataset.batch(rows[:, start : start + self.batch_size])


def n_batches(n_rows: int, batch_size: int) -> int:
    """Batches in an epoch."""
    return max(1, min(EPOCH_BATCHES, n_rows // batch_size))


class StackNet(NeuralNet):
    """skorch's NeuralNet for a `HybridStack` on `Rows`."""

    def get_loss(
        self, y_pred: Tensor, y_true: tuple, X: Any = None, training: bool = False
    ) -> Tensor:
        """Negative ELBO of all copies in training, mean held-out error otherwise."""
        targets, weights, *moves = y_true
        if moves:
            targets = targets + perturbation(self.module_.noise_variance) * moves[0]
        errors = squared_error(y_pred, targets, weights)
        if training:
            return negative_elbo(errors, self.module_, self.kl_weight_, self.n_samples_).sum()
        self.held_out_errors_ = errors / weights.mean((1, 2))
        return self.held_out_errors_.mean()

    def get_split_datasets(
        self, X: Rows, y: None = None, **fit_params: Any
    ) -> tuple[Rows, Rows | None]:
        """Training and held-out rows, as the data set names them."""
        return X, X.held_out


def squared_error(predictions: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean squared error of each copy, shape (S,)."""
    return ((predictions - targets).square() * weights).mean((1, 2))


def perturbation(noise_variance: Tensor) -> Tensor:
    """Scale of what moves the targets, nearly the noise's own and 0 on clean data, (S, 1, 1)."""
    return (noise_variance / (noise_variance + 0.01).sqrt())[:, None, None]


def negative_elbo(errors: Tensor, stack: HybridStack, kl_weight: float, n_samples: float) -> Tensor:
    """Negative evidence lower bound of each copy, times twice the noise variance, shape (S,)."""
    return errors + kl_weight * 2 * stack.noise_variance / n_samples * stack.kl()


def train(
    network: Family,
    rows: Rows,
    *,
    main_columns: tuple[int, int],
    n_features: int,
    n_samples: float,
    max_epochs: int,
    batch_size: int,
    learning_rate: float,
    patience: int | None,
    callbacks: Sequence[Any],
    device: str,
    verbose: bool,
    seed: int,
) -> StackNet:
    """Train a stack of copies, one for each line of ``rows.rows`` or target.

    Parameters
    ----------
    network : Family
        ConcreteDropout or another of `skgeh.networks`.
    rows : Rows
        With held-out rows.
    main_columns, n_features
        Which input columns enter the main effects, and how many enter the network.
    n_samples : float
        Sum of the sample weights: what the prior is weighed against.
    max_epochs, batch_size, learning_rate, patience, callbacks, device, verbose
        As in the estimators.
    seed : int

    Returns
    -------
    StackNet
        Trained; its ``module_`` is a `HybridStack`, its ``history`` skorch's.
    """
    n_steps = max_epochs * n_batches(len(rows), batch_size)
    init_seed, batch_seed = np.random.SeedSequence(seed).generate_state(2, np.uint32).tolist()
    first_epoch = math.ceil(RAMP * max_epochs) + 1
    ours = [
        ("annealing", Annealing(n_steps)),
        ("noise", HeldOutNoise()),
        *([("best", BestState(patience, first_epoch))] if patience else []),
        *([("progress", Progress(n_steps))] if verbose else []),
    ]
    net = StackNet(
        network.build,
        module__n_features=n_features,
        module__n_outputs=rows.targets.shape[-1],
        module__n_copies=rows.n_copies,
        module__n_starts=len(rows.rows),
        module__main_columns=main_columns,
        module__seed=init_seed,
        criterion=torch.nn.MSELoss,
        optimizer=Muon,
        optimizer__fused=True,
        optimizer__param_groups=parameter_groups(network, learning_rate),
        lr=learning_rate,
        max_epochs=max_epochs,
        batch_size=batch_size,
        iterator_train=Slices,
        iterator_train__seed=batch_seed,
        iterator_valid=Slices,
        iterator_valid__batch_size=-1,
        train_split=None,
        callbacks=[*ours, *callbacks],
        callbacks__print_log=None,
        device=device,
        verbose=0,
    )
    net.n_samples_ = n_samples
    net.fit(rows)
    if (
        not net.history
        or "valid_loss" not in net.history[-1]
        or (len(net.history) < max_epochs and not (patience or callbacks))
    ):
        raise KeyboardInterrupt  # skorch takes it for the wish to stop early, and keeps it quiet
    return net


def parameter_groups(network: Family, learning_rate: float) -> list[tuple[str, dict]]:
    """Groups for `Muon`, by parameter name: hidden matrices, dropout logits, and the rest."""
    hidden = [f"weight_{layer}" for layer in range(1, len(network.hidden_layer_sizes))]
    return [
        *((name, {"lr": MUON_RATE * learning_rate, "muon": True}) for name in hidden),
        ("logit_*", {"lr": DROPOUT_RATE * learning_rate, "betas": (0.9, 0.99), "eps": 1e-12}),
    ]
