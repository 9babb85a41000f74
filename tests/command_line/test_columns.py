from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from skgeh.command_line._columns import named_columns, question_of
from skgeh.command_line._problem import Problem

N = 60


def frame(**columns):
    rng = np.random.default_rng(0)
    return pd.DataFrame({"a": rng.normal(size=N), "b": rng.normal(size=N), **columns})


def options(**given):
    usual = {
        "target": "y",
        "task": "auto",
        "loss": "squared_error",
        "groups": None,
        "drop": [],
        "sample": None,
        "seed": 0,
    }
    return SimpleNamespace(**{**usual, **given})


def problem(table, **given):
    with pytest.raises(Problem) as raised:
        question_of(table, options(**given))
    assert "\n" not in str(raised.value)
    return str(raised.value)


def numbers(seed=1):
    return np.random.default_rng(seed).normal(size=N)


def test_names_with_commas_are_names():
    assert named_columns(["x, y", "a,b"], ["a", "b", "x, y"], "--drop") == ["x, y", "a", "b"]
    with pytest.raises(Problem, match="did you mean 'lot'"):
        named_columns(["a,lott"], ["a", "lot"], "--drop")


def test_every_column_is_used_or_left_out_with_a_reason():
    table = frame(
        y=numbers(),
        id=[f"K{i}" for i in range(N)],
        row=range(5, N + 5),
        one="x",
        empty=np.nan,
        half=[1.0, np.nan] * (N // 2),  # says where it is missing
        unwanted=numbers(2),
        unit=np.arange(N) % 7,
    )
    found = question_of(table, options(drop=["unwanted"], groups="unit"))
    assert set(found.X) == {"a", "b", "half"}
    assert set(found.ignored) == {"id", "row", "one", "empty", "unwanted"}
    assert {*found.X, *found.ignored, "y", "unit"} == set(table)
    assert all(found.ignored.values())
    assert found.groups.nunique() == 7 and len(found.groups) == N


def test_rows_are_used_or_left_out_with_a_reason():
    y = numbers()
    y[:4] = np.nan
    found = question_of(frame(y=y), options(sample=30, seed=3))
    assert found.lost == {"y is missing": 4, "not in the sample": N - 4 - 30}
    assert len(found.X) == len(found.y) == 30
    again, other = (question_of(frame(y=y), options(sample=30, seed=seed)) for seed in (3, 4))
    np.testing.assert_array_equal(found.y, again.y)
    assert set(found.y) != set(other.y)
    assert set(found.y) <= set(y)
    assert question_of(frame(y=y), options(sample=10**6)).lost == {"y is missing": 4}


def test_rows_stay_together():
    y = numbers()
    y[[3, 9]] = np.nan
    found = question_of(
        frame(y=y, copy=y, unit=np.arange(N) % 9), options(sample=40, groups="unit")
    )
    np.testing.assert_array_equal(found.X["copy"], found.y)
    kept = [np.flatnonzero(y == value)[0] % 9 for value in found.y]
    assert found.groups.tolist() == [str(k) for k in kept]


@pytest.mark.parametrize(
    ("y", "task", "kind"),
    [
        (np.arange(N) % 2, "classification", "i"),
        (np.arange(N) % 2 == 0, "classification", "O"),
        (np.array(["no", "yes"])[np.arange(N) % 2], "classification", "O"),
        (pd.Categorical(np.array(["u", "v", "w"])[np.arange(N) % 3]), "classification", "O"),
        (np.arange(N) % 5, "regression", "f"),
        (np.arange(N) % 2 + 0.5, "regression", "f"),
        (numbers(), "regression", "f"),
    ],
)
def test_the_task_is_guessed_and_the_reason_said(y, task, kind):
    found = question_of(frame(y=y), options())
    assert (found.task, found.y.dtype.kind) == (task, kind)
    assert found.why.startswith("guessed, since it ")


def test_how_to_change_a_doubtful_guess():
    assert "--task regression" in question_of(frame(y=np.arange(N) % 2), options()).why
    assert "--task classification" in question_of(frame(y=np.arange(N) % 4), options()).why
    assert "--task" not in question_of(frame(y=numbers()), options()).why


def test_an_asked_task_is_taken():
    found = question_of(frame(y=np.arange(N) % 2), options(task="regression"))
    assert (found.task, found.why) == ("regression", "as asked")
    found = question_of(frame(y=np.arange(N) % 3), options(task="classification"))
    assert found.y.dtype.kind == "i"
    found = question_of(frame(y=np.arange(N) % 2), options(loss="poisson"))
    assert found.task == "regression" and "poisson" in found.why


@pytest.mark.parametrize(
    ("y", "given", "words"),
    [
        (numbers(), {"target": "z"}, "no column 'z'"),
        (numbers(), {"groups": "unit"}, "--groups: there is no column 'unit'"),
        (numbers(), {"groups": "y"}, "same column"),
        (numbers(), {"drop": ["y"]}, "dropped"),
        (numbers(), {"drop": ["A1"]}, "--drop: there is no column 'A1'"),
        (np.full(N, np.nan), {}, f"missing in all {N} rows"),
        (np.full(N, 3), {}, "constant (3)"),
        (np.array([f"t{i % 30}" for i in range(N)]), {}, "30 different values"),
        (numbers(), {"task": "classification"}, "use --task regression"),
        (np.array(["no", "yes"] * (N // 2)), {"task": "regression"}, "text such as 'no'"),
        (np.array(["no", "yes"] * (N // 2)), {"loss": "gamma"}, "text such as 'no'"),
        (pd.date_range("2024", periods=N), {}, "is a date"),
        (pd.date_range("2024", periods=N).strftime("%d.%m.%Y"), {}, "is a date"),
        (numbers(), {"drop": ["a"]}, "only 'b' is left (a: dropped, as asked)"),
        (numbers(), {"drop": ["a,b"]}, "none is left"),
    ],
)
def test_questions_that_have_no_answer(y, given, words):
    assert words in problem(frame(y=y), **given)


def test_groups_that_are_none():
    y = numbers()
    unit = pd.Series(np.arange(N) % 6).where(np.arange(N) > 2)
    assert "missing in 3 rows" in problem(frame(y=y, unit=unit), groups="unit")
    assert "one value only" in problem(frame(y=y, unit=1), groups="unit")
    found = question_of(frame(y=y, unit=np.arange(N)), options(groups="unit"))
    assert found.groups is None and "of its own" in found.notes[0]


@pytest.mark.parametrize("form", [None, "%Y-%m-%d %H:%M", "%d.%m.%Y %H:%M"])
def test_of_dates_with_times_the_days_are_units_and_the_hours_features(form):
    when = pd.Series(pd.date_range("2024-01-01", periods=N, freq="6h"))
    given = when if form is None else when.dt.strftime(form)
    found = question_of(frame(y=numbers(), when=given), options(groups="when"))
    assert found.groups.tolist() == when.dt.strftime("%Y-%m-%d").tolist()
    assert "when" in found.X
    days = given if form is None else given.str[:10]
    only = days.dt.normalize() if form is None else days
    found = question_of(frame(y=numbers(), when=only), options(groups="when"))
    assert found.groups.nunique() == N // 4 and "when" not in found.X


def test_rows_of_rare_classes_are_left_out_and_counted():
    y = np.array(["a", "b"])[np.arange(N) % 2]
    y[:3], y[5] = "c", "d"
    found = question_of(frame(y=y, copy=y, unit=np.arange(N) % 9), options(groups="unit"))
    assert set(found.y) == {"a", "b"} == set(found.X["copy"])
    assert len(found.groups) == len(found.X) == N - 4
    assert sorted(found.lost.values()) == [1, 3]
    assert "c (9)" in problem(frame(y=np.array(["a"] * (N - 9) + ["c"] * 9)))


def test_too_few_rows():
    y = numbers()
    y[5:] = np.nan
    assert problem(frame(y=y)) == (
        f"5 rows: at least 8 are needed, 40 for tests; {N - 5} are left out (y is missing)"
    )
