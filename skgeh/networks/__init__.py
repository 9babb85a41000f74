"""Families of posteriors over functions."""

from skgeh.networks.auto import Auto
from skgeh.networks.committee import Committee
from skgeh.networks.concrete_dropout import ConcreteDropout
from skgeh.networks.dropout_layers import ConcreteDropoutLayer
from skgeh.networks.ensemble import Ensemble
from skgeh.networks.gaussian_process import GaussianProcess
from skgeh.networks.loading import load_concrete_dropout
from skgeh.networks.mean_field import MeanField

FAMILIES = {
    "auto": Auto,
    "concrete_dropout": ConcreteDropout,
    "mean_field": MeanField,
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
    "MeanField",
    "load_concrete_dropout",
]
