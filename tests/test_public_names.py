"""The public names are a promise: to add or drop one is to change this file, and the changelog."""

from pathlib import Path

import skgeh

NAMES = [
    "BayesianInteractionClassifier",
    "BayesianInteractionRegressor",
    "GEHSelector",
    "InteractionDisplay",
    "Interactions",
    "crossfit_test",
    "datasets",
    "exemplars",
    "interactions_of",
    "permutation_test",
    "posteriors",
    "report",
    "score_test",
    "symbolic",
]


def test_public_names():
    assert sorted(skgeh.__all__) == NAMES


def test_every_public_name_exists():
    for name in NAMES:
        assert hasattr(skgeh, name), name


def test_every_public_name_has_a_page():
    api = (Path(__file__).parents[1] / "docs" / "api.rst").read_text(encoding="utf-8").split()
    names = list(NAMES)
    for module in (
        skgeh.datasets,
        skgeh.posteriors,
        skgeh.symbolic,
    ):  # their classes and functions, not constants
        names += [name for name in module.__all__ if callable(getattr(module, name))]
    assert not [name for name in names if name not in api]
