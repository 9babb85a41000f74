"""The training loop: a skorch NeuralNet whose module is a stack of copies.

The loss of all copies is one number, given by an `Objective`; gradients of copies do not mix.
"""

import math
import signal
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from dis import opname
from typing import Any, Self

import numpy as np
from skorch import NeuralNet
from torch import Tensor

from skgeh.training._callbacks import (
    RAMP,
    Annealing,
    BestState,
    HeldOutNoise,
    Progress,
    StopTraining,
)
from skgeh.training._muon import Muon
from skgeh.training.objective import Objective
from skgeh.training.rows import Rows, _n_batches, _Slices

_MUON_RATE = 20 / 3  # learning rate of hidden matrices, relative to that of other parameters
_DROPOUT_RATE = 60  # the same for dropout logits, which at the common rate would hardly move


class StackNet(NeuralNet):
    """skorch's NeuralNet for a `HybridStack` on `Rows`; its criterion is an `Objective`."""

    def get_loss(
        self, y_pred: Tensor, y_true: tuple, X: Any = None, training: bool = False
    ) -> Tensor:
        """Negative ELBO of all copies in training, mean held-out error otherwise."""
        if not training:
            return self.criterion_.in_validation(y_pred, y_true)
        return self.criterion_.in_training(y_pred, y_true, self.module_.kl())

    def get_split_datasets(
        self, X: Rows, y: None = None, **fit_params: Any
    ) -> tuple[Rows, Rows | None]:
        """Training and held-out rows, as the data set gives them."""
        return X, X.held_out

    def notify(self, method_name: str, **given: Any) -> None:
        """Notify the callbacks; as in skorch, one may end training by a KeyboardInterrupt.

        It may do so at the end of an epoch; before that, the networks cannot be judged.
        """
        try:
            super().notify(method_name, **given)
        except KeyboardInterrupt as error:
            if method_name == "on_epoch_end" and _is_raised(error):
                raise StopTraining from error
            raise

    def partial_fit(self, X: Rows, y: None = None, classes: None = None, **given: Any) -> Self:
        """Train to the end or until a callback stops it; the user's Ctrl-C is passed on."""
        self.notify("on_train_begin", X=X, y=y)
        with suppress(StopTraining):
            self.fit_loop(X, y, **given)
        self.notify("on_train_end", X=X, y=y)
        return self


def _is_raised(error: BaseException) -> bool:
    """Whether a statement of the program raised the error, and not a signal that came in."""
    handler = getattr(signal.getsignal(signal.SIGINT), "__code__", None)
    tb, codes = error.__traceback__, []
    while tb is not None:
        codes.append(tb.tb_frame.f_code)
        last = codes[-1].co_code[tb.tb_lasti]
        tb = tb.tb_next
    return handler not in codes and opname[last] == "RAISE_VARARGS"


@dataclass(frozen=True, eq=False)
class Settings:
    """Length and speed of training; see the estimators for the meaning of each parameter.

    Parameters
    ----------
    max_epochs : int
    batch_size : int or "auto"
    learning_rate : float
    patience : int or None
    callbacks : sequence of skorch callbacks
    device : str
    verbose : int
    """

    max_epochs: int = 55
    batch_size: int | str = "auto"
    learning_rate: float = 0.003
    patience: int | None = None
    callbacks: Sequence[Any] = ()
    device: str = "cpu"
    verbose: int = 0

    def batch_rows(self, n_rows: int, n_training: int) -> int:
        """Rows per batch, given the number of a copy's rows and of those that it trains on."""
        wanted = self.batch_size
        auto = isinstance(wanted, str)
        return min(min(250, max(1, n_rows // 10)) if auto else int(wanted), n_training)


def train(
    family: Any,
    rows: Rows,
    settings: Settings,
    objective: Objective,
    *,
    n_features: int,
    main_columns: tuple[int, int],
    seed: int,
) -> StackNet:
    """Train a stack of copies, one per line of ``rows.rows`` or per target.

    Parameters
    ----------
    family : Family
        ConcreteDropout or another of `skgeh.posteriors`.
    rows : Rows
        With held-out rows.
    settings : Settings
    objective : Objective
    n_features, main_columns
        Number of input columns that enter the network, and range of those of the main effects.
    seed : int

    Returns
    -------
    StackNet
        The trained net; its ``module_`` is a `HybridStack`, its ``history`` is skorch's.
    """
    held_out = 0 if rows.held_out is None else len(rows.held_out)
    batch_size = settings.batch_rows(len(rows) + held_out, len(rows))
    n_steps = settings.max_epochs * _n_batches(len(rows), batch_size)
    init_seed, batch_seed = np.random.SeedSequence(seed).generate_state(2, np.uint32).tolist()
    first_epoch = math.ceil(RAMP * settings.max_epochs) + 1
    patience = settings.patience
    ours = [
        ("annealing", Annealing(n_steps)),
        ("noise", HeldOutNoise()),
        *([("best", BestState(patience, first_epoch))] if patience else []),
        *([("progress", Progress(n_steps))] if settings.verbose else []),
    ]
    net = StackNet(
        family.build,
        module__n_features=n_features,
        module__n_outputs=rows.targets.shape[-1],
        module__n_copies=rows.n_copies,
        module__n_starts=len(rows.rows),
        module__main_columns=main_columns,
        module__seed=init_seed,
        criterion=objective,
        optimizer=Muon,
        optimizer__fused=True,
        optimizer__param_groups=_parameter_groups(family, settings.learning_rate),
        lr=settings.learning_rate,
        max_epochs=settings.max_epochs,
        batch_size=batch_size,
        iterator_train=_Slices,
        iterator_train__seed=batch_seed,
        iterator_valid=_Slices,
        iterator_valid__batch_size=-1,
        train_split=None,
        callbacks=[*ours, *settings.callbacks],
        callbacks__print_log=None,
        device=settings.device,
        verbose=0,
    )
    net.fit(rows)
    net.module_.scale_outputs(objective.likelihood.unit)
    return net


def _parameter_groups(family: Any, learning_rate: float) -> list[tuple[str, dict]]:
    """Groups for `Muon`, by parameter name: hidden matrices, dropout logits, and the rest."""
    hidden = [f"weight_{layer}" for layer in range(1, len(family.hidden_layer_sizes))]
    return [
        *((name, {"lr": _MUON_RATE * learning_rate, "muon": True}) for name in hidden),
        ("logit_*", {"lr": _DROPOUT_RATE * learning_rate, "betas": (0.9, 0.99), "eps": 1e-12}),
    ]
