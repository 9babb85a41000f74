"""What a family of posteriors is given, and what it gives back."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skgeh.geh.functions import RandomFunction
from skgeh.geh.likelihoods import CrossEntropy, Likelihood


@dataclass(frozen=True, eq=False)
class Task:
    """A table in standard units, and what is learned by.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    y : ndarray of shape (n, c)
        Numbers; or for labels 0 and 1, one column for two classes, else one column per class.
    weight : ndarray of shape (n,)
    likelihood : Likelihood
    """

    X: NDArray[np.float64]
    y: NDArray[np.float64]
    weight: NDArray[np.float64]
    likelihood: Likelihood

    @property
    def has_labels(self) -> bool:
        """Whether the targets are labels."""
        return isinstance(self.likelihood, CrossEntropy)


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Rows, and predictions of them by a model that was learned without them.

    Parameters
    ----------
    rows : ndarray of shape (m,)
    predict : callable () -> ndarray of shape (k, c)
        Predicts standardised targets, or logits, of the first k rows when first asked; it can be
        pickled.
    n_judged : int, optional
        k, by default all; fewer where a prediction costs much.
    """

    rows: NDArray[np.intp]
    predict: Callable[[], NDArray[np.float64]]
    n_judged: int | None = None

    @property
    def judged(self) -> NDArray[np.intp]:
        """Rows that are predicted, shape (k,)."""
        return self.rows[: self.n_judged]

    @cached_property
    def predictions(self) -> NDArray[np.float64]:
        """Predictions of the rows that are judged, shape (k, c)."""
        return self.predict()


@dataclass(frozen=True, eq=False)
class Learned:
    """A posterior, its noise, and how it predicts rows that it has not seen.

    Parameters
    ----------
    posterior : RandomFunction
    noise_variance : ndarray of shape (c,)
        In squared standard deviations of the targets; for labels, the share of their entropy that
        is left.
    held_out : HeldOut
    net : skorch.NeuralNet, optional
        The trained networks, if there are any.
    """

    posterior: RandomFunction
    noise_variance: NDArray[np.float64]
    held_out: HeldOut
    net: Any = None
