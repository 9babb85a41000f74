"""Pairs as they are written on the command line, and the table about them alone."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from skgeh.command_line._problem import Problem, no_column
from skgeh.geh.interactions import SIGNIFICANT
from skgeh.tables.corrections import adjust
from skgeh.tables.feature import Feature


def asked_pairs(
    given: list[str], features: Sequence[Feature], columns: list[str]
) -> list[tuple[str, str]] | None:
    """Pairs of names of features, None if none are asked for.

    A column with several features, such as a date, stands for all of them.

    Examples
    --------
    >>> features = [Feature("a", "number", (0,)), Feature("when: hour", "cycle", (1, 2)),
    ...             Feature("when: month", "cycle", (3, 4))]
    >>> asked_pairs(["a:when"], features, ["a", "when"])
    [('a', 'when: hour'), ('a', 'when: month')]
    >>> asked_pairs(["when: hour:a"], features, ["a", "when"])
    [('when: hour', 'a')]
    """
    if not given:
        return None
    names = [feature.name for feature in features]
    known = {column: [n for n in names if n.startswith(f"{column}: ")] for column in columns}
    known |= {name: [name] for name in names}
    found = []
    for text in given:
        for one in [text] if _halves(text, known) else text.split(","):
            halves = _halves(one.strip(), known)
            if halves is None:
                raise _unknown(one.strip(), known)
            first, second = halves
            found += [(i, j) for i in known[first] for j in known[second] if i != j]
    if not found:
        raise Problem("--pairs: a pair is two different columns, such as --pairs age:income")
    return found


def only(table: pd.DataFrame, pairs: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """The decided table as if no other pairs had been in question: corrected for these alone.

    Examples
    --------
    >>> table = pd.DataFrame({"feature_i": ["a", "a", "b"], "feature_j": ["b", "c", "c"],
    ...                       "p_value": [0.01, 0.02, 0.03], "p_fdr": [0.03, 0.03, 0.03]})
    >>> only(table, [("c", "b"), ("b", "a")]).p_fdr.tolist()
    [0.02, 0.03]
    """
    asked = set(map(frozenset, pairs))
    names = zip(table["feature_i"], table["feature_j"], strict=True)
    found = table[[frozenset(pair) in asked for pair in names]].copy()
    found["p_fdr"] = adjust(found["p_value"].to_numpy(), "fdr")
    p = found["p_value"].where(found["p_fdr"] <= SIGNIFICANT, 1)  # others stay in their order
    return found.iloc[np.argsort(p, kind="stable")].reset_index(drop=True)


def _halves(text: str, known: dict[str, list[str]]) -> tuple[str, str] | None:
    """Both names of a pair; names may have colons themselves."""
    places = [place for place, sign in enumerate(text) if sign == ":"]
    for place in places:
        first, second = text[:place].strip(), text[place + 1 :].strip()
        if known.get(first) and known.get(second):
            return first, second
    return None


def _unknown(text: str, known: dict[str, list[str]]) -> Problem:
    """What is wrong with a pair."""
    first, colon, second = text.partition(":")
    if not colon or not second:
        return Problem(f"--pairs: {text!r} is no pair; write it as --pairs age:income,age:sex")
    for name in (first.strip(), second.strip()):
        if not known.get(name):
            return no_column(name, [one for one in known if known[one]], "--pairs")
    return Problem(f"--pairs: {text!r} is no pair of columns that are used")
