"""Watch the interactions of a network while it trains."""

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from numbers import Integral
from typing import Any

import pandas as pd
import torch
from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning
from skorch.callbacks import Callback
from skorch.dataset import get_len

from skgeh.symbolic._monitor import overfits, switch_of_phases
from skgeh.symbolic._outputs import as_in_prediction
from skgeh.symbolic.explainer import AndOrExplainer
from skgeh.symbolic.interactions import _SALIENT, AndOrInteractions, _mean_order
from skgeh.symbolic.split import sparse_and_or
from skgeh.symbolic.values import _NotFinite

_LOG_STEP = 1.35  # ratio of each measured epoch to the one before it


class InteractionDynamics(Callback):
    """Callback for skorch that records AND and OR interactions of a few samples in training.

    A network first loses interactions of middle and high order. It then learns interactions of
    ever higher order, from about the epoch at which its loss on new data begins to lag behind. The
    callback does not change the training by a single bit. It never stops the training, because the
    lowest test loss comes long after that epoch.

    Parameters
    ----------
    X : array-like of shape (samples, ...)
        Samples to explain, in the form that the module takes; about ten are enough. The estimators
        of skgeh train their modules in standard units, as `StandardScaler` gives. When they learn
        labels, the output of their modules is a fifth of a logit.
    y : array-like of shape (samples,), default=None
        Classes of the samples, for networks that classify.
    every : "log", int or sequence of int, default="log"
        Epochs after which to measure. "log" is 1, 2, 3, 4, 5, 7, 9, 12, 16, ..., each about a third
        later than the one before; an int k is every k epochs; a sequence lists the epochs. Epoch 0
        is before training and is always measured.
    baseline, players, background, output, noise_bound, salient
        As in `AndOrExplainer`.
    tol : float, default=0.01
        As in `sparse_and_or`; coarser here, because many epochs are measured.
    test : tuple (X, y), default=None
        Data for the test loss; the net's validation split if None.
    verbose : int or bool, default=0
        Whether to show progress bars with the time left.

    Attributes
    ----------
    records_ : list of dict
        One record per measured epoch: ``epoch``, ``strength`` by order (list of n), its
        ``positive`` and ``negative`` parts, ``mean_order``, ``n_salient`` and ``total`` strength of
        the salient interactions (means over samples), ``change`` (mean change of the output by all
        players), ``train_loss``, ``test_loss`` and ``gap`` (test minus train, in evaluation mode).
    interactions_ : AndOrInteractions
        The interactions that were measured last.
    switch_epoch_ : int or None
        Epoch of the lowest mean order, the switch of phases; None until the order has risen again.

    Warns
    -----
    UserWarning
        Once, if after the switch the strengths grow and the gap widens. Also whenever the output is
        not finite; no interactions are measured at that epoch.

    Notes
    -----
    For every epoch, the net's history has the last known ``mean_order`` and the whole record as
    ``event_interactions``, which is None if nothing was measured. For a stack of copies that train
    together, the mean output is explained.

    References
    ----------
    Q. Ren et al., "Towards the Dynamics of a DNN Learning Symbolic Interactions", NeurIPS 2024.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from skorch import NeuralNetRegressor
    >>> X = np.random.default_rng(0).normal(size=(60, 3)).astype("float32")
    >>> y = X[:, :1] * X[:, 1:2]
    >>> module = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
    >>> watch = InteractionDynamics(X[:5])
    >>> net = NeuralNetRegressor(module, max_epochs=4, callbacks=[watch], verbose=0).fit(X, y)
    >>> watch.to_frame()["epoch"].tolist()
    [0, 1, 2, 3, 4]
    """

    def __init__(
        self,
        X: ArrayLike,
        y: ArrayLike | None = None,
        every: Any = "log",
        *,
        baseline: Any = "mean",
        players: Any = None,
        background: ArrayLike | None = None,
        output: str = "auto",
        noise_bound: float = 0.02,
        tol: float = 1e-2,
        salient: float = _SALIENT,
        test: tuple[ArrayLike, ArrayLike] | None = None,
        verbose: int = 0,
    ):
        self.X = X
        self.y = y
        self.every = every
        self.baseline = baseline
        self.players = players
        self.background = background
        self.output = output
        self.noise_bound = noise_bound
        self.tol = tol
        self.salient = salient
        self.test = test
        self.verbose = verbose

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Measure before the first step; keep the records if an earlier training continues."""
        _due(0, self.every)
        if len(net.history) == 0 or not hasattr(self, "records_"):
            self.records_: list[dict[str, Any]] = []
            self.switch_epoch_: int | None = None
            self.interactions_: AndOrInteractions | None = None
            self.warned_ = False
            self._measure(net, 0, None, None)

    def on_epoch_end(
        self, net: Any, dataset_train: Any = None, dataset_valid: Any = None, **kwargs: Any
    ) -> None:
        """Measure if this epoch is due, and write to the history."""
        epoch, found = len(net.history), None
        if _due(epoch, self.every):
            found = self._measure(net, epoch, dataset_train, dataset_valid)
            self._judge()
        net.history.record("mean_order", self.records_[-1]["mean_order"])
        net.history.record("event_interactions", found)

    def on_train_end(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Drop the state that only a warm start needs."""
        if self.interactions_ is not None:
            self.interactions_ = replace(self.interactions_, state=None)

    def to_frame(self) -> pd.DataFrame:
        """Records as a table, one row per measured epoch, with strengths by order in columns."""
        rows = []
        for record in self.records_:
            row = {k: v for k, v in record.items() if not isinstance(v, list)}
            row |= {f"order {k}": s for k, s in enumerate(record["strength"], start=1)}
            rows.append(row)
        return pd.DataFrame(rows)

    def _measure(self, net: Any, epoch: int, train: Any, valid: Any) -> dict[str, Any]:
        """Record interactions and losses at this epoch."""
        with _undisturbed(net):
            train_loss = _evaluated(net, train)
            test = valid if self.test is None else net.get_dataset(*self.test)
            test_loss = _evaluated(net, test)
            record = self._strengths(net)
        losses = {"train_loss": train_loss, "test_loss": test_loss, "gap": test_loss - train_loss}
        self.records_.append({"epoch": epoch, **record, **losses})
        return self.records_[-1]

    def _strengths(self, net: Any) -> dict[str, Any]:
        """Summary figures of the interactions of the samples."""
        explainer = AndOrExplainer(
            net,
            self.baseline,
            self.players,
            background=self.background,
            output=self.output,
            verbose=self.verbose,
        )
        try:
            values = explainer.values(self.X, self.y)
        except _NotFinite:
            warnings.warn(
                "The network's output is not finite for some masked inputs, so no interactions are "
                "measured at this epoch. Check the training loss, or choose another baseline.",
                UserWarning,
                stacklevel=2,
            )
            return _nothing()
        last = self.interactions_
        if last is not None and last.state is None:  # a training that continues
            last = None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # an approximate split is enough
            found = sparse_and_or(
                values,
                self.noise_bound,
                self.tol,
                max_iter=500,
                warm_start=last,
                verbose=self.verbose,
            )
        self.interactions_ = found
        return _figures(found, found.threshold(self.salient))

    def _judge(self) -> None:
        """Mark the switch of phases, and warn once if the network seems to over-fit."""
        epochs = [one["epoch"] for one in self.records_]
        self.switch_epoch_ = switch_of_phases(epochs, [one["mean_order"] for one in self.records_])
        if self.switch_epoch_ is None or self.warned_:
            return
        if overfits(self.records_, self.switch_epoch_):
            self.warned_ = True
            warnings.warn(
                f"Since epoch {self.switch_epoch_} the network has learned interactions of ever "
                "higher order, and its test loss lags behind more and more: it begins to fit "
                "noise. The lowest test loss may still be far ahead, so training goes on.",
                UserWarning,
                stacklevel=2,
            )


