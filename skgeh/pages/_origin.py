"""How a page was computed: versions, seed, parameters, time."""

import platform
from dataclasses import dataclass
from datetime import datetime
from importlib import metadata
from typing import Any

from skgeh.pages._numbers import counted, number, percent
from skgeh.pages._reading import Reading

_PACKAGES = "skgeh", "numpy", "scipy", "scikit-learn", "torch", "pandas", "matplotlib"
_LONGEST = 200  # characters of a parameter


@dataclass(frozen=True)
class Origin:
    """Where a page comes from.

    Parameters
    ----------
    facts, versions : list of (str, str)
    set_parameters, others : list of (str, str)
        Parameters that differ from their default, and all others.
    """

    facts: list[tuple[str, str]]
    versions: list[tuple[str, str]]
    set_parameters: list[tuple[str, str]]
    others: list[tuple[str, str]]

    @classmethod
    def of(cls, reading: Reading, seconds: float) -> "Origin":
        """Describe a model, and the time that its page took."""
        source = reading.source
        given = source.get_params(deep=False)
        default = _defaults(source)
        changed = {name for name, value in given.items() if not _same(value, default.get(name))}
        words = {name: _short(value) for name, value in given.items()}
        return cls(
            _facts(reading, seconds),
            _versions(),
            [(name, text) for name, text in words.items() if name in changed],
            [(name, text) for name, text in words.items() if name not in changed],
        )


def _facts(reading: Reading, seconds: float) -> list[tuple[str, str]]:
    """What was used, in words."""
    seed = reading.source.random_state
    facts = [("Model", type(reading.model).__name__)]
    if reading.is_selector:
        facts.insert(0, ("Selector", type(reading.source).__name__))
    try:
        weights = reading.model.stacking_weights_
    except AttributeError:  # the posterior is not stacked
        pass
    else:
        parts = ", ".join(f"{name} {percent(share)}" for name, share in weights.items())
        facts.append(("Weights in the posterior", parts))
    n_points = len(reading.found.labels_) if reading.found.labels_ is not None else 0
    groups = counted(len(reading.found.group_weights), "group")
    facts += [
        ("Effects averaged over", f"{counted(n_points, 'row')} in {groups}"),
        (
            "Seed",
            "none given, so that another fit differs slightly" if seed is None else _short(seed),
        ),
        ("Page written", f"{datetime.now():%Y-%m-%d %H:%M}, in {number(round(seconds, 1))} s"),
    ]
    return facts


def _versions() -> list[tuple[str, str]]:
    """Versions of Python and of the packages that matter."""
    found = [("Python", f"{platform.python_version()} on {platform.system()}")]
    for name in _PACKAGES:
        try:
            found.append((name, metadata.version(name)))
        except metadata.PackageNotFoundError:  # a checkout that is not installed
            continue
    return found


def _defaults(source: Any) -> dict[str, Any]:
    """Default parameters of an object of this class."""
    return type(source)().get_params(deep=False)


def _same(value: Any, default: Any) -> bool:
    """Whether a parameter has its default."""
    return type(value) is type(default) and repr(value) == repr(default)


def _short(value: Any) -> str:
    """A parameter in one line."""
    text = " ".join(repr(value).split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
