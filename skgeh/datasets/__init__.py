"""Data sets: simulations whose true interactions are known, and real tables.

Answers: a table to try methods on, and the truth about it where it is known.
In: a size, a noise level and a seed, or the folder of a file. Out: X, y, `Truth`, or a `Bunch`.
Rests on `geh.pairs` alone.
Read `truth.py` first, then `simulation.py`.
"""

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
