import numpy as np
import pandas as pd
import pytest

from skgeh.tables.features import Features
from skgeh.tables.suspicions import suspicions
from skgeh.tables.table import Table

N = 400
RNG = np.random.default_rng(0)
A, B, C, NOISE = RNG.normal(size=(4, N))


def said(columns, y=None, **options):
    frame = pd.DataFrame({"a": A, "b": B, **columns})
    table = Table.of(frame, A * B + NOISE if y is None else y, **options)
    return suspicions(Features.of(table), table.y)


def test_nothing_is_said_of_a_sound_table():
    assert said({"word": RNG.choice(["u", "v", "w"], N), "count": RNG.poisson(3, N)}) == []


def test_constants_are_named():
    (sentence,) = said({"one": 1.0, "word": "u"})
    assert "Constant" in sentence and "one, word" in sentence


def test_copies_and_near_copies_are_named():
    (sentence,) = said({"twice": 2 * A, "near": B + 0.01 * NOISE})
    assert "copies: twice of a" in sentence and "nearly the same: b and near" in sentence


@pytest.mark.parametrize(
    "ids",
    [
        np.arange(N),
        np.arange(N)[::-1],
        RNG.permutation(N) + 1000,
        np.cumsum(RNG.poisson(9, N) + 1),
    ],
)
def test_ids_are_named(ids):
    (sentence,) = said({"row": ids})
    assert sentence.startswith("row counts the rows")


@pytest.mark.parametrize("values", [RNG.permutation(5 * N)[:N], np.sort(A), RNG.poisson(3, N)])
def test_other_numbers_are_no_ids(values):
    assert not [one for one in said({"row": values}, y=NOISE) if "counts the rows" in one]


@pytest.mark.parametrize("leak", [lambda y: y, lambda y: np.exp(y), lambda y: -y + 1e-3 * C])
def test_a_feature_that_tells_the_target_is_named(leak):
    y = A * B + NOISE
    (sentence,) = said({"after": leak(y)}, y)
    assert sentence.startswith("after tells the target")


def test_a_category_that_tells_the_label_is_named():
    y = np.where(A + NOISE > 0, "yes", "no")
    (sentence,) = said({"boat": np.where(y == "yes", "s", "t")}, y, labels=True)
    assert sentence.startswith("boat tells the target")
    assert said({"boat": RNG.choice(["s", "t"], N)}, y, labels=True) == []


def test_parts_that_add_up_to_the_target_are_named():
    casual, registered = np.random.default_rng(1).poisson(20, (2, N)).astype(float)
    (sentence,) = said({"casual": casual, "registered": registered}, casual + registered)
    assert "sum of casual, registered" in sentence


def test_a_strong_main_effect_is_no_leak():
    assert said({}, 5 * A + NOISE) == []


def test_many_levels_do_not_tell_by_their_number():
    assert said({"town": RNG.choice([f"t{k}" for k in range(18)], N)}, NOISE) == []


def test_categories_that_follow_from_others_are_named():
    city = RNG.choice(list("uvw"), N)
    country = np.where(city == "u", "x", "y")
    (sentence,) = said({"city": city, "country": country})
    assert "country from city" in sentence and "city from country" not in sentence


@pytest.mark.parametrize("mark", [-999, 1e4])
def test_marks_of_missing_values_are_named(mark):
    (sentence,) = said({"c": np.where(RNG.random(N) < 0.05, mark, C)})
    assert f"{mark:.4g} of c" in sentence and "far from all others" in sentence


def test_long_tails_are_no_marks():
    assert said({"c": np.exp(2 * C), "d": RNG.standard_t(1.5, N), "e": RNG.poisson(1, N)}) == []
