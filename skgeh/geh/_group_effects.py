"""Signed effects of a pair, in a table with a row for each group of points or for each level."""

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from skgeh.geh._regions import Regions, level_rule
from skgeh.geh.decisions import Decisions, LevelEffects, SignedEffects
from skgeh.tables.feature import Feature

_LEVEL = 0.95  # of intervals


def group_effects(
    decisions: Decisions, regions: Regions, pair: tuple[int, int], place: int, output: int
) -> dict[str, NDArray]:
    """Columns of the table, in standard units.

    Parameters
    ----------
    decisions : Decisions
    regions : Regions
    pair : tuple of two int
        Features of the pair.
    place : int
        Place of the pair among those of the decisions.
    output : int
        Place among the effects of the decisions.
    """
    levels = _have_levels([regions.features[f] for f in pair])
    if decisions.at_levels is not None and levels:
        return _of_levels(decisions.at_levels(place, output), regions, pair)
    return _of_groups(decisions.effects[output], regions, place)


def _of_groups(effects: SignedEffects, regions: Regions, place: int) -> dict[str, NDArray]:
    """A row for each group."""
    own = (effects.effect, *effects.pointwise(_LEVEL))
    return _columns(regions.rule_names, regions.rows, *(part[place, :-1] for part in own))


def _of_levels(
    effects: LevelEffects, regions: Regions, pair: tuple[int, int]
) -> dict[str, NDArray]:
    """A row for each level, or for each combination of two."""
    features = [regions.features[f] for f in pair]
    parts = [
        [""] if one.is_number else [level_rule(one, level) for level in range(len(one.levels))]
        for one in features
    ]
    rules = [" and ".join(filter(None, both)) for both in product(*parts)]
    own = (effects.counts, effects.effect, *effects.pointwise(_LEVEL))
    return _columns(np.array(rules, dtype=object), *(part.ravel() for part in own))


def _columns(rules: NDArray, rows: NDArray, *effects: NDArray) -> dict[str, NDArray]:
    """The columns by name."""
    names = ("effect", "ci_low", "ci_high", "p_value")
    first = {"group": np.arange(len(rows)), "rule": rules, "rows": rows, "share": rows / rows.sum()}
    return first | dict(zip(names, effects, strict=True))


def _have_levels(pair: Sequence[Feature]) -> bool:
    """Whether a feature of a pair has levels, and the other one levels or a slope."""
    kinds = {one.kind for one in pair}
    return "columns" not in kinds and not all(one.is_number for one in pair)
