"""Families of posteriors over functions."""

from skgeh.networks.auto import Auto
from skgeh.networks.committee import Committee
from skgeh.networks.concrete_dropout import ConcreteDropout
from skgeh.networks.dropout_layers import ConcreteDropoutLayer
from skgeh.networks.ensemble import Ensemble
from skgeh.networks.gaussian_process import GaussianProcess
from skgeh.networks.loading import load_concrete_dropout

FAMILIES = {
    "auto": Auto,
    "concrete_dropout": ConcreteDropout,
    "ensemble": Ensemble,
    "gaussian_process": GaussianProcess,
    "committee": Committee,
}

__all__ = [
    "Auto",
    "Committee",
    "ConcreteDropout",
    "ConcreteDropoutLayer",
    "Ensemble",
    "GaussianProcess",
    "load_concrete_dropout",
]