def _figures(found: AndOrInteractions, tau: float) -> dict[str, Any]:
    """Recorded figures of the interactions of samples, each a mean over the samples."""
    both, positive, negative = (
        found.order_strength(tau, sign).mean(0) for sign in ("both", "+", "-")
    )
    i_and, i_or = found.salient(tau)
    return {
        "strength": both.tolist(),
        "positive": positive.tolist(),
        "negative": negative.tolist(),
        "mean_order": float(_mean_order(both)),
        "n_salient": float((i_and.sum(1) + i_or.sum(1)).mean()),
        "total": float(both.sum()),
        "change": float(found.change.mean()),
    }


def _nothing() -> dict[str, Any]:
    """Record of an epoch at which no interactions were measured."""
    record: dict[str, Any] = {name: [] for name in ("strength", "positive", "negative")}
    return record | dict.fromkeys(("mean_order", "n_salient", "total", "change"), math.nan)


def _due(epoch: int, every: Any) -> bool:
    """Whether to measure after an epoch.

    Examples
    --------
    >>> [epoch for epoch in range(40) if _due(epoch, "log")]
    [0, 1, 2, 3, 4, 5, 7, 9, 12, 16, 22, 30]
    """
    if isinstance(every, str):
        if every != "log":
            raise ValueError(
                f"every must be 'log', a whole number or a sequence of epochs; got {every!r}."
            )
        at = 0
        while at < epoch:
            at = max(at + 1, round(_LOG_STEP * at))
        return at == epoch
    if isinstance(every, Integral):
        if every < 1:
            raise ValueError(f"every must be a whole number of at least 1; got {every!r}.")
        return epoch % int(every) == 0
    return epoch == 0 or epoch in every


@contextmanager
def _undisturbed(net: Any) -> Iterator[None]:
    """Restore all that measuring a net may change: modes, random states, held-out errors."""
    noted = {name: net.__dict__[name] for name in ("held_out_errors_",) if name in net.__dict__}
    parts = [getattr(net, f"{name}_", None) for name in ("module", "criterion")]
    with as_in_prediction(*[part for part in parts if isinstance(part, torch.nn.Module)]):
        yield
    net.__dict__.update(noted)


def _evaluated(net: Any, dataset: Any) -> float:
    """Mean loss over a data set in evaluation mode; NaN if there is none."""
    if dataset is None:
        return math.nan
    total, count = 0.0, 0
    for batch in net.get_iterator(dataset, training=False):
        size = get_len(batch[0])
        found = net.evaluation_step(batch, training=False)
        total += size * float(net.get_loss(found, batch[1], X=batch[0], training=False))
        count += size
    return total / count
