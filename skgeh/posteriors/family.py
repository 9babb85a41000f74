"""A family of posteriors over networks: an architecture, and the stack that trains it."""

from collections.abc import Sequence
from functools import partial
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_scalar

from skgeh.geh.activations import get_activation
from skgeh.geh.functions import Function, evaluate
from skgeh.geh.task import HeldOut, Learned, Task
from skgeh.posteriors._stack import HybridStack
from skgeh.posteriors.perturbed import PerturbedPosterior, _perturbations
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
    """

    _stack: type[HybridStack]

    def __init__(
        self,
        hidden_layer_sizes=(100, 100, 100),
        activation="gelu",
        length_scale=None,
        shrinkage=0.1,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.length_scale = length_scale
        self.shrinkage = shrinkage

    def check(self) -> None:
        """Raise an error if an architecture has no interactions or cannot be built."""
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

    def learn(self, task: Task, trainer: Any, seed: int) -> Learned:
        """Train networks on the targets, and others on perturbed targets for draws.

        Parameters
        ----------
        task : Task
        trainer : Trainer
        seed : int
        """
        copies = trainer.n_networks, trainer.n_perturbed
        held_out = trainer.held_out(len(task.X), sum(copies), np.random.default_rng(seed))
        n_moved = 1 if task.has_labels else task.y.shape[1]  # weights of rows, or targets
        moves = _perturbations(*copies, len(task.X), n_moved, seed)
        net, stack = trainer.train(self, task, held_out, seed, moves=moves)
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
