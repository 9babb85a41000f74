import numpy as np
import pandas as pd
import pytest

from skgeh.command_line._texts import understood


def one(values, separator=","):
    """A single column as it is understood, and its notes."""
    frame, notes = understood(pd.DataFrame({"x": values}), separator)
    return frame.x, notes


@pytest.mark.parametrize(
    ("texts", "numbers", "separator"),
    [
        (["1.5", " ", "-2"], [1.5, np.nan, -2], ","),  # blank strings
        (["7", "?", None], [7, np.nan, np.nan], ","),
        (["$1,234.50", "$9", "-$3"], [1234.5, 9, -3], ","),
        (["12 %", "3.5%"], [12, 3.5], ","),
        (["1,5", "2,25"], [1.5, 2.25], ";"),
        (["1.234,5", "2.000.000,25"], [1234.5, 2000000.25], ";"),
        (["1e3", "2E-2"], [1000, 0.02], ","),
    ],
)
def test_texts_that_are_numbers(texts, numbers, separator):
    np.testing.assert_allclose(one(texts, separator)[0], numbers)


@pytest.mark.parametrize(
    "texts",
    [
        ["a", "b"],
        ["12 m", "13 m"],
        ["1,5", "2,5"],
        ["A1", "B2"],
        ["1", "two", "3"],
        ["12-34-5", "1"],
    ],
)
def test_texts_that_are_none(texts):
    assert one(texts)[0].tolist() == texts


def test_a_few_words_among_many_numbers_are_missing_and_said():
    found, notes = one([*map(str, range(100)), "n.b.", "n.b."])
    assert found.isna().sum() == 2 and found.sum() == sum(range(100))
    assert notes == ["x: 2 values ('n.b.') are no numbers: taken as missing"]
    found, notes = one([*map(str, range(100)), *["n.b."] * 20])  # too many of them
    assert found.tolist()[-1] == "n.b."


def test_words_lose_spaces_around_them_and_blanks_are_missing():
    assert one([" yes", "no ", "  ", None])[0].tolist() == ["yes", "no", None, None]


def test_what_is_no_text_stays():
    frame = pd.DataFrame(
        {
            "number": [1, 2],
            "truth": pd.Series([True, None], dtype=object),
            "list": [[1], [2, 3]],
            "kind": pd.Categorical(["1", "2"]),
        }
    )
    found, notes = understood(frame)
    pd.testing.assert_frame_equal(found, frame)
    assert not notes


def test_unusual_numbers_are_said_in_one_note_and_infinite_ones_are_missing():
    table = {"a": ["1,5", "2,5"], "b": ["-0,1", "7"], "c": [np.inf, 1.0], "d": ["3", "4"]}
    found, notes = understood(pd.DataFrame(table), ";")
    assert notes == [
        "c: 1 infinite value taken as missing",
        "text such as '1,5' was read as numbers: a, b",
    ]
    np.testing.assert_array_equal(found.c, [np.nan, 1])
