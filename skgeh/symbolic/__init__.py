"""Symbolic AND-OR interactions of any model, of any order, and how a network learns them."""

from skgeh.symbolic.interactions import AndOrInteractions
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

__all__ = [
    "AndOrInteractions",
    "NoiseFit",
    "and_interactions",
    "fit_noise_level",
    "moebius_transform",
    "or_interactions",
    "or_reconstruction",
    "row_norm_ratio",
    "sparse_and_or",
    "theoretical_interactions",
    "zeta_transform",
]
