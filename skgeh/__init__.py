"""Find which features of a table interact, how strongly, where, and how certain this is."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skgeh import datasets, posteriors, symbolic
    from skgeh.display import InteractionDisplay
    from skgeh.estimators import BayesianInteractionClassifier, BayesianInteractionRegressor
    from skgeh.foreign import exemplars, interactions_of
    from skgeh.geh.interactions import Interactions
    from skgeh.pages import report
    from skgeh.selector import GEHSelector
    from skgeh.significance import crossfit_test, permutation_test, score_test

__all__ = [
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
__version__ = "0.1.0"

# A subpackage is imported when one of its names is first used (PEP 562): torch takes a second.
_ROOMS = {
    "BayesianInteractionClassifier": "estimators",
    "BayesianInteractionRegressor": "estimators",
    "GEHSelector": "selector",
    "InteractionDisplay": "display",
    "Interactions": "geh.interactions",
    "crossfit_test": "significance",
    "exemplars": "foreign",
    "interactions_of": "foreign",
    "permutation_test": "significance",
    "report": "pages",
    "score_test": "significance",
}


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return getattr(import_module(f"skgeh.{_ROOMS[name]}"), name)
    if name in __all__:
        return import_module(f"skgeh.{name}")
    raise AttributeError(f"module 'skgeh' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, *(name for name in globals() if name.startswith("__"))]
