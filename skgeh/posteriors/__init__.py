"""Families of posteriors over functions, learned from a table or loaded.

Answers: which functions are plausible, given a table; families differ in how they represent them.
In: a `Task` and a `Trainer`. Out: a `Learned` from `family.learn`, of one kind for all families.
Rests on `training`, `process` and `geh`. Read `family.py` first, then `_stack.py` and
`concrete_dropout.py`.
"""

from skgeh.posteriors.concrete_dropout import ConcreteDropout
from skgeh.posteriors.dropout_layers import ConcreteDropoutLayer
from skgeh.posteriors.ensemble import Ensemble
from skgeh.posteriors.loading import load_concrete_dropout
from skgeh.posteriors.mean_field import MeanField
from skgeh.posteriors.stacking import Stacking
from skgeh.process.family import GaussianProcess

FAMILIES = {
    "auto": Stacking,
    "concrete_dropout": ConcreteDropout,
    "mean_field": MeanField,
    "ensemble": Ensemble,
    "gaussian_process": GaussianProcess,
}

__all__ = [
    "ConcreteDropout",
    "ConcreteDropoutLayer",
    "Ensemble",
    "GaussianProcess",
    "MeanField",
    "Stacking",
    "load_concrete_dropout",
]
