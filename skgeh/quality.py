"""Is a fit good enough to be believed? Its errors on rows that it has not seen, beside others'."""

import warnings
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer, SplineTransformer

from skgeh.functions import Function, evaluate
from skgeh.likelihoods import LEAST, CrossEntropy, Likelihood
from skgeh.splits import MAX_POINTS

MOST_ROWS = 5000  # that the main-effects model is fitted on
N_FOLDS, LABEL_FOLDS = 10, 5
MOST_STEPS = 1000
ERRORS = 2.0  # standard errors that a difference has to be beyond


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Rows, and predictions of them by what was learned without them.

    Parameters
    ----------
    rows : ndarray of shape (m,)
    predictions : ndarray of shape (m, c)
        Of standardised targets, or logits.
    """

    rows: NDArray[np.intp]
    predictions: NDArray[np.float64]

    @classmethod
    def of_members(cls, members: Function, Z: NDArray, held_out: NDArray[np.intp]) -> "HeldOut":
        """Each network's predictions of its own rows; `held_out` has shape (E, h)."""
        rows = held_out[:, : max(1, MAX_POINTS // len(held_out))]
        values = evaluate(members, Z[rows.ravel()], len(rows))
        each = np.arange(len(rows))
        own = values.reshape(len(rows), *rows.shape, -1)[each, each]
        return cls(rows.ravel(), own.reshape(rows.size, -1))


@dataclass(frozen=True)
class FitQuality:
    """How well a fit predicts rows that it has not seen.

    Parameters
    ----------
    r2 : float
        Share of the target's variance that the model explains, mean over targets; of labels, the
        share of their deviance (McFadden's R2).
    r2_main_effects : float
        The same for an additive model: a ridge or a logistic regression on cubic splines of the
        features.
    over_mean, over_main_effects : tuple of two float
        How much larger the loss (squared error, or deviance) of a constant, and of the additive
        model, is on the same rows, relative to that of the constant, with its standard error.
    """

    r2: float
    r2_main_effects: float
    over_mean: tuple[float, float]
    over_main_effects: tuple[float, float]

    @classmethod
    def of(
        cls, constant: NDArray, main_effects: NDArray, model: NDArray, weight: NDArray
    ) -> "FitQuality":
        """From the losses on held-out rows of a constant, main effects and the model, each (m,).

        Examples
        --------
        >>> y = np.arange(10.0)
        >>> found = FitQuality.of((y - y.mean()) ** 2, np.ones(10), np.zeros(10), np.ones(10))
        >>> found.r2, round(found.r2_main_effects, 3), found.believable
        (1.0, 0.879, True)
        """
        unit = np.average(constant, weights=weight) or 1.0
        constant, main_effects, model = constant / unit, main_effects / unit, model / unit
        r2_main, r2 = (1 - float(np.average(e, weights=weight)) for e in (main_effects, model))
        gains = [weighted_mean(e - model, weight) for e in (constant, main_effects)]
        return cls(r2, r2_main, *gains)

    @classmethod
    def of_fit(
        cls,
        Z: NDArray,
        targets: NDArray,
        weight: NDArray,
        held_out: HeldOut,
        likelihood: Likelihood,
        seed: int,
    ) -> "FitQuality":
        """Beside an additive model of the same table, in standard units; targets are (n, c)."""
        rows = held_out.rows
        truth, counts = torch.as_tensor(targets[rows]), weight[rows]
        means = torch.as_tensor(np.average(targets[rows], axis=0, weights=counts))
        constant = likelihood.constant(means).expand(len(rows), -1)
        labels = isinstance(likelihood, CrossEntropy)
        additive = main_effects_predictions(Z, targets, weight, rows, seed, labels)
        flat, main, model = (
            likelihood.losses(torch.as_tensor(outputs), truth).mean(1).numpy()
            for outputs in (constant, additive, held_out.predictions)
        )
        return cls.of(flat, main, model, counts)

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
    X: NDArray,
    y: NDArray,
    weight: NDArray,
    first: NDArray[np.intp],
    seed: int,
    labels: bool = False,
) -> NDArray[np.float64]:
    """Out-of-fold predictions by an additive model at rows `first`, from at most 5000 rows.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    y : ndarray of shape (n, c)
        Numbers, or labels as 0 and 1.
    weight : ndarray of shape (n,)
    first : ndarray of shape (m,)
        Rows that are asked about; others are added at random.
    seed : int
    labels : bool, default=False
        Predict logits.

    Returns
    -------
    ndarray of shape (m, c)
    """
    generator = np.random.default_rng(seed)
    asked = np.unique(first)
    others = generator.permutation(np.setdiff1d(np.arange(len(X)), asked))
    rows = np.concatenate([asked, others[: max(0, MOST_ROWS - len(asked))]])
    predict = logistic_predictions if labels else ridge_predictions
    found = predict(X[rows], y[rows], weight[rows], seed)
    return found[np.searchsorted(asked, first)]


def ridge_predictions(X: NDArray, y: NDArray, weight: NDArray, seed: int) -> NDArray[np.float64]:
    """Out-of-fold predictions of numbers by a ridge regression on splines, shape (n, c)."""
    found = cross_val_predict(
        make_pipeline(*splines(len(X)), RidgeCV(np.logspace(-2, 4, 13))),
        X,
        y,
        cv=KFold(min(N_FOLDS, len(X)), shuffle=True, random_state=seed),
        params={"ridgecv__sample_weight": weight},
    )
    return found.reshape(len(X), -1)


def logistic_predictions(X: NDArray, y: NDArray, weight: NDArray, seed: int) -> NDArray[np.float64]:
    """Out-of-fold logits by a logistic regression on splines, shape (n, c)."""
    labels = y[:, 0] if y.shape[1] == 1 else y.argmax(1)
    counts = np.unique(labels, return_counts=True)[1]
    if len(counts) < 2 or counts.min() < 2:  # some fold would learn from one class only
        return np.zeros(y.shape)
    found = cross_val_predict(
        make_pipeline(*splines(len(X)), LogisticRegression(max_iter=MOST_STEPS)),
        X,
        labels,
        cv=StratifiedKFold(min(LABEL_FOLDS, counts.min()), shuffle=True, random_state=seed),
        params={"logisticregression__sample_weight": weight},
        method="predict_proba",
    )
    logs = np.log(np.clip(found, LEAST, None))
    return logs[:, 1:] - logs[:, :1] if y.shape[1] == 1 else logs


def splines(n_rows: int) -> tuple[QuantileTransformer, SplineTransformer]:
    """The steps from features to cubic splines of their ranks."""
    return QuantileTransformer(n_quantiles=min(1000, n_rows // 2)), SplineTransformer(n_knots=5)
