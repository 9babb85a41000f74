import numpy as np
import pytest

from skgeh.geh._conditions import Condition, Values, level_name
from skgeh.tables.feature import Feature
from tests.geh import readers

HOURS = tuple(map(str, range(24)))
NAN = np.nan


def number(values, name="age"):
    return Values.of(Feature(name, "number", (0,)), np.array(values, dtype=float))


def levels(kind, names, values, name="f"):
    return Values.of(Feature(name, kind, (0, 1), tuple(names)), np.array(values, dtype=float))


def allow(values, *known, missing=False):
    """The values that are given, and perhaps a missing one."""
    return Condition.of(values, np.append(np.isin(values.known, known), missing))


AGES = number([10, 20, 30, 40, 20])
GAPS = number([10, 20, NAN, 30, 40])
COLORS = levels("category", ["red", "green", "blue", "a, b"], [0, 1, 2, 3, 0])
SEX = levels("category", ["female", "male"], [0, 1, 1])
SOME = levels("category", ["red", "green", "blue"], [0, 1, NAN, 2])
HOUR = levels("cycle", HOURS, range(24))
STEPS = levels("ordered", ["low", "mid", "high", "top"], [0, 1, 2, 3])
WORK = levels("boolean", ["False", "True"], [0, 1, 1])
BARE = levels("boolean", [], [0, 1, 1])


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        (allow(AGES, 10, 20), "age <= 25"),
        (allow(AGES, 40), "age > 35"),
        (allow(AGES, 20, 30), "15 < age <= 35"),
        (allow(GAPS, 10, 20), "age <= 25"),
        (allow(GAPS, 10, 20, missing=True), "(age <= 25 or missing)"),
        (allow(GAPS, missing=True), "age missing"),
        (allow(GAPS, 10, 20, 30, 40), "age not missing"),
        (allow(COLORS, 0), "f = red"),
        (allow(COLORS, 0, 2), "f in {red, blue}"),
        (allow(COLORS, 0, 1, 2), 'f != "a, b"'),
        (allow(SEX, 1), "f = male"),
        (allow(SOME, 0, missing=True), "f in {red, (missing)}"),
        (allow(SOME, 0, 1, missing=True), "f != blue"),
        (allow(SOME, 0, 1, 2), "f not missing"),
        (allow(SOME, missing=True), "f missing"),
        (allow(HOUR, 22, 23, 0, 1, 2, 3, 4), "f from 22 to 4"),
        (allow(HOUR, 7, 8, 9), "f from 7 to 9"),
        (allow(HOUR, 7), "f = 7"),
        (allow(HOUR, *(h for h in range(24) if h != 12)), "f != 12"),
        (allow(STEPS, 0, 1), "f <= mid"),
        (allow(STEPS, 2, 3), "f >= high"),
        (allow(STEPS, 1, 2), "f from mid to high"),
        (allow(STEPS, 0), "f = low"),
        (allow(WORK, 1), "f = True"),
        (allow(BARE, 0), "f = False"),
    ],
    ids=lambda one: str(one).replace(" ", "_"),
)
def test_words_say_what_is_allowed(condition, text):
    assert str(condition) == text
    feature, values = condition.values.feature, condition.values
    x = np.append(values.known, NAN)[values.places]
    if '"' not in text:
        np.testing.assert_array_equal(readers.holds(text, [feature], [x]), condition.holds)


@pytest.mark.parametrize(
    ("name", "text"),
    [("red", "red"), ("dark red", "dark red"), ("a, b", '"a, b"'), ("{x}", '"{x}"'), ("", '""'),
     (" x", '" x"')],
)  # fmt: skip
def test_levels_that_could_be_misread_are_quoted(name, text):
    assert level_name(Feature("f", "category", (0,), ("no", name)), 1) == text


def test_bounds_lie_halfway():
    one = allow(number([1.0, 2.0, 4.0, 8.0]), 2, 4)
    assert (one.low, one.high) == (1.5, 6.0)
    assert [allow(AGES, 10).low, allow(AGES, 40).high] == [-np.inf, np.inf]


@pytest.mark.parametrize(
    ("known", "first"),
    [([3.412, 3.427], "3"), ([35, 36], "30"), ([-0.2, 0.3], "0"), ([1234.5, 1236.0], "1000"),
     ([1.23e-7, 4.56e-7], "2e-07"), ([3e15, 4e15], "3000000000000000.0"), ([0, 1], "0")],
)  # fmt: skip
def test_bounds_are_rounded_from_few_digits_to_many(known, first):
    one = allow(number(known), known[0])
    found = list(one.rounded("high"))
    assert str(found[0][0]) == f"age <= {first}"
    same = [down if (down.allowed == one.allowed).all() else up for down, up in found]
    assert sum((each.allowed == one.allowed).all() for each in same) > 5
    for down, up in found:
        assert down.high <= one.high <= up.high
        for each in (down, up):
            np.testing.assert_array_equal(each.allowed[:-1], each.values.known <= each.high)
    assert not list(one.rounded("low")) and not list(allow(COLORS, 0).rounded("high"))


def test_simpler_conditions_allow_more_or_nothing_that_is_missing():
    both = list(map(str, allow(AGES, 20, 30).simpler()))
    assert both == ["age <= 35", "age > 15"]
    assert list(map(str, allow(GAPS, 40, missing=True).simpler())) == ["age > 35"]
    assert not list(allow(GAPS, missing=True).simpler()) and not list(allow(COLORS, 0).simpler())


def test_what_allows_everything_is_vacuous():
    assert allow(AGES, 10, 20, 30, 40).is_vacuous and not allow(GAPS, 10, 20, 30, 40).is_vacuous
    assert allow(GAPS, 10, 20, 30, 40, missing=True).is_vacuous


def test_circles_are_cut_opposite_to_the_group():
    night = np.isin(np.arange(24), [22, 23, 0, 1, 2])
    rank = HOUR.rank(night)
    assert sorted(rank.tolist()) == list(range(24))
    assert np.ptp(rank[night]) == 4


def test_levels_follow_each_other_by_their_share():
    x = np.repeat([0, 1, 2, 3], 10)
    inside = np.arange(40) % 10 < np.repeat([3, 9, 0, 5], 10)
    assert levels("category", "abcd", x).rank(inside).tolist() == [1, 3, 0, 2]


def test_some_of_the_points():
    some = GAPS.at(np.array([0, 4]))
    assert some.has_missing and some.places.tolist() == [0, 3]
    assert some.vary and not number([1, 1]).vary and number([1, NAN]).vary
