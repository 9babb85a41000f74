"""Rows of one table for every copy, in batches that are slices of tensors."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_EPOCH_BATCHES = 20  # an epoch is one pass over the rows, or this many batches if that is less


@dataclass
class Rows(torch.utils.data.Dataset):
    """Rows of one table, chosen for every copy.

    Parameters
    ----------
    inputs : Tensor of shape (n, columns)
    targets : Tensor of shape (n, c) or (S, n, c)
        One target for all copies, or each copy's own.
    weights : Tensor of shape (n, 1)
        Sample weights with mean 1.
    rows : ndarray of shape (N, m)
        The m rows that each copy sees. If copies have their own targets, there may be S = N, 2 N,
        ... copies; copies s and s + N see the same rows in the same order.
    held_out : Rows, optional
        The rows that each copy is validated on.
    perturbations : Tensor of shape (S, n, c), optional
        Standard normal numbers that perturb each copy's targets or row weights; 0 means not at all.
    """

    inputs: Tensor
    targets: Tensor
    weights: Tensor
    rows: NDArray[np.intp]
    held_out: "Rows | None" = None
    perturbations: Tensor | None = None

    def __post_init__(self) -> None:
        """Join all columns that are read by row, so that a batch is one look-up."""
        shared = [self.targets] if self.targets.ndim == 2 else []
        self.table = torch.cat([self.inputs, self.weights, *shared], dim=1)

    def __len__(self) -> int:
        return self.rows.shape[1]

    @property
    def n_copies(self) -> int:
        """Number of copies ``S``."""
        return len(self.rows) if self.targets.ndim == 2 else len(self.targets)

    def batch(self, rows: NDArray[np.intp]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Inputs (S, b, columns), targets (S, b, c) and weights (S, b, 1) of the given rows.

        The perturbations follow the weights, if there are any.
        """
        index = torch.from_numpy(rows).to(self.table.device)
        found, end = self.table[index], self.inputs.shape[1]
        weights, targets = found[..., end : end + 1], found[..., end + 1 :]
        if self.targets.ndim == 3:
            again = self.n_copies // len(rows)
            found, weights = found.repeat(again, 1, 1), weights.repeat(again, 1, 1)
            index = index.repeat(again, 1)
        copies = torch.arange(len(index), device=index.device)[:, None]
        if self.targets.ndim == 3:
            targets = self.targets[copies, index]
        moves = [] if self.perturbations is None else [self.perturbations[copies, index]]
        return found[..., :end], (targets, weights, *moves)


class _Slices:
    """Batches of a `Rows` data set; in training, every copy has its rows in its own order."""

    def __init__(self, dataset: Rows, batch_size: int, seed: int | None = None):
        self.dataset, self.batch_size = dataset, batch_size
        self.generator = None if seed is None else np.random.default_rng(seed)

    def __len__(self) -> int:
        if self.generator is None:
            return math.ceil(len(self.dataset) / self.batch_size)
        return _n_batches(len(self.dataset), self.batch_size)

    def __iter__(self) -> Iterator[tuple]:
        rows = self.dataset.rows
        if self.generator is not None:
            rows = self.generator.permuted(rows, axis=1)
        for start in range(0, len(self) * self.batch_size, self.batch_size):
            yield self.dataset.batch(rows[:, start : start + self.batch_size])


def _n_batches(n_rows: int, batch_size: int) -> int:
    """Number of batches in an epoch."""
    return max(1, min(_EPOCH_BATCHES, n_rows // batch_size))
