"""Families of posteriors over networks."""

from skgeh.networks.concrete_dropout import ConcreteDropout
from skgeh.networks.ensemble import Ensemble

FAMILIES = {"concrete_dropout": ConcreteDropout, "ensemble": Ensemble}

__all__ = ["ConcreteDropout", "Ensemble"]
