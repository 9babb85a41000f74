"""Families of posteriors over functions."""

from skgeh.networks.auto import Auto
from skgeh.networks.committee import Committee
from skgeh.networks.concrete_dropout import ConcreteDropout
from skgeh.networks.ensemble import Ensemble
from skgeh.networks.gaussian_process import GaussianProcess

FAMILIES = {
    "auto": Auto,
    "concrete_dropout": ConcreteDropout,
    "ensemble": Ensemble,
    "gaussian_process": GaussianProcess,
    "committee": Committee,
}

__all__ = ["Auto", "Committee", "ConcreteDropout", "Ensemble", "GaussianProcess"]
