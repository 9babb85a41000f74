"""Where contributions of a pair come from, and what is said if there are none."""

from dataclasses import replace

import numpy as np
import pytest

from skgeh import Interactions
from skgeh.geh.components import Components
from skgeh.geh.decisions import Decisions
from skgeh.geh.pairs import pair_index


class Counted(Components):
    """Sums of the places of both features, which say who was asked."""

    features, unit_name = (), "parts"

    def local(self, X, pair):
        return np.full(len(X), float(sum(pair))), np.full(len(X), 0.5)

    def surface(self, pair, left, right, level):
        return left + right, None, None

    def rows(self, pair):
        return np.zeros(3), np.ones(3)


def some(components=None, reason=("", "", "a copy"), known=True):
    reason = np.array(reason, dtype=object)
    p = np.where(reason == "", 0.01, np.nan)
    decisions = Decisions(p, reason, p, [], np.ones(1)) if known else None
    zeros, groups = np.zeros(3), np.zeros((1, 3))
    return Interactions(
        pair_index(3), zeros, zeros, zeros, None, groups, groups, np.ones(1), ("a", "b", "c"),
        np.ones(3), 1.0, decisions=decisions, components=components,
    )  # fmt: skip


def test_what_is_asked_reaches_the_components_in_their_order():
    found = some(Counted())
    for pair in (("c", "a"), ("a", "c"), (2, 0), (0, "c")):
        components, places = found.component(*pair)
        assert places == (0, 2) and components is found.components
        values, sd = found.local([[0] * 3] * 4, *pair)
        assert values.tolist() == [2.0] * 4 and sd.tolist() == [0.5] * 4


def test_what_is_said_if_there_are_none():
    with pytest.raises(ValueError, match="b and c were not tested: a copy"):
        some(Counted()).component("b", "c")
    with pytest.raises(ValueError, match=r"interactions\(target=0\)"):
        some().component("a", "b")
    elsewhere = some(known=False)
    with pytest.raises(ValueError, match=r"from_estimator\(model, X, kind='surface'\)"):
        elsewhere.component("a", "b")
    with pytest.raises(ValueError, match="SHAP interaction values"):
        elsewhere.local([[0] * 3], "a", "b")
    drawn = replace(elsewhere, components=Counted())  # a picture, but no sd
    assert drawn.component("a", "b")[1] == (0, 1)
    with pytest.raises(ValueError, match="SHAP interaction values"):
        drawn.local([[0] * 3], "a", "b")
