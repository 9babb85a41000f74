import numpy as np
import pytest

from skgeh.geh import _rules
from skgeh.geh._conditions import Values
from skgeh.geh._rules import agreement, find_rule
from skgeh.tables.feature import Feature
from tests.geh import readers

FEATURES = [
    Feature("age", "number", (0,)),
    Feature("income a year", "number", (1, 2), neutral=(3e4,), has_missing=True),
    Feature("sex", "category", (3,), ("female", "male")),
    Feature("color", "category", (4, 5, 6), ("red", "green", "blue")),
    Feature("hour", "cycle", (7, 8), tuple(map(str, range(24)))),
    Feature("workingday", "boolean", (9,), ("False", "True")),
    Feature("education", "ordered", (10,), ("low", "mid", "high", "top")),
]


def table(n=1000, seed=0):
    rng = np.random.default_rng(seed)
    income = np.where(rng.random(n) < 0.2, np.nan, rng.lognormal(10, 0.5, n).round(2))
    categories = [rng.integers(0, k, n).astype(float) for k in (2, 3, 24, 2, 4)]
    return [rng.integers(18, 80, n).astype(float), income, *categories]


def asked(values, inside):
    pairs = zip(FEATURES, values, strict=True)
    return find_rule([Values.of(one, own) for one, own in pairs], inside)


def between(x, low, high):
    return (x > low) & (x <= high)


PLANTED = {
    "age <= 35 and sex = female": lambda a, i, s, c, h, w, e: (a <= 35) & (s == 0),
    "hour from 22 to 4": lambda a, i, s, c, h, w, e: (h >= 22) | (h <= 4),
    "hour from 7 to 9": lambda a, i, s, c, h, w, e: between(h, 6, 9),
    "workingday = True": lambda a, i, s, c, h, w, e: w == 1,
    "color in {red, blue}": lambda a, i, s, c, h, w, e: np.isin(c, [0, 2]),
    "color = green": lambda a, i, s, c, h, w, e: c == 1,
    "income a year missing": lambda a, i, s, c, h, w, e: np.isnan(i),
    "income a year not missing": lambda a, i, s, c, h, w, e: ~np.isnan(i),
    "income a year > 30000": lambda a, i, s, c, h, w, e: i > 30_000,
    "(income a year <= 20000 or missing)": lambda a, i, s, c, h, w, e: ~(i > 20_000),
    "education >= high": lambda a, i, s, c, h, w, e: e >= 2,
    "education from mid to high": lambda a, i, s, c, h, w, e: (e == 1) | (e == 2),
    "30 < age <= 45": lambda a, i, s, c, h, w, e: between(a, 30, 45),
    "hour from 22 to 4 and workingday = False and age > 40": (
        lambda a, i, s, c, h, w, e: ((h >= 22) | (h <= 4)) & (w == 0) & (a > 40)
    ),
}


def parts(rule):
    """Conditions in any order, with the set of two levels out of three as its complement."""
    return set(rule.replace("color != green", "color in {red, blue}").split(" and "))


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("rule", PLANTED)
def test_planted_rules_are_found(rule, seed):
    values = table(seed=seed)
    inside = PLANTED[rule](*values)
    found = asked(values, inside)
    np.testing.assert_array_equal(found.holds(len(inside)), inside)
    assert parts(str(found)) == parts(rule)


def groups(values, seed):
    """Groups by score on a few features, which no short rule tells apart."""
    rng = np.random.default_rng(seed)
    income = np.nan_to_num(values[1], nan=9e4)
    score = values[0] / 20 + 2 * values[2] + (values[4] > 11) + income / 2e4 + rng.normal(size=1000)
    return score > np.quantile(score, rng.uniform(0.05, 0.95))


