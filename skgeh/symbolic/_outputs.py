"""One number per row from any model: the prediction, or the log-odds of a class."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy.special import logsumexp
from skorch import NeuralNet

KINDS = ("auto", "value", "log_odds")

# (inputs (m, ...), targets (m,) or None) -> (m,)
Output = Callable[[NDArray, NDArray | None], NDArray[np.float64]]


def output_of(model: Any, kind: str = "auto") -> Output:
    """Function that computes the output of a model.

    Parameters
    ----------
    model : scikit-learn estimator, skorch net, torch module, or callable
    kind : {"auto", "value", "log_odds"}, default="auto"
        "value" is the prediction and "log_odds" the log-odds of each row's class. "auto" takes
        log-odds for classifiers and for nets with two or more outputs.

    Returns
    -------
    callable (inputs, targets) -> ndarray of shape (m,)
    """
    if kind not in KINDS:
        raise ValueError(f"output must be one of {', '.join(map(repr, KINDS))}; got {kind!r}.")
    if isinstance(model, (NeuralNet, torch.nn.Module)):
        return TorchOutput(model, kind)
    if kind != "value" and hasattr(model, "classes_"):
        return lambda X, y: log_odds(*class_logits(model, named(model, X)), required(y))
    if kind == "log_odds":
        raise ValueError(
            f"output='log_odds' needs a scikit-learn classifier, a skorch net or a torch module; "
            f"got {model!r}. A callable must return log-odds itself, with output='value'."
        )
    predict = model.predict if hasattr(model, "predict") else model
    if not callable(predict):
        raise TypeError(
            "model must be a fitted scikit-learn estimator, a skorch net, a torch module or a "
            f"callable that takes rows and returns one number per row; got {model!r}."
        )
    return lambda X, y: single(np.asarray(predict(named(model, X)), dtype=np.float64))


def named(model: Any, X: NDArray) -> Any:
    """Rows with the column names that an estimator was fitted with, if it has any."""
    names = getattr(model, "feature_names_in_", None)
    if names is None or X.ndim != 2 or len(names) != X.shape[1]:
        return X
    return pd.DataFrame(X, columns=names)


def class_logits(model: Any, X: NDArray) -> tuple[NDArray, NDArray]:
    """Logits (m, c), or (m,) for two classes, and the classes of a scikit-learn classifier."""
    if hasattr(model, "decision_function"):
        return np.asarray(model.decision_function(X), dtype=np.float64), model.classes_
    if not hasattr(model, "predict_proba"):
        raise TypeError(
            f"Log-odds need decision_function or predict_proba; {model!r} has neither. Use "
            "output='value'."
        )
    smallest = np.finfo(np.float64).tiny  # a tree may give 0; the logarithm must stay finite
    return np.log(np.maximum(model.predict_proba(X), smallest)), model.classes_


def log_odds(logits: NDArray, classes: NDArray, y: NDArray) -> NDArray[np.float64]:
    """Log-odds of each row's own class, ``z_y - log sum_(others) exp z``, shape (m,).

    Log-odds from probabilities would saturate. Logits of shape (m,) belong to the second of two
    classes.
    """
    place = np.searchsorted(classes, y)
    place[place == len(classes)] = 0
    if (classes[place] != y).any():
        unknown = np.unique(y[classes[place] != y]).tolist()
        raise ValueError(f"y has classes {unknown}; the model knows only {classes!r}.")
    if logits.ndim == 1 or logits.shape[1] == 1:
        if len(classes) != 2:
            raise ValueError(
                f"A single logit needs two classes; the model has {len(classes)}. It must give one "
                "logit per class."
            )
        return np.where(place == 1, 1.0, -1.0) * logits.reshape(len(logits))
    rows = np.arange(len(logits))
    others = logits.copy()
    others[rows, place] = -np.inf
    return logits[rows, place] - logsumexp(others, axis=1)


def required(y: NDArray | None) -> NDArray:
    """The classes whose log-odds are computed; refuse None."""
    if y is None:
        raise ValueError("Log-odds need a class for each sample, but y is None: pass y.")
    return y


def single(values: NDArray) -> NDArray[np.float64]:
    """Outputs of shape (m,), from those of shape (m,) or (m, 1)."""
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise ValueError(
            f"The model must give one number per row; got outputs of shape {values.shape}. Wrap it "
            "in a callable that returns one of them."
        )
    return values


class TorchOutput:
    """Output of a torch module, or of the module of a skorch net.

    For a stack of copies that train together, as in the estimators of skgeh, it is their mean.

    Parameters
    ----------
    model : NeuralNet or torch.nn.Module
    kind : {"auto", "value", "log_odds"}
    """

    def __init__(self, model: Any, kind: str):
        self.kind, self.classes, self.as_probabilities = kind, None, False
        self.module = model
        if isinstance(model, NeuralNet):
            if not getattr(model, "initialized_", False):
                raise ValueError("The skorch net is not initialised. Fit it first.")
            self.module = model.module_
            self.classes = getattr(model, "classes_", None)
            # skorch's convention: a module trained with NLLLoss ends in a softmax
            self.as_probabilities = isinstance(
                getattr(model, "criterion_", None), torch.nn.NLLLoss
            ) and hasattr(model, "classes_")

    def __call__(self, X: NDArray, y: NDArray | None) -> NDArray[np.float64]:
        """One number per row, shape (m,)."""
        found = self.forward(X)
        width = found.shape[1] if found.ndim == 2 else 1
        binary = width == 1 and self.classes is not None
        if self.kind == "value" or (self.kind == "auto" and width == 1 and not binary):
            return single(found)
        if self.as_probabilities and width > 1:
            found = np.log(np.maximum(found, np.finfo(np.float64).tiny))
        classes = np.arange(max(width, 2)) if self.classes is None else np.asarray(self.classes)
        return log_odds(found, classes, required(y))

    @torch.no_grad()
    def forward(self, X: NDArray) -> NDArray[np.float64]:
        """Outputs of the module as float64 numbers."""
        first = next(self.module.parameters(), torch.zeros(()))
        inputs = torch.as_tensor(X, device=first.device)
        if inputs.is_floating_point():
            inputs = inputs.to(first.dtype)
        if stacked := hasattr(self.module, "n_starts"):  # a HybridStack: (S, m, columns)
            inputs = self.stack_inputs(inputs)
        with as_in_prediction(self.module):
            found = self.module(inputs)
        if isinstance(found, tuple):
            found = found[0]
        found = found.to(torch.float64)
        return (found.mean(0) if stacked else found).cpu().numpy()

    def stack_inputs(self, inputs: torch.Tensor) -> torch.Tensor:
        """The same rows for every copy of a stack."""
        n_copies, columns = len(self.module.main), self.module.n_features
        if self.module.main_columns.stop > columns:
            raise ValueError(
                "Networks with spline main effects need the splines as inputs, but there are only "
                "rows here. Use main_effects='linear' or None."
            )
        return inputs.expand(n_copies, *inputs.shape)


@contextmanager
def as_in_prediction(*modules: torch.nn.Module) -> Iterator[None]:
    """Put modules into evaluation mode; then restore every part's mode and all random states."""
    modes = [(part, part.training) for module in modules for part in module.modules()]
    python_state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng():
        for module in modules:
            module.eval()
        try:
            yield
        finally:
            for part, mode in modes:
                part.training = mode
            random.setstate(python_state)
            np.random.set_state(numpy_state)  # noqa: NPY002 - a module may draw from it
