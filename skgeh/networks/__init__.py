"""Families of posteriors over functions."""

from skgeh.networks.concrete_dropout import ConcreteDropout
from skgeh.networks.ensemble import Ensemble
from skgeh.networks.gaussian_process import GaussianProcess

FAMILIES = {
    "concrete_dropout": ConcreteDropout,
    "ensemble": Ensemble,
    "gaussian_process": GaussianProcess,
}

__all__ = ["ConcreteDropout", "Ensemble", "GaussianProcess"]
