"""Training of networks for an estimator, as one object that can be passed on to refits."""

from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import entropy
from sklearn.base import clone
from sklearn.utils import compute_sample_weight

from skgeh.geh.likelihoods import LOG_LOSSES, CrossEntropy, Likelihood, SquaredError
from skgeh.geh.task import Task
from skgeh.posteriors._stack import MainEffects, StackPosterior
from skgeh.posteriors.family import Family
from skgeh.posteriors.stacking import Stacking
from skgeh.tables.rows import held_out_rows, held_out_units
from skgeh.tables.table import codes_of
from skgeh.training.loop import Settings, StackNet, train
from skgeh.training.objective import Objective
from skgeh.training.rows import Rows

_SMALL = 40, 40  # hidden layers of networks that learn from part of the rows


@dataclass(frozen=True, eq=False)
class Trainer:
    """A family of posteriors, checked, and the way its networks are trained.

    Parameters
    ----------
    family : Family or another of `skgeh.posteriors`
    settings : Settings
    n_networks : int
        Number of networks that predict.
    validation_fraction : float
        Share of the rows that each network holds out.
    main_effects : {"linear", "spline", None}
    has_labels : bool
    loss : {"squared_error", "poisson", "gamma"}
        Loss of numbers.
    class_weight : {"balanced", None} or dict
    classes : ndarray, optional
        Labels that class weights refer to; by default the codes 0, 1, ...
    own_size : bool
        Whether the user chose the size of the networks.
    """

    family: Any
    settings: Settings = field(default_factory=Settings)
    n_networks: int = 4
    validation_fraction: float = 0.1
    main_effects: str | None = "linear"
    has_labels: bool = False
    loss: str = "squared_error"
    class_weight: Any = None
    classes: NDArray | None = None
    own_size: bool = False

    def __post_init__(self) -> None:
        """Refuse main effects that cannot be fitted."""
        MainEffects(self.main_effects)

    @property
    def trains_networks(self) -> bool:
        """Whether refits train networks: a `Family` does, and `Stacking` is replaced by its own."""
        return isinstance(self.family, Family | Stacking)

    def small(self) -> "Trainer":
        """The trainer for refits: its networks are small, unless the user chose their size.

        Of `Stacking`, the networks remain, for which tests are calibrated.
        """
        family = self.family.parts()[1] if isinstance(self.family, Stacking) else self.family
        if not self.own_size and isinstance(family, Family):
            family = clone(family).set_params(hidden_layer_sizes=_SMALL)
        return replace(self, family=family)

    def n_parameters(self, n_features: int, n_outputs: int) -> int:
        """Weights and biases of one network."""
        widths = [n_features, *self.family.hidden_layer_sizes, n_outputs]
        return sum((a + 1) * b for a, b in pairwise(widths))

    def held_out(
        self, n_rows: int, n_networks: int, generator: np.random.Generator
    ) -> NDArray[np.intp]:
        """Rows that each network never trains on, shape (n_networks, h)."""
        return held_out_rows(n_rows, n_networks, self.validation_fraction, generator)

    def split(
        self, task: Task, n_networks: int, generator: np.random.Generator
    ) -> tuple[NDArray[np.intp], NDArray[np.intp] | None]:
        """Rows that each network holds out, and those that it trains on; None means all others."""
        if task.units is None:
            return self.held_out(len(task.X), n_networks, generator), None
        return held_out_units(task.units, n_networks, self.validation_fraction, generator)

    def task(self, X: NDArray, y: NDArray, weight: NDArray, units: NDArray | None = None) -> Task:
        """A table in standard units and its likelihood; each copy may have its own targets."""
        return Task(X, y, weight, self.likelihood(y if y.ndim == 2 else y[0], weight), units)

    def likelihood(self, target: NDArray, weight: NDArray) -> Likelihood:
        """The loss in units of that of the best constant, which for labels is their entropy."""
        if not self.has_labels:
            log = LOG_LOSSES.get(self.loss)
            return SquaredError() if log is None else log.of(target, weight)
        shares = np.average(target, axis=0, weights=weight)
        if len(shares) == 1:
            shares = np.append(1 - shares, shares)
        return CrossEntropy(float(entropy(shares)) or 1.0)  # 0 if all others weigh nearly nothing

    def row_weights(self, target: NDArray, weight: NDArray) -> NDArray[np.float64]:
        """Weights of the rows, multiplied by those of their classes, shape (n,)."""
        if self.class_weight is None:
            return weight
        codes = codes_of(target)
        counts = np.bincount(codes, weights=weight)
        if isinstance(self.class_weight, str):
            return weight * (weight.sum() / (len(counts) * counts))[codes]
        classes = np.arange(len(counts)) if self.classes is None else self.classes
        return weight * compute_sample_weight(self.class_weight, classes[codes])

    def train(
        self,
        family: Family,
        task: Task,
        held_out: NDArray,
        seed: int,
        *,
        training: NDArray | None = None,
        moves: torch.Tensor | None = None,
    ) -> tuple[StackNet, StackPosterior]:
        """Train a stack of networks in standard units, one for each line of `held_out`.

        Each network trains on its line of `training`, by default on all rows that it does not hold
        out. It learns the common target or, if targets have shape (S, n, c), its own. `moves` are
        the perturbations.
        """
        Z, weight = task.X, task.weight
        if training is None:
            training = np.stack([np.setdiff1d(np.arange(len(Z)), rows) for rows in held_out])
        main, device = MainEffects(self.main_effects).fit(Z), self.settings.device
        on_device = partial(torch.as_tensor, dtype=torch.float32, device=device)
        counts = (weight / weight.mean())[:, None]
        table = main.inputs(Z).to(device), on_device(task.y), on_device(counts)
        moved = None if moves is None else on_device(moves)
        share = (training.shape[1] + held_out.shape[1]) / len(Z)
        net = train(
            family,
            Rows(*table, training, Rows(*table, held_out), moved),
            self.settings,
            Objective(task.likelihood, task.likelihood.n_samples(weight) * share),
            n_features=Z.shape[1],
            main_columns=main.columns,
            seed=seed,
        )
        stack = net.module_.to("cpu")
        # no connections from features that never vary
        stack.silence(torch.from_numpy(np.ptp(Z, axis=0) == 0))
        return net, stack.posterior(main.basis)
