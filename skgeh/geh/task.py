"""The task that a family of posteriors is given, and the result that it returns."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skgeh.geh.functions import RandomFunction
from skgeh.geh.likelihoods import CrossEntropy, Likelihood


@dataclass(frozen=True, eq=False)
class Task:
    """A table in standard units, and the likelihood to learn by.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    y : ndarray of shape (n, c)
        Numbers in standard units or, for losses with a log link, divided by their mean; or labels
        as 0 and 1 in one column for two classes, else one column per class.
    weight : ndarray of shape (n,)
    likelihood : Likelihood
    units : ndarray of shape (n,), optional
        Unit of every row, if rows of one unit are not independent; they are held out together.
    """

    X: NDArray[np.float64]
    y: NDArray[np.float64]
    weight: NDArray[np.float64]
    likelihood: Likelihood
    units: NDArray[np.intp] | None = None

    def some(self, rows: NDArray) -> "Task":
        """The same task on some of the rows."""
        units = None if self.units is None else self.units[rows]
        return replace(self, X=self.X[rows], y=self.y[rows], weight=self.weight[rows], units=units)

    @property
    def has_labels(self) -> bool:
        """Whether the targets are labels."""
        return isinstance(self.likelihood, CrossEntropy)


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Held-out rows, and their predictions by a model that was trained without them.

    Parameters
    ----------
    rows : ndarray of shape (m,)
    predict : callable () -> ndarray of shape (k, c)
        Predicts standardised targets, logits, or logs of ratios to the mean, of the first k rows.
        It is called on first use and can be pickled.
    n_judged : int, optional
        Number k, by default all rows; fewer where a prediction is expensive.
    left_out : callable (rows) -> (means, variances), optional
        Predicts any rows without themselves, in closed form, each of shape (m, c).
    """

    rows: NDArray[np.intp]
    predict: Callable[[], NDArray[np.float64]]
    n_judged: int | None = None
    left_out: Callable[[NDArray], tuple[NDArray, NDArray]] | None = None

    @property
    def judged(self) -> NDArray[np.intp]:
        """Rows whose predictions are judged, shape (k,)."""
        return self.rows[: self.n_judged]

    @cached_property
    def predictions(self) -> NDArray[np.float64]:
        """Predictions of the judged rows, shape (k, c)."""
        return self.predict()


@dataclass(frozen=True, eq=False)
class Learned:
    """A posterior, its noise, and its predictions of held-out rows.

    Parameters
    ----------
    posterior : RandomFunction
    noise_variance : ndarray of shape (c,)
        In units of the squared standard deviations of the targets; for labels, the unexplained
        share of their entropy; for a log link, the dispersion in units of `LogLink.dispersion`.
    held_out : HeldOut
    net : skorch.NeuralNet, optional
        The trained networks, if there are any.
    """

    posterior: RandomFunction
    noise_variance: NDArray[np.float64]
    held_out: HeldOut
    net: Any = None
