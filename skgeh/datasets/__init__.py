"""Data sets: two simulations whose interactions are known, and three real ones."""

from skgeh.datasets.real import (
    load_bike_sharing,
    load_california_housing,
    load_energy_efficiency,
)
from skgeh.datasets.simulation import make_interactions
from skgeh.datasets.truth import Truth
from skgeh.datasets.tsang import make_tsang

__all__ = [
    "Truth",
    "load_bike_sharing",
    "load_california_housing",
    "load_energy_efficiency",
    "make_interactions",
    "make_tsang",
]
