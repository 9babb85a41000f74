"""Groups of points in original values: their rules, how true these are, and their centres."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from skgeh.geh._conditions import Values, level_name
from skgeh.geh._rules import Rule, find_rule
from skgeh.tables.feature import Feature

_DIGITS = 12  # of numbers, since a change of units and back costs the last ones


@dataclass(frozen=True, eq=False)
class Regions:
    """Where the groups of points lie.

    Parameters
    ----------
    features : sequence of Feature
    points : ndarray of shape (n, D)
        Encoded columns of all features, in original units.
    labels : ndarray of shape (n,)
        Group of every point.
    """

    features: Sequence[Feature]
    points: NDArray[np.float64]
    labels: NDArray[np.intp]

    @cached_property
    def values(self) -> list[NDArray[np.float64]]:
        """Values of every feature, as `Feature.decode` gives them, each of shape (n,)."""
        found = [one.decode(self.points[:, list(one.columns)]) for one in self.features]
        return [
            _without_rounding(own) if one.kind == "number" else own
            for one, own in zip(self.features, found, strict=True)
        ]

    @property
    def groups(self) -> NDArray[np.intp]:
        """Numbers of the groups."""
        return np.arange(self.labels.max() + 1)

    @cached_property
    def rows(self) -> NDArray[np.intp]:
        """Points in each group."""
        return np.bincount(self.labels)

    @cached_property
    def rules(self) -> list[Rule]:
        """Rule of each group."""
        pairs = zip(self.features, self.values, strict=True)
        values = [Values.of(one, own) for one, own in pairs if one.kind != "columns"]
        return [find_rule(values, self.labels == group) for group in self.groups]

    @property
    def rule_names(self) -> NDArray:
        """Rules in words."""
        return np.array([str(rule) for rule in self.rules], dtype=object)

    def columns(self) -> dict[str, NDArray]:
        """Columns of a table with a row for each group."""
        found = {"group": self.groups, "rows": self.rows, "share": self.rows / len(self.labels)}
        found["rule"] = self.rule_names
        truth = zip(*map(self._truth, self.groups), strict=True)
        names = ("accuracy", "precision", "recall")
        found |= {name: np.array(own) for name, own in zip(names, truth, strict=True)}
        for place, feature in enumerate(self.features):
            name = feature.name
            while name in found:
                name += " (centre)"
            found[name] = self._centres(place)
        return found

    def _truth(self, group: int) -> tuple[float, float, float]:
        """Share of points for which rule and group agree, and of either the share in the other."""
        inside, holds = self.labels == group, self.rules[group].holds(len(self.labels))
        both = (inside & holds).sum()
        return float((inside == holds).mean()), both / max(holds.sum(), 1), both / inside.sum()

    def _centres(self, place: int) -> NDArray:
        """Typical value of a feature in each group: a number or the name of a level."""
        feature, values = self.features[place], self.values[place]
        if feature.kind == "columns":
            columns = self.points[:, list(feature.columns)]
            means = [columns[self.labels == group].mean(0) for group in self.groups]
            texts = ["(" + ", ".join(f"{x:.4g}" for x in mean) + ")" for mean in means]
            return np.array(texts, dtype=object)
        found = [_centre(feature, values[self.labels == group]) for group in self.groups]
        return np.array(found, dtype=float if feature.kind == "number" else object)


def level_rule(feature: Feature, level: int) -> str:
    """Rule of one level of a feature."""
    return f"{feature.name} = {level_name(feature, level)}"


def _without_rounding(values: NDArray) -> NDArray[np.float64]:
    """Numbers without the errors of the last digits.

    Examples
    --------
    >>> _without_rounding(np.array([35.00000000000001, 0.1, 80])).tolist()
    [35.0, 0.1, 80.0]
    """
    known = values[np.isfinite(values)]
    largest = np.abs(known).max() if len(known) else 0.0
    return np.round(values, _DIGITS - int(np.ceil(np.log10(largest)))) if largest else values


def _centre(feature: Feature, values: NDArray) -> float | str:
    """Mean of a number, mean of a circle, median of ordered levels, or the most frequent level.

    Examples
    --------
    >>> _centre(Feature("month", "cycle", (0, 1), tuple("JFMAMJJASOND")), np.array([11.0, 0, 1]))
    'J'
    """
    known, kind = values[~np.isnan(values)], feature.kind
    if kind == "number":
        return float(known.mean()) if len(known) else np.nan
    if 2 * len(known) < len(values) or len(known) == 0:
        return feature.text(np.nan)
    if kind == "cycle":
        angle = 2 * np.pi * known / len(feature.levels)
        mean = np.arctan2(np.sin(angle).sum(), np.cos(angle).sum())
        place = np.round(mean * len(feature.levels) / (2 * np.pi)) % len(feature.levels)
        return feature.text(place)
    if kind == "ordered":
        return feature.text(float(np.sort(known)[(len(known) - 1) // 2]))
    return feature.text(float(np.bincount(known.astype(int)).argmax()))
