"""Training: a skorch NeuralNet whose module is a stack of copies and whose loss is the ELBO.

Per copy, and in units of the squared error, the negative evidence lower bound of one target is

    mean_i w_i (y_i - f(x_i))^2  +  kappa * (2 s^2 / n) * KL(q || prior),

with s^2 the noise variance, measured on rows that the copy never trains on, and kappa rising from 0
to 1. Of c targets each has its own s_c^2; with their harmonic mean s^2 it is

    mean_ic w_i (s^2 / s_c^2) (y_ic - f_c(x_i))^2  +  kappa * (2 s^2 / (n c)) * KL(q || prior).

For labels the squares are cross-entropies and 2 s^2 is 1; see `likelihoods` for the units. Batches
are slices of tensors and the loss of all copies is one number: their gradients do not mix.
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
from skgeh.likelihoods import Likelihood, SquaredError, common_noise
from skgeh.muon import Muon
from skgeh.networks.hybrid import Family

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
    perturbations : Tensor of shape (S, n, c), optional
        Standard normal numbers by which what a copy learns from is moved; 0: not at all.
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
    """skorch's NeuralNet for a `HybridStack` on `Rows`; its criterion is a likelihood."""

    def get_loss(
        self, y_pred: Tensor, y_true: tuple, X: Any = None, training: bool = False
    ) -> Tensor:
        """Negative ELBO of all copies in training, mean held-out error otherwise."""
        targets, weights, *moves = y_true
        if moves:
            targets, weights = self.criterion_.perturbed(targets, weights, moves[0], self.noise_)
        errors = mean_losses(self.criterion_, self.criterion_.unit * y_pred, targets, weights)
        if training:
            scale = self.criterion_.kl_scale(self.module_.noise_variance)
            penalty = self.kl_weight_ * scale * self.module_.kl() / self.n_samples_
            return negative_elbo(errors, self.noise_, penalty).sum()
        self.held_out_errors_ = errors / weights.mean((1, 2))[:, None]
        return self.held_out_errors_.mean()

    def get_split_datasets(
        self, X: Rows, y: None = None, **fit_params: Any
    ) -> tuple[Rows, Rows | None]:
        """Training and held-out rows, as the data set names them."""
        return X, X.held_out


def mean_losses(
    likelihood: Likelihood, outputs: Tensor, targets: Tensor, weights: Tensor
) -> Tensor:
    """Weighted mean loss of each copy and target, shape (S, c); (S, 1) for labels."""
    return (likelihood.losses(outputs, targets) * weights).mean(1)


def negative_elbo(errors: Tensor, noise: Tensor, penalty: Tensor) -> Tensor:
    """Negative evidence lower bound of each copy, in units of the loss, shape (S,).

    Parameters
    ----------
    errors, noise : Tensor of shape (S, c)
        Mean losses, and those on held-out rows.
    penalty : Tensor of shape (S,)
        Divergence from the prior, per row and in the same unit.
    """
    relative = common_noise(noise)[:, None] / noise
    return (errors * relative).mean(1) + penalty / errors.shape[1]


def train(
    network: Family,
    rows: Rows,
    *,
    likelihood: Likelihood | None = None,
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
    likelihood : Likelihood, optional
        Squared error if not given.
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
        criterion=likelihood or SquaredError(),
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
    net.module_.scale_outputs(net.criterion_.unit)
    return net


def parameter_groups(network: Family, learning_rate: float) -> list[tuple[str, dict]]:
    """Groups for `Muon`, by parameter name: hidden matrices, dropout logits, and the rest."""
    hidden = [f"weight_{layer}" for layer in range(1, len(network.hidden_layer_sizes))]
    return [
        *((name, {"lr": MUON_RATE * learning_rate, "muon": True}) for name in hidden),
        ("logit_*", {"lr": DROPOUT_RATE * learning_rate, "betas": (0.9, 0.99), "eps": 1e-12}),
    ]
