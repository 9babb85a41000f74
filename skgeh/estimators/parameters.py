"""The parameters of the estimators, their checks, and the trainer that they define."""

from functools import partial
from numbers import Integral, Real
from typing import Any

from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.utils import check_scalar

from skgeh.posteriors import FAMILIES, ConcreteDropout, Stacking
from skgeh.posteriors.family import Family
from skgeh.posteriors.trainer import Trainer
from skgeh.training.loop import Settings


class _NetworkParameters(BaseEstimator):
    """The parameters that both estimators share."""

    def __init__(
        self,
        hidden_layer_sizes=None,
        activation=None,
        posterior="auto",
        *,
        n_networks=4,
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
        verbose=0,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.posterior = posterior
        self.n_networks = n_networks
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

    def trainer(self) -> Trainer:
        """Check the parameters and return the trainer that they define.

        Raises
        ------
        ValueError, TypeError
            If a parameter cannot be used; the message says what was expected.
        """
        self._check_parameters()
        return Trainer(
            self._family(),
            Settings(
                max_epochs=self.max_epochs,
                batch_size=self.batch_size,
                learning_rate=self.learning_rate,
                patience=self.patience,
                callbacks=self.callbacks or (),
                device=self.device,
                verbose=self.verbose,
            ),
            n_networks=self.n_networks,
            validation_fraction=self.validation_fraction,
            main_effects=self.main_effects,
            has_labels=is_classifier(self),
            loss=getattr(self, "loss", "squared_error"),
            class_weight=getattr(self, "class_weight", None),
            own_size=self._has_own_size(),
        )

    def _check_parameters(self) -> None:
        """Raise an error if a parameter cannot be used."""
        check_scalar(self.n_networks, "n_networks", Integral, min_val=1)
        check_scalar(self.max_epochs, "max_epochs", Integral, min_val=1)
        check_scalar(self.n_draws, "n_draws", Integral, min_val=2)
        inside = partial(check_scalar, target_type=Real, min_val=0, include_boundaries="neither")
        inside(self.learning_rate, "learning_rate")
        inside(self.validation_fraction, "validation_fraction", max_val=1)
        if self.patience is not None:
            check_scalar(self.patience, "patience", Integral, min_val=1)
        check_auto(self.batch_size, "batch_size")
        check_auto(self.n_groups, "n_groups")

    def _has_own_size(self) -> bool:
        """Whether the user chose the size of the networks."""
        if isinstance(self.posterior, Stacking):
            return self.posterior.networks is not None
        return self.hidden_layer_sizes is not None or not isinstance(self.posterior, str)

    def _family(self) -> BaseEstimator:
        """The family of the posterior, with its architecture if it has one."""
        names = ("hidden_layer_sizes", "activation", "length_scale")
        given = {name: value for name in names if (value := getattr(self, name)) is not None}
        family, own = self.posterior, False
        if isinstance(family, str) and family in FAMILIES:
            kind = FAMILIES[family]
            own = issubclass(kind, Family | Stacking)
            if kind is Stacking:
                family = Stacking(networks=ConcreteDropout(**given) if given else None)
            else:
                family = kind(**given) if own else kind()
        elif isinstance(family, tuple(FAMILIES.values())):
            family = clone(family)
        else:
            known = ", ".join(repr(name) for name in FAMILIES)
            raise ValueError(
                f"posterior must be one of {known}, or an object of skgeh.posteriors; got "
                f"{self.posterior!r}."
            )
        if given and not own:
            raise ValueError(
                f"posterior={self.posterior!r} brings its own architecture, but {given} was also "
                "given. Set these parameters on the posterior, and leave them at None here."
            )
        family.check()
        return family


def check_auto(value: Any, name: str) -> None:
    """Raise an error unless a value is "auto" or a whole number above 0."""
    if not (isinstance(value, str) and value == "auto"):
        check_scalar(value, name, Integral, min_val=1)
