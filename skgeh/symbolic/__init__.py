"""Symbolic AND-OR interactions of any model, of any order, and how a network learns them.

Answers: which few interactions of inputs add up to a model's output, for every subset of inputs.
In: a model and samples, or a network in training. Out: an `Explanation`, or `InteractionDynamics`.
It follows the second paper (Ren et al., NeurIPS 2024) and rests on `tables.frames` alone.
Read `transforms.py` first, then `interactions.py`, `split.py` and `explainer.py`.
"""

from skgeh.symbolic.dynamics import InteractionDynamics
from skgeh.symbolic.explainer import AndOrExplainer
from skgeh.symbolic.explanation import Explanation
from skgeh.symbolic.interactions import AndOrInteractions
from skgeh.symbolic.players import Players, patches
from skgeh.symbolic.split import sparse_and_or
from skgeh.symbolic.theory import (
    NoiseFit,
    fit_noise_level,
    row_norm_ratio,
    theoretical_interactions,
)
from skgeh.symbolic.transforms import (
    and_interactions,
    moebius_transform,
    or_interactions,
    or_reconstruction,
    zeta_transform,
)
from skgeh.symbolic.values import FeatureMap

__all__ = [
    "AndOrExplainer",
    "AndOrInteractions",
    "Explanation",
    "FeatureMap",
    "InteractionDynamics",
    "NoiseFit",
    "Players",
    "and_interactions",
    "fit_noise_level",
    "moebius_transform",
    "or_interactions",
    "or_reconstruction",
    "patches",
    "row_norm_ratio",
    "sparse_and_or",
    "theoretical_interactions",
    "zeta_transform",
]
