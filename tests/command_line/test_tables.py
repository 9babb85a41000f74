import json

import numpy as np
import pandas as pd

from skgeh.command_line._tables import WIDTH, aligned, as_json, cut, pair_table, words


def table():
    rows = {
        "feature_i": ["hour", "a" * 50, "temperature", "cabin"],
        "feature_j": ["workingday", "b" * 60, "c" * 70, "fare"],
        "effect": [0.61, 1.2e-5, 1234.5, np.nan],
        "ci_low": [0.52, 0, 12.0, np.nan],
        "ci_high": [0.7, 3e-5, 99999.0, np.nan],
        "sign": ["mixed", "", "-", ""],
        "share": [0.12, 1e-5, np.nan, np.nan],
        "p_fdr": [1e-290, 0.3, 1.0, np.nan],
        "tested": [True, True, True, False],
        "reason": ["", "", "", "cabin is a copy of ticket, which is a very long reason to give"],
    }
    return pd.DataFrame(rows)


def test_tables_fit_into_80_columns_and_say_every_number():
    lines = pair_table(table(), "found").splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert " ".join(lines[0].split()) == "found effect 95 % interval sign share p_fdr"
    assert " ".join(lines[1].split()) == "hour x workingday 0.61 0.52 to 0.7 mixed 12.0 % 1e-290"
    assert {len(line) for line in lines[:4]} == {WIDTH}
    assert "not tested: cabin is a copy" in lines[4]


def test_names_keep_both_ends():
    assert cut("abcdefghij", 10) == "abcdefghij"
    short = cut("a_very_long_name_of_a_column", 12)
    assert len(short) == 12 and short.startswith("a_v") and short.endswith("umn")


def test_paragraphs_fit():
    text = words("one two three " * 20 + "\n  indented\n\nlast")
    assert max(map(len, text.splitlines())) <= WIDTH
    assert text.endswith("\n  indented\n\nlast")


def test_aligned_columns_fit():
    text = aligned([("n" * 60, "category", "word " * 40), ("x", "number", "")])
    assert max(map(len, text.splitlines())) <= WIDTH
    assert aligned([]) == ""


def test_json_is_standard_and_whole():
    rows = json.loads(as_json(table()), parse_constant=lambda name: 1 / 0)
    assert len(rows) == 4
    assert rows[3]["effect"] is None and rows[3]["tested"] is False
    assert rows[0]["p_fdr"] == 1e-290


def test_signs_and_shares_do_not_touch():
    row = {"feature_i": "a", "feature_j": "b", "tested": True, "reason": "", "effect": 0.1}
    row |= {"ci_low": 0.0, "ci_high": 0.2, "sign": "mixed", "share": 1e-5, "p_fdr": 0.5}
    head, line = pair_table(pd.DataFrame([row]), "pairs").splitlines()
    assert " mixed " in line and " < 0.1 %" in line and len(head) == len(line) == 80
