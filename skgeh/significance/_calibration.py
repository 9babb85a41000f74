"""Variance inflation of the scores of learned shapes: calibrated values, and where they hold."""

from numbers import Real
from typing import Any

import numpy as np

from skgeh.estimators import InteractionEstimator
from skgeh.posteriors import FAMILIES
from skgeh.posteriors.trainer import Trainer
from skgeh.tables.messages import warn

# from benchmarks/level.py, for 5 folds; keys are least numbers of repeats
VARIANCE_INFLATION = {"concrete_dropout": {1: 1.5, 3: 1.2}}
CALIBRATED_FOLDS = 5
CONSERVATIVE = 2.0  # the most that a learner linear in the target can reach


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
