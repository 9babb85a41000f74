"""Is a fit good enough to be believed? Its errors on rows that it has not seen, beside others'."""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer, SplineTransformer

from skgeh.functions import Function, evaluate
from skgeh.splits import MAX_POINTS

MOST_ROWS = 5000  # that the main-effects model is fitted on
N_FOLDS = 10
ERRORS = 2.0  # standard errors that a difference has to be beyond


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Rows, and predictions of them by what was learned without them.

    Parameters
    ----------
    rows : ndarray of shape (m,)
    predictions : ndarray of shape (m,)
    """

    rows: NDArray[np.intp]
    predictions: NDArray[np.float64]

    @classmethod
    def of_members(cls, members: Function, Z: NDArray, held_out: NDArray[np.intp]) -> "HeldOut":
        """Each network's predictions of its own rows; `held_out` has shape (E, h)."""
        rows = held_out[:, : max(1, MAX_POINTS // len(held_out))]
        values = evaluate(members, Z[rows.ravel()], len(rows))[..., 0]
        own = values.reshape(len(rows), *rows.shape)[np.arange(len(rows)), np.arange(len(rows))]
        return cls(rows.ravel(), own.ravel())


@dataclass(frozen=True)
class FitQuality:
    """How well a fit predicts rows that it has not seen.

    Parameters
    ----------
    r2 : float
        Share of the target's variance that the model explains.
    r2_main_effects : float
        The same for an additive model: a ridge regression on cubic splines of the features.
    over_mean, over_main_effects : tuple of two float
        How much larger the mean squared error of the target's mean, and of the additive model, is
        on the same rows, in variances of the target, with its standard error.
    """

    r2: float
    r2_main_effects: float
    over_mean: tuple[float, float]
    over_main_effects: tuple[float, float]

    @classmethod
    def of(cls, y: NDArray, model: NDArray, main_effects: NDArray, weight: NDArray) -> "FitQuality":
        """From a target and held-out predictions of it, each of shape (m,).

        Examples
        --------
        >>> y = np.arange(10.0)
        >>> found = FitQuality.of(y, y, y + 1, np.ones(10))
        >>> found.r2, round(found.r2_main_effects, 3), found.believable
        (1.0, 0.879, True)
        """
        mean = np.average(y, weights=weight)
        variance = np.average((y - mean) ** 2, weights=weight) or 1.0
        errors = [(y - other) ** 2 / variance for other in (mean, main_effects, model)]
        r2_main, r2 = (1 - float(np.average(e, weights=weight)) for e in errors[1:])
        gains = [weighted_mean(e - errors[2], weight) for e in errors[:2]]
        return cls(r2, r2_main, *gains)

    @classmethod
    def of_fit(
        cls, Z: NDArray, target: NDArray, weight: NDArray, held_out: HeldOut, seed: int
    ) -> "FitQuality":
        """Beside an additive model of the same table, in standard units."""
        rows = held_out.rows
        additive = main_effects_predictions(Z, target, weight, rows, seed)
        return cls.of(target[rows], held_out.predictions, additive, weight[rows])

    @property
    def explains(self) -> bool:
        """Whether the model predicts better than the target's mean, beyond chance."""
        gain, error = self.over_mean
        return gain > ERRORS * error

    @property
    def believable(self) -> bool:
        """Whether it explains anything, and is not clearly worse than main effects alone."""
        gain, error = self.over_main_effects
        return self.explains and gain >= -ERRORS * error

    def warn(self, stacklevel: int) -> None:
        """Warn of a table that is not to be believed."""
        if self.believable:
            return
        if not self.explains:
            finding = "explains nothing of rows that it has not seen"
        else:
            finding = "predicts rows that it has not seen worse than main effects alone"
        warnings.warn(
            f"The fitted model {finding} (R2 {self.r2:.3f}, main effects alone "
            f"{self.r2_main_effects:.3f}): its interactions are not to be believed. More rows, "
            "another posterior, or fewer features may help; crossfit_test says what is real.",
            UserWarning,
            stacklevel=stacklevel + 1,
        )


def weighted_mean(values: NDArray, weight: NDArray) -> tuple[float, float]:
    """Mean and its standard error."""
    share = weight / weight.sum()
    mean = float(share @ values)
    return mean, float(np.sqrt(np.square(share) @ np.square(values - mean)))


def main_effects_predictions(
    X: NDArray, y: NDArray, weight: NDArray, first: NDArray[np.intp], seed: int
) -> NDArray[np.float64]:
    """Out-of-fold predictions by an additive model at rows `first`, from at most 5000 rows.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    y, weight : ndarray of shape (n,)
    first : ndarray of shape (m,)
        Rows that are asked about; others are added at random.
    seed : int
    """
    generator = np.random.default_rng(seed)
    asked = np.unique(first)
    others = generator.permutation(np.setdiff1d(np.arange(len(X)), asked))
    rows = np.concatenate([asked, others[: max(0, MOST_ROWS - len(asked))]])
    additive = make_pipeline(
        QuantileTransformer(n_quantiles=min(1000, len(rows) // 2)),
        SplineTransformer(n_knots=5),
        RidgeCV(np.logspace(-2, 4, 13)),
    )
    found = cross_val_predict(
        additive,
        X[rows],
        y[rows],
        cv=KFold(min(N_FOLDS, len(rows)), shuffle=True, random_state=seed),
        params={"ridgecv__sample_weight": weight[rows]},
    )
    return found[np.searchsorted(asked, first)]
