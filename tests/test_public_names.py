"""The public names are a promise: to add or drop one is to change this file, and the changelog."""

import inspect
import re
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


def test_verbose_means_one_thing():
    """Wherever a call or an estimator has it."""
    spaces = (skgeh, skgeh.datasets, skgeh.posteriors, skgeh.symbolic)
    said = {}
    for one in {getattr(space, name) for space in spaces for name in space.__all__}:
        if callable(one) and "verbose" in inspect.signature(one).parameters:
            assert inspect.signature(one).parameters["verbose"].default == 0
            pages = [of.__doc__ or "" for of in getattr(one, "__mro__", [one])]
            found = [re.search(r"verbose : (.*)\n +(.*)", page) for page in pages]
            said[one.__name__] = [match.groups() for match in found if match]
    assert len(said) >= 8
    said.pop("BayesianInteractionClassifier")  # which refers to the regressor
    meaning = ("int or bool, default=0", "Whether to show progress bars with the time left.")
    assert {line for lines in said.values() for line in lines} == {meaning}, said
    assert all(said.values())
