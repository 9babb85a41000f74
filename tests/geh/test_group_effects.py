import numpy as np
import pytest

from skgeh.geh._group_effects import group_effects
from skgeh.geh._regions import Regions
from skgeh.geh.decisions import Decisions, LevelEffects, SignedEffects
from skgeh.tables.feature import Feature

COLUMNS = ["group", "rule", "rows", "share", "effect", "ci_low", "ci_high", "p_value"]
FEATURES = [
    Feature("age", "number", (0,)),
    Feature("sex", "category", (1,), ("female", "male")),
    Feature("class", "category", (2, 3, 4), ("1st", "2nd", "3rd")),
    Feature("place", "columns", (5, 6)),
    Feature("paid", "boolean", (7,), ("False", "True")),
]
PAIRS = [(0, 4), (0, 1), (1, 2), (1, 4), (2, 3), (0, 3)]


@pytest.fixture(scope="module")
def asked():
    """Decisions that remember which levels they were asked for."""
    rng = np.random.default_rng(0)
    values = [rng.normal(size=60), *(rng.integers(0, k, 60) for k in (2, 3)), None,
              rng.integers(0, 2, 60)]  # fmt: skip
    columns = [
        rng.normal(size=(60, 2)) if own is None else one.encode(own)
        for one, own in zip(FEATURES, values, strict=True)
    ]
    regions = Regions(FEATURES, np.column_stack(columns), (values[0] > 0).astype(int))
    P = len(PAIRS)
    effects = [
        SignedEffects(
            effect=rng.normal(size=(P, 3)),
            shrunken=np.zeros((P, 3)),
            square=rng.uniform(0.5, 1, (P, 3)),
            spread=np.ones((P, 3)),
            correlation=np.tile(np.eye(3), (P, 1, 1)),
            freedom=np.full(P, 20.0),
            is_norm=np.arange(P) >= 4,
        )
        for _ in range(2)
    ]

    def at_levels(place, which):
        i, j = PAIRS[place]
        sizes = [1 if FEATURES[f].is_number else len(FEATURES[f].levels) for f in (i, j)]
        number = np.arange(np.prod(sizes)).reshape(sizes)
        return LevelEffects(100 * which + number, 1 + number, 20.0, number + 1)

    nothing = np.full(P, 0.5)
    decisions = Decisions(nothing, nothing, nothing, effects, regions.rows / 60, at_levels)
    return decisions, regions


def table(asked, pair, output=0):
    return group_effects(*asked, pair, PAIRS.index(pair), output)


@pytest.mark.parametrize("pair", [(0, 4), (2, 3), (0, 3)])
@pytest.mark.parametrize("output", [0, 1])
def test_a_row_for_each_group(asked, pair, output):
    """Of numbers, and where a feature is several columns of numbers."""
    decisions, regions = asked
    found = table(asked, pair, output)
    assert list(found) == COLUMNS and found["group"].tolist() == [0, 1]
    assert found["rule"].tolist() == ["age <= 0", "age > 0"]
    place, effects = PAIRS.index(pair), decisions.effects[output]
    np.testing.assert_array_equal(found["effect"], effects.effect[place, :2])
    low, high, p = effects.pointwise(0.95)
    for name, expected in (("ci_low", low), ("ci_high", high), ("p_value", p)):
        np.testing.assert_array_equal(found[name], expected[place, :2])
    np.testing.assert_array_equal(found["rows"], regions.rows)


@pytest.mark.parametrize(
    ("pair", "rules"),
    [
        ((0, 1), ["sex = female", "sex = male"]),
        ((1, 4), ["sex = female", "sex = male"]),
        ((1, 2), [f"sex = {s} and class = {c}" for s in ("female", "male")
                  for c in ("1st", "2nd", "3rd")]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("output", [0, 1])
def test_a_row_for_each_level(asked, pair, rules, output):
    found = table(asked, pair, output)
    assert list(found) == COLUMNS and found["rule"].tolist() == rules
    k = len(rules)
    np.testing.assert_array_equal(found["effect"], 100 * output + np.arange(k))
    np.testing.assert_array_equal(found["rows"], np.arange(k) + 1)
    np.testing.assert_allclose(found["share"], (np.arange(k) + 1) / (k * (k + 1) / 2))
    half = 2.0859634 * (1 + np.arange(k))
    np.testing.assert_allclose(found["ci_high"] - found["effect"], half, rtol=1e-6)
    np.testing.assert_allclose(found["effect"] - found["ci_low"], half, rtol=1e-6)
