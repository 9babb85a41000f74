from dataclasses import replace

import numpy as np
import pytest

from skgeh.pages._answer import Answer, direction, equals
from skgeh.pages._reading import Reading
from tests.pages.models import KINDS, fitted


def reading(kind):
    model, _, y = fitted(kind)
    return Reading.of(model, y)


@pytest.mark.parametrize("kind", KINDS)
def test_every_pair_that_interacts_has_a_line(kind):
    read = reading(kind)
    found = Answer.of(read)
    assert [one.name for one in found.findings] == [
        read.pair_name(row) for row in np.flatnonzero(read.chosen)
    ]
    assert found.more == ""


def test_what_is_ruled_out_is_the_highest_upper_end():
    read = reading("nothing")
    high = read.found.interval()[:, 1]
    (sentence,) = Answer.of(read).rest
    assert f"above {high.max():.3g} are ruled out" in sentence
    assert f"half of them above {np.median(high):.3g} " in sentence


def test_pairs_without_a_test_are_counted():
    assert "9 pairs were not tested" in Answer.of(reading("copy")).rest[-1]
    few = Answer.of(reading("few rows"))
    assert few.verdict == "No pair was tested: 30 rows; a test needs at least 40."
    assert few.rest == [
        "The table has the pairs in the order of their score, which decides nothing."
    ]


@pytest.mark.parametrize(
    ("sign", "words"),
    [("+", "rises too"), ("-", "falls."), ("mixed", "falls in others"), ("", "no group of rows")],
)
def test_signs_in_words(sign, words):
    read = reading("product")
    read.columns["sign"] = np.full(len(read.order), sign, dtype=object)
    assert words in direction(read, 0)


def test_categories_have_levels_and_no_slope():
    read = reading("product")
    names = read.found.feature_names
    for category, words in ((0, "values of a"), (1, "values of b")):
        some = replace(read)
        some.__dict__["has_slope"] = lambda f, category=category: f != category
        assert names[category] in direction(some, 0) and words in direction(some, 0)
    some.__dict__["has_slope"] = lambda f: False
    assert "at every value" in direction(some, 0)


def test_p_after_an_equals_sign():
    assert equals(0.5).split("\u00a0") == ["=", "0.5"] and equals(1e-200).startswith("<")
