"""Quality of a fit: its errors on rows that it has not seen, compared with other models."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.stats import rankdata
from sklearn.linear_model import GammaRegressor, LogisticRegression, PoissonRegressor
from sklearn.model_selection import PredefinedSplit, StratifiedKFold, cross_val_predict
from sklearn.preprocessing import SplineTransformer

from skgeh.estimators._boosting import boosted_predictions, folds
from skgeh.estimators._collinearity import exchangeable
from skgeh.geh.likelihoods import LEAST, LogLink
from skgeh.geh.task import HeldOut, Task
from skgeh.tables.messages import warn
from skgeh.tables.small_table import SmallTable
from skgeh.tables.table import codes_of, standard_scaler

_MOST_ROWS = 2000  # rows that the additive model learns from, unless more are held out
_MOST_BOOSTED = 2000, 4  # rows and targets that boosting learns from
_FOLDS = 3  # for labels and for log links
_MOST_STEPS = 1000
_ALPHAS = np.logspace(-2, 4, 13)
_LOG_PENALTIES = 1, 10, 100
_KNOTS, _COLUMNS = 5, 7  # knots and columns of the splines of a feature
_MOST_COLUMNS = 1000  # with more of them, or more than rows, lines replace splines
_ERRORS = 2.0  # standard errors that a difference must exceed
_MUCH = 0.25  # share that is not nothing, whatever its error
_MISSED = 0.05  # share of the variance that must be missed as well


@dataclass(frozen=True, repr=False)
class FitQuality:
    """How well a fit predicts rows that it has not seen.

    Parameters
    ----------
    r2 : float
        Share of the target's variance that the model explains, averaged over targets; for labels,
        the share of their deviance (McFadden's R2), and so for the losses "poisson" and "gamma".
    r2_main_effects : float
        The same for an additive model on cubic splines of the features: a ridge or a logistic
        regression, or one with a log link.
    over_mean, over_main_effects : tuple of two float
        Loss (squared error or deviance) of a constant, or of the additive model, minus that of the
        model on the same rows, divided by the loss of the constant; and its standard error.
    r2_boosting : float
        Share that gradient boosting explains, three folds of trees on at most 2000 rows and four
        targets; nan if it has not been asked.
    over_boosting : tuple of two float
        Loss of boosting minus that of the model on the rows and targets of both, in the same unit;
        and its standard error. It is negative if boosting predicts better.

    Notes
    -----
    The comparison with boosting favours the model. A prediction by the model is made from all other
    rows of the table, or all but those that a network holds out; a prediction by boosting is made
    from two thirds of at most 2000 rows, with few and large steps where there are many columns,
    targets or classes. If boosting is better all the same, the model has missed something. If the
    model is better, boosting from all rows with tuned parameters may still be as good.
    """

    r2: float
    r2_main_effects: float
    over_mean: tuple[float, float]
    over_main_effects: tuple[float, float]
    r2_boosting: float = np.nan
    over_boosting: tuple[float, float] = (np.nan, np.nan)

    @classmethod
    def of(
        cls, constant: NDArray, main_effects: NDArray, model: NDArray, weight: NDArray
    ) -> "FitQuality":
        """Quality from the held-out losses of a constant, main effects and the model, each (m,).

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
        over_mean, over_main = (_weighted_mean(e - model, weight) for e in (constant, main_effects))
        return cls(r2, r2_main, over_mean, over_main)

    def beside_boosting(
        self, constant: NDArray, boosting: NDArray, model: NDArray, weight: NDArray
    ) -> "FitQuality":
        """Add the comparison with boosting, from the losses of three models, each (k,)."""
        unit = np.average(constant, weights=weight) or 1.0
        r2_boosting = 1 - float(np.average(boosting / unit, weights=weight))
        gain = _weighted_mean((boosting - model) / unit, weight)
        return replace(self, r2_boosting=r2_boosting, over_boosting=gain)

    @property
    def explains(self) -> bool:
        """Whether the model predicts better than the target's mean, more than by chance."""
        gain, error = self.over_mean
        return gain > _ERRORS * error

    @property
    def believable(self) -> bool:
        """Whether the model explains anything and is not clearly worse than main effects alone."""
        gain, error = self.over_main_effects
        return self.explains and gain >= -_ERRORS * error

    @property
    def misses(self) -> bool:
        """Whether boosting predicts better by 0.05 and more than by chance; False if not asked."""
        gain, error = self.over_boosting
        return -gain > max(_ERRORS * error, _MISSED)

    def __repr__(self) -> str:
        others = [f"{name} {r2:.3f}" for name, r2, _ in self._others()]
        return f"<FitQuality: R2 {self.r2:.3f} on unseen rows, {', '.join(others)}>"

    def _repr_html_(self) -> str:
        rows = [["constant", "0.000", f"{self.over_mean[0]:.3f} \u00b1 {self.over_mean[1]:.3f}"]]
        for name, r2, (gain, error) in self._others():
            rows.append([name, f"{r2:.3f}", f"{gain:.3f} \u00b1 {error:.3f}"])
        title = f"R2 {self.r2:.3f} on rows that the model has not seen"
        return SmallTable(["", "R2", "the model is better by"], rows, title).html()

    def _others(self) -> list[tuple[str, float, tuple[float, float]]]:
        """Models that it is compared with: name, R2, and by how much the model is better."""
        found = [("main effects alone", self.r2_main_effects, self.over_main_effects)]
        if np.isfinite(self.r2_boosting):
            found.append(("gradient boosting", self.r2_boosting, self.over_boosting))
        return found

    def warn(self) -> None:
        """Warn if the interactions of this fit should not be trusted."""
        if self.believable:
            return
        if not self.explains:
            finding = "explains nothing on rows that it has not seen"
            if self.r2 > _MUCH:
                finding = "may explain nothing: a few rows decide about its errors on unseen rows"
        else:
            finding = "predicts rows that it has not seen worse than main effects alone do"
        warn(
            f"The fitted model {finding} (R2 {self.r2:.3f}, main effects alone "
            f"{self.r2_main_effects:.3f}): do not trust its interactions. More rows, another "
            "posterior or fewer features may help; crossfit_test tests which pairs are real."
        )

    def warn_of_missed(self) -> None:
        """Warn if boosting has learned what the model has not."""
        if not self.misses:
            return
        r2 = self.r2_boosting + self.over_boosting[0]
        warn(
            "The fitted model predicts rows that it has not seen worse than gradient boosting does "
            f"(R2 {r2:.3f}, boosting {self.r2_boosting:.3f}): its table may miss interactions that "
            "it has not learned, such as those with jumps or of many features. Another posterior, "
            "other networks or longer training may help."
        )


@dataclass(frozen=True, eq=False)
class _FitSample:
    """Rows on which a fit is judged, kept until its quality is computed.

    Parameters
    ----------
    task : Task
        Up to 2000 rows, or all held-out rows if these are more.
    held_out : HeldOut
    places : ndarray of shape (m,)
        Indices of the held-out rows among these rows.
    seed : int
    """

    task: Task
    held_out: HeldOut
    places: NDArray[np.intp]
    seed: int

    @classmethod
    def of(cls, task: Task, held_out: HeldOut, seed: int) -> "_FitSample":
        """Take the held-out rows, and others at random."""
        asked = np.unique(held_out.judged)
        n_rows, n_kept = len(task.X), max(_MOST_ROWS, len(asked))
        drawn = np.random.default_rng(seed).choice(n_rows, min(n_kept, n_rows), replace=False)
        others = drawn[~np.isin(drawn, asked)]
        rows = np.concatenate([asked, others[: n_kept - len(asked)]])
        some = task.some(rows)
        return cls(some, held_out, np.searchsorted(asked, held_out.judged), seed)

    def exchangeable(self, columns: Sequence[int]) -> list[set[int]]:
        """Sets of some of the columns, by place, that can stand for each other."""
        return exchangeable(standard_scaler().fit_transform(self.task.X[:, list(columns)]))

    def quality(self) -> FitQuality:
        """Compare the model, an additive model and a constant by their held-out losses."""
        constant, main_effects, model = (losses.mean(1) for losses in self._losses)
        return FitQuality.of(constant, main_effects, model, self.task.weight[self.places])

    def quality_beside_boosting(self) -> FitQuality:
        """The same, and boosting."""
        task, (most_rows, most_targets) = self.task, _MOST_BOOSTED
        n, c = task.y.shape
        rows = np.arange(n)
        if n > most_rows:  # then all of them are held out
            rows = np.sort(np.random.default_rng(self.seed).choice(n, most_rows, replace=False))
        columns = np.arange(c)
        if not task.has_labels and c > most_targets:
            columns = np.linspace(0, c - 1, most_targets).astype(int)
        some = task.some(rows)
        some = replace(some, y=some.y[:, columns])
        outputs, truth = boosted_predictions(some, self.seed), torch.as_tensor(some.y)
        boosting = task.likelihood.losses(torch.as_tensor(outputs), truth).mean(1).numpy()
        both = np.isin(self.places, rows)
        places = self.places[both]
        constant, _, model = (
            (losses if task.has_labels else losses[:, columns])[both].mean(1)
            for losses in self._losses
        )
        return self.quality().beside_boosting(
            constant, boosting[np.searchsorted(rows, places)], model, task.weight[places]
        )

    @cached_property
    def _losses(self) -> list[NDArray[np.float64]]:
        """Losses of a constant, main effects and the model at held-out rows, for each target."""
        task, at = self.task, self.places
        truth = torch.as_tensor(task.y[at])
        means = torch.as_tensor(np.average(task.y[at], axis=0, weights=task.weight[at]))
        constant = task.likelihood.constant(means).expand(len(at), -1)
        additive = _additive_predictions(task, self.seed)[at]
        return [
            task.likelihood.losses(torch.as_tensor(outputs), truth).numpy()
            for outputs in (constant, additive, self.held_out.predictions)
        ]


def _weighted_mean(values: NDArray, weight: NDArray) -> tuple[float, float]:
    """Mean and its standard error."""
    share = weight / weight.sum()
    mean = float(share @ values)
    return mean, float(np.sqrt(np.square(share) @ np.square(values - mean)))


def _additive_predictions(task: Task, seed: int) -> NDArray[np.float64]:
    """Predictions of rows by an additive model that was learned without them, shape (n, c)."""
    B = _additive_basis(task.X)
    if isinstance(task.likelihood, LogLink):
        return _log_predictions(B, task, task.likelihood, seed)
    return _logistic_predictions(B, task, seed) if task.has_labels else _ridge_predictions(B, task)


def _additive_basis(X: NDArray) -> NDArray[np.float64]:
    """Cubic splines of the features' ranks, or just the ranks if rows are few, (n, columns)."""
    n, d = X.shape
    ranks = (rankdata(X, axis=0) - 0.5) / n
    if _COLUMNS * d > min(n, _MOST_COLUMNS):
        return ranks
    splines = SplineTransformer(_KNOTS).set_output(transform="default")
    return splines.fit_transform(ranks)


def _splits(strata: NDArray, units: NDArray | None, seed: int, n_folds: int = _FOLDS) -> list:
    """Training and test rows of every fold, with equal shares of the strata or whole units."""
    if units is not None:
        return list(PredefinedSplit(folds(strata, seed, units)).split())
    split = StratifiedKFold(n_folds, shuffle=True, random_state=seed).split
    return list(split(strata, strata))


def _ridge_predictions(B: NDArray, task: Task) -> NDArray[np.float64]:
    """Leave-one-out predictions by ridge regression, ``y - e / (1 - h)``, shape (n, c).

    With ``B = U s V'``, e and h are the residuals and leverages of ``U s^2 / (s^2 + alpha) U'``.
    alpha minimises the sum of squared errors over all rows and targets. Rows of one unit are left
    out together.
    """
    y, weight, total = task.y, task.weight, task.weight.sum()
    root = np.sqrt(weight)[:, None]
    A, centred = (root * (part - weight @ part / total) for part in (B, y))
    if A.shape[1] <= len(A):
        squares, V = eigh(A.T @ A)
        U = A @ V / np.sqrt(np.maximum(squares, _ALPHAS[0] ** 2))
    else:
        squares, U = eigh(A @ A.T)
    rest = []
    for alpha in _ALPHAS:
        shrunk = U * (np.maximum(squares, 0) / (np.maximum(squares, 0) + alpha))
        error = centred - shrunk @ (U.T @ centred)
        left = np.hstack([shrunk, root / total]), np.hstack([U, root])
        rest.append(_without_unit(error, *left, task.units))
    best = min(rest, key=lambda error: np.square(error).sum())
    return y - best / root


def _without_unit(
    error: NDArray, left: NDArray, right: NDArray, units: NDArray | None
) -> NDArray[np.float64]:
    """Residuals (n, c) of rows without their unit, with the hat matrix ``left right'``."""
    if units is None:
        leverage = np.einsum("nk,nk->n", left, right)[:, None]
        return error / np.maximum(1 - leverage, LEAST)
    found = np.empty_like(error)
    for code in np.unique(units):
        rows = np.flatnonzero(units == code)
        remaining = (1 + LEAST) * np.eye(len(rows)) - left[rows] @ right[rows].T
        found[rows] = np.linalg.solve(remaining, error[rows])
    return found


def _logistic_predictions(B: NDArray, task: Task, seed: int) -> NDArray[np.float64]:
    """Out-of-fold logits by logistic regression, shape (n, c)."""
    labels = codes_of(task.y)
    counts = np.unique(labels, return_counts=True)[1]
    if len(counts) < 2 or counts.min() < 2:  # some fold would learn from one class only
        return np.zeros(task.y.shape)
    splits = _splits(labels, task.units, seed, min(_FOLDS, counts.min()))
    if any(len(np.unique(labels[on])) < len(counts) for on, _ in splits):
        return np.zeros(task.y.shape)
    found = cross_val_predict(
        LogisticRegression(max_iter=_MOST_STEPS),
        B,
        labels,
        cv=splits,
        params={"sample_weight": task.weight},
        method="predict_proba",
    )
    logs = np.log(np.clip(found, LEAST, None))
    return logs[:, 1:] - logs[:, :1] if task.y.shape[1] == 1 else logs


def _log_predictions(B: NDArray, task: Task, likelihood: LogLink, seed: int) -> NDArray[np.float64]:
    """Out-of-fold logs of means by penalised regressions with a log link, shape (n, c).

    Of three penalties, which are for coefficients of variance 1 and less, the best is taken.
    """
    kind = PoissonRegressor if likelihood.power == 1 else GammaRegressor
    found = np.zeros(task.y.shape)
    for k, y in enumerate(task.y.T):
        above = y > np.median(y)  # folds alike, also where most numbers are 0
        if min(np.bincount(above, minlength=2)) < _FOLDS:
            continue
        splits = _splits(above, task.units, seed)
        weights, tried = {"sample_weight": task.weight}, []
        for penalty in _LOG_PENALTIES:
            alpha = penalty * likelihood.dispersion[k] / len(y)
            model = kind(alpha=alpha, solver="newton-cholesky")
            means = cross_val_predict(model, B, y, cv=splits, params=weights)
            tried.append(np.log(np.maximum(means, LEAST)))
        found[:, k] = min(tried, key=partial(_deviance, likelihood, y, task.weight))
    return found


def _deviance(likelihood: LogLink, y: NDArray, weight: NDArray, outputs: NDArray) -> float:
    """Weighted sum of half the unit deviances of one target."""
    both = map(torch.as_tensor, (outputs, y))
    return float(weight @ likelihood.half_deviances(*both).numpy())