@pytest.mark.parametrize("seed", range(12))
def test_words_are_true(seed):
    """What one reads in a rule are the points for which it holds."""
    values = table(seed=seed)
    inside = (
        groups(values, seed) if seed % 3 else np.random.default_rng(100 + seed).random(1000) < 0.3
    )
    rule = asked(values, inside)
    read = readers.holds(str(rule), FEATURES, values)
    np.testing.assert_array_equal(read, rule.holds(1000))
    assert 1 <= len(rule.conditions) <= 3
    if seed % 3:
        assert agreement(inside, read) > 0.2


@pytest.mark.parametrize("seed", range(5))
def test_rules_of_random_groups_agree_with_other_rows_by_chance(seed):
    values, rng = table(4000, seed), np.random.default_rng(100 + seed)
    inside = rng.random(4000) < 0.2
    first = [own[:2000] for own in values]
    rule = asked(first, inside[:2000])
    here = agreement(inside[:2000], rule.holds(2000))
    there = agreement(inside[2000:], readers.holds(str(rule), FEATURES, values)[2000:])
    assert here < 0.2 and abs(there) < 0.08


@pytest.mark.parametrize("seed", range(5))
def test_digits_cost_little(monkeypatch, seed):
    values = table(seed=seed)
    inside = groups(values, seed + 1)
    short = asked(values, inside)
    monkeypatch.setattr(_rules, "_with_fewer_digits", lambda rule, inside: rule)
    exact = asked(values, inside)
    assert short.worth(inside) > exact.worth(inside) - 0.02
    assert len(str(short)) <= len(str(exact))


def test_simpler_rules_win_ties():
    """A copy of the group and a pair of conditions that say the same."""
    values = table()
    inside = (values[2] == 1) & (values[3] == 1)
    values[5] = inside.astype(float)
    assert str(asked(values, inside)) == "workingday = True"


def test_a_condition_that_adds_little_is_left_out():
    values = table()
    inside = (values[0] <= 40) & ~((values[4] == 3) & (values[0] > 39))
    assert str(asked(values, inside)) == "age <= 40"


@pytest.mark.parametrize("which", [True, False])
def test_a_group_of_all_points_or_of_none(which):
    rule = asked(table(50), np.full(50, which))
    assert str(rule) == "all rows" and rule.holds(50).all()


def test_nothing_that_varies():
    one = Values.of(FEATURES[0], np.full(10, 3.0))
    assert str(find_rule([one], np.arange(10) < 5)) == str(find_rule([], np.arange(10) < 5))


def test_one_point_alone():
    values = table(60)
    inside = np.arange(60) == 17
    rule = asked(values, inside)
    assert rule.holds(60)[17] and agreement(inside, rule.holds(60)) > 0.5


def test_many_points_are_told_by_some(monkeypatch):
    values = table(3000)
    inside = ((values[4] >= 22) | (values[4] <= 4)) & (values[0] <= 35)
    few = asked(values, inside)
    monkeypatch.setattr(_rules, "_MOST_ROWS", 500)
    some = asked(values, inside)
    assert len(some.holds(3000)) == 3000
    np.testing.assert_array_equal(readers.holds(str(some), FEATURES, values), some.holds(3000))
    assert agreement(few.holds(3000), some.holds(3000)) > 0.95


@pytest.mark.parametrize("kind", ["mean", "spread"])
def test_features_that_matter_are_kept_among_many(kind):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 300))
    inside = {"mean": X[:, 123] > 1, "spread": np.abs(X[:, 123]) < 0.3}[kind]
    rule = find_rule([Values.of(Feature(f"x{j}", "number", (j,)), X[:, j]) for j in range(300)],
                     inside)  # fmt: skip
    assert [one.values.feature.name for one in rule.conditions] == ["x123"]
    assert agreement(inside, rule.holds(400)) > 0.97


def test_the_same_rule_every_time():
    values = table()
    inside = groups(values, 3)
    assert len({str(asked(values, inside)) for _ in range(3)}) == 1


def test_agreement_is_a_correlation():
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 100)) < 0.4
    assert agreement(a, b) == pytest.approx(np.corrcoef(a, b)[0, 1])
    assert agreement(a, np.ones(100, dtype=bool)) == 0
