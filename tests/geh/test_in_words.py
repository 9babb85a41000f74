from types import SimpleNamespace

import numpy as np

from skgeh.geh._in_words import in_a_line, in_a_table, in_words

PAIRS = [("a", "b"), ("a", "c"), ("b", "c")]


def found(p_fdr=(0.001, 0.5, np.nan), decided=True):
    """Interactions of three features, the strongest first."""
    p_fdr = np.array(p_fdr)
    decisions = SimpleNamespace(
        tested=np.isfinite(p_fdr),
        p_value=p_fdr / 2,
        p_fdr=p_fdr,
        effect=np.array([0.7, 0.1, np.nan]),
        sign=np.array(["+", "", ""], dtype=object),
        reason=np.where(np.isfinite(p_fdr), "", "c is constant"),
    )
    interval = np.array([[0.5, 0.9], [0, 0.25], [np.nan, np.nan]])
    return SimpleNamespace(
        pairs=np.array([[0, 1], [0, 2], [1, 2]]),
        order=np.arange(3),
        top=lambda k: PAIRS[:k],
        significant=p_fdr <= 0.05,
        decisions=decisions if decided else None,
        effect=np.array([0.7, 0.1, 0.0]),
        score=np.array([3.0, 2.0, 1.0]),
        interval=lambda: interval,
        group_weights=np.ones(2) / 2,
    )


def test_in_a_line():
    assert in_a_line(found()) == (
        "<Interactions of 3 pairs, 1 at a false discovery rate of 0.05, first: a x b, a x c, b x c>"
    )
    assert in_words(found(decided=False)) == in_a_line(found(decided=False))
    assert "highest score: a x b" in in_a_line(found(decided=False))


def test_in_words():
    assert in_words(found()).splitlines() == [
        "1 of 2 pairs interact (false discovery rate 0.05).",
        "  a x b: 0.7, between 0.5 and 0.9, sign +, p_fdr 0.001",
        "For the other pair, effects above 0.25 are ruled out (with 95 % confidence, in standard "
        "units).",
        "1 pair was not tested; the table says why.",
    ]


def test_many_pairs_and_none():
    nothing = in_words(found((0.5, 0.6, np.nan))).splitlines()
    assert nothing[1].startswith("For the other 2 pairs, effects above 0.9 are ruled out, for half")
    assert in_words(found((np.nan,) * 3)) == "No pair was tested: c is constant."


def test_in_a_table():
    table = in_a_table(found())
    assert table.heads[-2:] == ["p", "p_fdr"] and len(table.rows) == 3
    assert table.rows[0][-1] == "0.001" and table.rows[2][-1] == "not tested: c is constant"
    assert in_a_table(found(decided=False)).heads[-1] == "95 % of the posterior"
