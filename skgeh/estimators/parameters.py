"""The parameters of the estimators, and the networks that are trained by them."""

from functools import partial
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.utils import check_scalar

from skgeh import networks
from skgeh.likelihoods import Likelihood
from skgeh.networks.hybrid import Family, StackPosterior
from skgeh.networks.main_effects import MainEffects
from skgeh.training import Rows, StackNet, train


class NetworkParameters(BaseEstimator):
    """What both estimators can be told, and how it trains networks."""

    def __init__(
        self,
        hidden_layer_sizes=None,
        activation=None,
        posterior="auto",
        *,
        n_networks=4,
        n_perturbed=4,
        length_scale=None,
        main_effects="linear",
        feature_groups="auto",
        max_epochs=55,
        batch_size="auto",
        learning_rate=0.003,
        validation_fraction=0.1,
        patience=None,
        n_groups="auto",
        n_draws=400,
        callbacks=None,
        device="cpu",
        n_jobs=None,
        random_state=None,
        verbose=False,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.posterior = posterior
        self.n_networks = n_networks
        self.n_perturbed = n_perturbed
        self.length_scale = length_scale
        self.main_effects = main_effects
        self.feature_groups = feature_groups
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.n_groups = n_groups
        self.n_draws = n_draws
        self.callbacks = callbacks
        self.device = device
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def _check_parameters(self) -> None:
        """Refuse parameters that cannot be used, in words."""
        check_scalar(self.n_networks, "n_networks", Integral, min_val=1)
        check_scalar(self.n_perturbed, "n_perturbed", Integral, min_val=0)
        check_scalar(self.max_epochs, "max_epochs", Integral, min_val=1)
        check_scalar(self.n_draws, "n_draws", Integral, min_val=2)
        inside = partial(check_scalar, target_type=Real, min_val=0, include_boundaries="neither")
        inside(self.learning_rate, "learning_rate")
        inside(self.validation_fraction, "validation_fraction", max_val=1)
        if self.patience is not None:
            check_scalar(self.patience, "patience", Integral, min_val=1)
        check_auto(self.batch_size, "batch_size")
        check_auto(self.n_groups, "n_groups")
        self._network()
        MainEffects(self.main_effects)

    def _network(self) -> BaseEstimator:
        """The family of the posterior, with its architecture if it has one."""
        names = ("hidden_layer_sizes", "activation", "length_scale")
        given = {name: value for name in names if (value := getattr(self, name)) is not None}
        network, own = self.posterior, False
        if isinstance(network, str) and network in networks.FAMILIES:
            # an architecture asks for networks
            kind = networks.FAMILIES["concrete_dropout" if network == "auto" and given else network]
            own = issubclass(kind, Family)
            network = kind(**given) if own else kind()
        elif isinstance(network, tuple(networks.FAMILIES.values())):
            network = clone(network)
        else:
            known = ", ".join(repr(name) for name in networks.FAMILIES)
            raise ValueError(
                f"posterior must be {known} or an object of skgeh.networks; got {self.posterior!r}."
            )
        if given and not own:
            raise ValueError(
                f"posterior={self.posterior!r} brings its own architecture, but {given} came "
                "beside it. Set these on the posterior, and leave them at None here."
            )
        network.check()
        return network

    def _train(
        self,
        network: Family,
        Z: NDArray,
        target: NDArray,
        weight: NDArray,
        held_out: NDArray,
        seed: int,
        *,
        likelihood: Likelihood,
        training: NDArray | None = None,
        moves: torch.Tensor | None = None,
    ) -> tuple[StackNet, StackPosterior]:
        """Train a stack of networks, in standard units: one for each line of `held_out`.

        Each trains on its line of `training`, by default on all rows that it does not hold out, and
        on the target or, if `target` has shape (S, n, c), on its own, which `moves` move.
        """
        if training is None:
            training = np.stack([np.setdiff1d(np.arange(len(Z)), rows) for rows in held_out])
        n_rows = training.shape[1] + held_out.shape[1]
        main = MainEffects(self.main_effects).fit(Z)
        on_device = partial(torch.as_tensor, dtype=torch.float32, device=self.device)
        counts = (weight / weight.mean())[:, None]
        table = main.inputs(Z).to(self.device), on_device(target), on_device(counts)
        moved = None if moves is None else on_device(moves)
        batch_size = (
            min(250, max(1, n_rows // 10)) if self.batch_size == "auto" else self.batch_size
        )
        net = train(
            network,
            Rows(*table, training, Rows(*table, held_out), moved),
            likelihood=likelihood,
            n_features=Z.shape[1],
            main_columns=main.columns,
            n_samples=float(weight.sum()) * n_rows / len(Z),
            max_epochs=self.max_epochs,
            batch_size=min(batch_size, training.shape[1]),
            learning_rate=self.learning_rate,
            patience=self.patience,
            callbacks=self.callbacks or [],
            device=self.device,
            verbose=self.verbose,
            seed=seed,
        )
        stack = net.module_.to("cpu")
        # no connections from features that never vary
        stack.silence(torch.from_numpy(np.ptp(Z, axis=0) == 0))
        return net, stack.posterior(main.basis)


def check_auto(value: Any, name: str) -> None:
    """Accept "auto" or a whole number from 1."""
    if not (isinstance(value, str) and value == "auto"):
        check_scalar(value, name, Integral, min_val=1)
