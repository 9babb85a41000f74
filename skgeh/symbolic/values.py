"""Value functions: a model's output for every subset of the players, 2^n values per sample."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from skorch import NeuralNet

from skgeh.parallel import progress_bar
from skgeh.symbolic._outputs import Output, output_of
from skgeh.symbolic.players import Players, _cluster_centres
from skgeh.symbolic.transforms import _masks

_CHUNK = 8192  # rows in a forward pass


class _NotFinite(ValueError):
    """A model's output is infinite or NaN."""


@dataclass(frozen=True)
class FeatureMap:
    """Baseline of zero on the output of a layer, such as the first activation for images.

    Players are places of that output; their labels broadcast to its shape without the batch axis.

    Parameters
    ----------
    layer : str
        Name of a submodule, as in ``module.named_modules()``.

    Examples
    --------
    >>> FeatureMap("features.1")
    FeatureMap(layer='features.1')
    """

    layer: str


def _masked_values(
    model: Any,
    X: NDArray,
    y: NDArray | None,
    players: Players,
    baseline: Any,
    *,
    output: str = "auto",
    chunk: int = _CHUNK,
    verbose: int = 0,
) -> NDArray[np.float64]:
    """Output of a model for every subset of the players of every sample.

    Parameters
    ----------
    model : scikit-learn estimator, skorch net, torch module, or callable
    X : ndarray of shape (samples, ...)
    y : ndarray of shape (samples,), optional
        Class of each sample, whose log-odds are computed.
    players : Players
    baseline : array-like, FeatureMap or "cluster_centre"
        Values of an absent player, which broadcast to a sample: a number such as the id of a mask
        token, a vector such as the mean, or another sample.
    output : {"auto", "value", "log_odds"}
    chunk : int
        Rows per forward pass.
    verbose : int

    Returns
    -------
    ndarray of shape (samples, 2^n)
        In the unit of the output.
    """
    ask, subsets = output_of(model, output), _masks(len(players))
    size = len(subsets)
    values = np.empty(len(X) * size)
    hooked = isinstance(baseline, FeatureMap)
    absent = X if hooked else _baselines(baseline, X, players)
    with _feature_map(model, baseline) if hooked else nullcontext() as hook:
        firsts = range(0, len(values), chunk)
        for first in progress_bar("masked inputs", verbose)(firsts, len(firsts)):
            rows = np.arange(first, min(first + chunk, len(values)))
            sample, subset = np.divmod(rows, size)
            if hook is None:
                inputs = _masked(X[sample], absent[sample], players.present(subsets[subset]))
            else:
                inputs, hook.present = X[sample], players.present(subsets[subset])
            values[rows] = _asked(ask, inputs, None if y is None else y[sample])
    return values.reshape(len(X), size)


def _masked(X: NDArray, absent: NDArray, present: NDArray[np.bool_]) -> NDArray:
    """Samples with the baseline at absent places, shape (m, ...)."""
    missing = X.ndim - present.ndim  # labels may have fewer axes than a sample, as (H, W)
    present = present.reshape(len(present), *[1] * missing, *present.shape[1:])
    return np.where(present, X, absent)


def _baselines(baseline: Any, X: NDArray, players: Players) -> NDArray:
    """Values of absent places of every sample, in the shape of X."""
    if isinstance(baseline, str):
        if baseline == "cluster_centre":
            return _cluster_centres(X, players)
        raise ValueError(
            "baseline must be 'mean', 'cluster_centre', a FeatureMap, or numbers; got "
            f"{baseline!r}."
        )
    given = np.asarray(baseline)
    if given.dtype.kind not in "biuf" or not np.isfinite(given).all():
        raise ValueError(f"baseline must hold finite numbers; got {baseline!r}.")
    try:
        return np.broadcast_to(given, X.shape)
    except ValueError:
        raise ValueError(
            f"baseline has shape {given.shape}; it must broadcast to a sample, {X.shape[1:]}."
        ) from None


def _asked(ask: Output, inputs: NDArray, y: NDArray | None) -> NDArray[np.float64]:
    """Output of some rows, checked."""
    found = np.asarray(ask(inputs, y), dtype=np.float64)
    if found.shape != (len(inputs),):
        raise ValueError(
            f"The model gave outputs of shape {found.shape} for {len(inputs)} rows. It must give "
            "one number per row."
        )
    if not np.isfinite(found).all():
        raise _NotFinite(
            "The model's output is not finite for some masked inputs. Choose another baseline, or "
            "a model with a decision_function or logits."
        )
    return found


class _Hook:
    """Hook that sets absent places of a layer's output to zero."""

    def __init__(self) -> None:
        self.present = np.ones((1, 1), dtype=bool)

    def __call__(self, module: Any, inputs: Any, found: torch.Tensor) -> torch.Tensor:
        """Mask the output; torch calls it after the layer."""
        present = self.present
        missing = found.ndim - present.ndim
        shape = (len(present), *[1] * missing, *present.shape[1:])
        try:
            return found * torch.as_tensor(present.reshape(shape), device=found.device)
        except (RuntimeError, ValueError) as error:
            raise ValueError(
                f"players have labels of shape {present.shape[1:]}, which do not broadcast to the "
                f"layer's output of shape {tuple(found.shape[1:])}."
            ) from error


@contextmanager
def _feature_map(model: Any, baseline: FeatureMap) -> Iterator[_Hook]:
    """A hook on a layer, removed at the end of the block."""
    module = model.module_ if isinstance(model, NeuralNet) else model
    layers = dict(module.named_modules()) if isinstance(module, torch.nn.Module) else {}
    if baseline.layer not in layers:
        raise ValueError(
            f"{baseline!r} names no layer of the model, whose layers are "
            f"{[name for name in layers if name]}. Only torch modules and skorch nets have layers."
        )
    hook = _Hook()
    handle = layers[baseline.layer].register_forward_hook(hook)
    try:
        yield hook
    finally:
        handle.remove()
