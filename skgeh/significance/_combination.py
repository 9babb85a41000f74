"""P-values from scores, combined over kinds of evidence, and the calibrated variance of scores."""

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from skgeh.estimators import InteractionEstimator
from skgeh.posteriors import FAMILIES
from skgeh.posteriors.trainer import Trainer
from skgeh.tables.corrections import bonferroni, cauchy
from skgeh.tables.messages import warn

# from benchmarks/crossfit_calibration.py, for 5 folds; keys are least numbers of repeats
VARIANCE_INFLATION = {"concrete_dropout": {1: 1.5, 3: 1.0}}
CALIBRATED_FOLDS = 5
CONSERVATIVE = 2.0  # the most that a learner linear in the target can reach

SCORE = 2.0  # weight of the score test, in that of learned or of smooth shapes
MOST = 0.9  # largest p-value of one kind of evidence: at 0.05, errors grow by a fifteenth at most


def combined(
    t: NDArray,
    phi: float,
    z: NDArray,
    phi_smooth: float,
    weights: NDArray,
    sequential: bool,
    score: NDArray | None = None,
) -> NDArray[np.float64]:
    """One p-value per pair from scores of learned and of smooth shapes, shape (q,).

    The score test has half of the weight, and learned and smooth shapes have a quarter each. One
    kind of evidence that says nothing leaves its weight to the others.

    Parameters
    ----------
    t : ndarray of shape (R, K, q)
        Scores of learned shapes. A real shape has a positive coefficient, so the test is one-sided.
    phi : float
    z : ndarray of shape (R or 1, q, s)
        Scores of smooth shapes, whose coefficients may have either sign.
    phi_smooth : float
    weights : ndarray of shape (q, s)
        They sum to 1 for each pair, or there are none.
    sequential : bool
    score : ndarray of shape (q,), optional
        P-values of a score test, a third kind of evidence; NaN where there is none.
    """
    one_sided = norm.sf(t.sum(1).mean(0) / np.sqrt(t.shape[1] * phi))
    two_sided = 2 * norm.sf(np.abs(z.mean(0)) / np.sqrt(phi_smooth))
    third = np.full(len(one_sided), np.nan) if score is None else score
    p = np.column_stack([one_sided, two_sided, np.nan_to_num(third, nan=1.0)])
    one = np.ones((len(p), 1))
    shares = np.hstack([one, weights, SCORE * np.isfinite(third)[:, None]])
    shares[:, 1:-1] *= two_sided < 1  # aliased shapes have p = 1
    shares /= np.maximum(shares.sum(1, keepdims=True), np.finfo(float).tiny)
    return bonferroni(p, shares) if sequential else cauchy(p, shares, MOST)


def inflation(learner: Any, given: float | str, cv: int | str, n_repeats: int) -> float:
    """Variance of the score of a pair without interaction, as given or as calibrated."""
    number = isinstance(given, Real) and 0 < given < np.inf
    if not number and not (isinstance(given, str) and given == "auto"):
        raise ValueError(f"variance_inflation must be 'auto' or a number above 0; got {given!r}.")
    if isinstance(cv, str):
        return 1.0
    if not isinstance(given, str):
        return float(given)
    names = {kind: name for name, kind in FAMILIES.items()}
    own = learner.trainer() if isinstance(learner, InteractionEstimator) else learner
    family = names[type(own.family)] if isinstance(own, Trainer) else "of another kind"
    if family in VARIANCE_INFLATION and cv == CALIBRATED_FOLDS:
        known = VARIANCE_INFLATION[family]
        return known[max(repeats for repeats in known if repeats <= n_repeats)]
    name = "a stack of networks" if isinstance(learner, Trainer) else type(learner).__name__
    warn(
        f"The variance inflation of {name} ({family}) with cv={cv} was not calibrated: "
        f"{CONSERVATIVE:g} is assumed, which is safe but costs power. Set variance_inflation if "
        "you know it."
    )
    return CONSERVATIVE
