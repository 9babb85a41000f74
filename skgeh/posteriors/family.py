"""A family of posteriors over networks: an architecture, its stack, and how it learns a table.

Draws of one trained network, and even an ensemble, vary too little: the networks share the data and
their noise. Networks trained on targets with as much noise added again vary as the noise of the
data would make them vary (perturb and fit). They serve draws; predictions and rankings come from
networks that saw the targets as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from numbers import Integral, Real
from operator import attrgetter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_scalar
from torch import Tensor

from skgeh.geh.activations import get_activation
from skgeh.geh.functions import Function, evaluate
from skgeh.geh.task import HeldOut, Learned, Task
from skgeh.posteriors._stack import HybridStack, StackPosterior
from skgeh.tables.rows import MAX_POINTS


class Family(BaseEstimator):
    """A family of posteriors over networks: an architecture and the stack that trains it.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=(100, 100, 100)
        Units in each hidden layer.
    activation : {"gelu", "softplus", "tanh", "silu", "logistic"}, default="gelu"
        A smooth activation.
    length_scale : float, default=None
        Inverse prior standard deviation of the weights; None means ``sqrt(shrinkage * fan_in)``.
    shrinkage : float, default=0.1
        Prior precision of a weight, per unit that enters its layer.
    n_perturbed : int, default=4
        Number of further networks, trained on targets with as much noise added as the data have, or
        for labels with random row weights. Draws, and so effects and intervals, come from them in
        turn. With 0, draws come from the networks that predict, whose intervals are too narrow if
        there is noise.
    """

    _stack: type[HybridStack]

    def __init__(
        self,
        hidden_layer_sizes=(100, 100, 100),
        activation="gelu",
        length_scale=None,
        shrinkage=0.1,
        n_perturbed=4,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.length_scale = length_scale
        self.shrinkage = shrinkage
        self.n_perturbed = n_perturbed

    def check(self) -> None:
        """Raise an error if a parameter cannot be used, or no interactions are to be had."""
        sizes = self.hidden_layer_sizes
        given = isinstance(sizes, Sequence) and len(sizes) > 0
        if not given or not all(isinstance(size, Integral) and int(size) > 0 for size in sizes):
            raise ValueError(
                "hidden_layer_sizes must be a tuple of one or more whole numbers above 0, such as "
                f"(100, 100, 100); got {sizes!r}."
            )
        get_activation(self.activation)
        above_zero = {"target_type": Real, "min_val": 0, "include_boundaries": "neither"}
        check_scalar(self.shrinkage, "shrinkage", **above_zero)
        if self.length_scale is not None:
            check_scalar(self.length_scale, "length_scale", **above_zero)
        check_scalar(self.n_perturbed, "n_perturbed", Integral, min_val=0)

    def learn(self, task: Task, trainer: Any, seed: int) -> Learned:
        """Train networks on the targets, and others on perturbed targets for draws.

        Parameters
        ----------
        task : Task
        trainer : Trainer
        seed : int
        """
        copies = trainer.n_networks, self.n_perturbed
        held_out, training = trainer.split(task, sum(copies), np.random.default_rng(seed))
        n_moved = 1 if task.likelihood.moves_rows else task.y.shape[1]
        moves = _perturbations(*copies, len(task.X), n_moved, seed)
        net, stack = trainer.train(self, task, held_out, seed, training=training, moves=moves)
        own, posterior = held_out[: copies[0]], PerturbedPosterior.of(stack, *copies)
        rows = own[:, : max(1, MAX_POINTS // len(own))]
        predict = partial(_of_own_rows, posterior.members(), task.X[rows])
        noise = net.criterion_.noise[: copies[0]].mean(0).cpu().numpy().astype(np.float64)
        return Learned(posterior, noise, HeldOut(rows.ravel(), predict), net)

    def build(
        self,
        n_features: int,
        n_outputs: int,
        n_copies: int,
        main_columns: tuple[int, int],
        seed: int,
        n_starts: int | None = None,
    ) -> HybridStack:
        """Untrained copies; see `HybridStack`."""
        given = self.get_params()
        del given["n_perturbed"]
        widths = [n_features, *given.pop("hidden_layer_sizes"), n_outputs]
        given |= {"main_columns": main_columns, "seed": seed, "n_starts": n_starts}
        return self._stack(widths, n_copies, **given)


def _of_own_rows(members: Function, X: NDArray) -> NDArray[np.float64]:
    """Predictions of each of E networks for its own rows X (E, h, d), shape (E h, c)."""
    n_networks, n_rows = X.shape[:2]
    values = evaluate(members, X.reshape(n_networks * n_rows, -1), n_networks)
    each = np.arange(n_networks)
    own = values.reshape(n_networks, n_networks, n_rows, -1)[each, each]
    return own.reshape(n_networks * n_rows, -1)


@dataclass(frozen=True, eq=False)
class PerturbedPosterior:
    """Draws from perturbed networks; mean functions from the others.

    Parameters
    ----------
    networks : StackPosterior
        Trained on the targets.
    perturbed : StackPosterior
        Trained on the targets with noise added.

    References
    ----------
    J. Bardsley, A. Solonen, H. Haario, M. Laine, "Randomize-then-optimize", SIAM J. Sci. Comput.
    36, 2014.
    """

    networks: StackPosterior
    perturbed: StackPosterior

    @classmethod
    def of(cls, stack: StackPosterior, n_networks: int, n_perturbed: int) -> Any:
        """Split a stack whose first copies are unperturbed; return all of it if all copies are."""
        copies = torch.arange(n_networks + n_perturbed)
        return cls(stack[copies[:n_networks]], stack[copies[n_networks:]]) if n_perturbed else stack

    n_features = property(attrgetter("networks.n_features"), doc="Number of features ``d``.")
    n_outputs = property(attrgetter("networks.n_outputs"), doc="Number of outputs ``c``.")

    @property
    def unperturbed(self) -> StackPosterior:
        """Draws from the networks that saw the targets as they are."""
        return self.networks

    def draw(self, n_draws: int, generator: torch.Generator, first: int = 0) -> Function:
        """Draw functions from the perturbed networks in turn; see `RandomFunction`."""
        return self.perturbed.draw(n_draws, generator, first)

    def members(self) -> Function:
        """Mean function of every network trained on the original targets."""
        return self.networks.members()


def _perturbations(
    n_networks: int, n_perturbed: int, n_rows: int, n_targets: int, seed: int
) -> Tensor | None:
    """Standard normal numbers for every copy, (S, n, c): 0 for the first, then z and -z in turn.

    Examples
    --------
    >>> moves = _perturbations(n_networks=1, n_perturbed=2, n_rows=4, n_targets=1, seed=0)
    >>> moves.shape, moves.sum().item()
    (torch.Size([3, 4, 1]), 0.0)
    """
    if n_perturbed == 0:
        return None
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(-(-n_perturbed // 2), n_rows, n_targets, generator=generator)
    both = torch.stack([noise, -noise], dim=1).flatten(0, 1)[:n_perturbed]
    return torch.cat([torch.zeros(n_networks, n_rows, n_targets), both])
