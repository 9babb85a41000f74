import csv
import io
import json

import numpy as np
import pandas as pd
import pytest

import skgeh
from skgeh.command_line.main import main
from tests.tables_as_people_have_them import bikes, customers, passengers


def ran(capsys, *arguments):
    """Output and messages of a run that succeeds."""
    assert main([str(one) for one in arguments]) == 0
    return capsys.readouterr()


def failed(capsys, *arguments):
    """The error of a run that fails: one line."""
    assert main([str(one) for one in arguments]) == 1
    said = capsys.readouterr().err.splitlines()
    assert said[-1].startswith("skgeh: error: ")
    assert "Traceback" not in "".join(said)
    return said[-1]


@pytest.fixture(scope="module")
def numbers(tmp_path_factory):
    """A small table of numbers whose first and third columns interact."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 4))
    frame = pd.DataFrame(X, columns=["age", "dose", "weight", "noise"])
    frame["effect"] = 2 * X[:, 0] * X[:, 2] + X[:, 1] + rng.normal(size=100) / 2
    frame["ward"] = rng.integers(0, 20, 100)
    path = tmp_path_factory.mktemp("data") / "numbers.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("made", [passengers, bikes, customers])
def test_planted_pairs_are_found_and_no_others(made, tmp_path, capsys):
    table = made()
    path = table.write(tmp_path / "table.csv")
    said = ran(capsys, path, "--target", table.target, "--csv")
    found = pd.read_csv(io.StringIO(said.out))
    significant = found[found.p_fdr <= 0.05]
    pairs = set(map(frozenset, zip(significant.feature_i, significant.feature_j, strict=True)))
    assert pairs == table.pairs
    for name in table.unusable:
        assert name in said.err


def test_a_person_is_told_what_was_understood(tmp_path, capsys):
    table = passengers()
    table.frame.loc[:4, "survived"] = np.nan
    said = ran(capsys, table.write(tmp_path / "p.csv"), "--target", "survived", "--seed", "3").out
    assert max(map(len, said.splitlines())) <= 80 + len(str(tmp_path))
    for words in (
        "900 rows, 10 columns",
        "classification (guessed",
        "rows left out: 5 (survived is missing)",
        "rows used: 895",
        "pairs that interact",
        "false discovery rate 0.05",
        "time: reading",
    ):
        assert words in said
    for name in table.frame:
        assert name in said


def test_tables_for_programs_stand_alone(numbers, capsys):
    as_json = ran(capsys, numbers, "--target", "effect", "--json")
    as_csv = ran(capsys, numbers, "--target", "effect", "--csv", "--quiet")
    rows = json.loads(as_json.out)
    others = list(csv.DictReader(io.StringIO(as_csv.out)))
    assert [row["feature_i"] for row in rows] == [row["feature_i"] for row in others]
    assert len(rows) == 10
    assert {rows[0]["feature_i"], rows[0]["feature_j"]} == {"age", "weight"}
    assert "rows used: 100" in as_json.err and "rows used" not in as_csv.err


def test_groups_and_dropped_columns_are_no_features(numbers, capsys):
    said = ran(
        capsys, numbers, "--target", "effect", "--groups", "ward", "--drop", "noise", "--json"
    )
    rows = json.loads(said.out)
    assert {row["feature_i"] for row in rows} | {row["feature_j"] for row in rows} == {
        "age",
        "dose",
        "weight",
    }
    assert "20 units by ward" in said.err


def test_asked_pairs_are_decided_alone(numbers, capsys):
    every = json.loads(ran(capsys, numbers, "--target", "effect", "--json").out)
    said = ran(
        capsys, numbers, "--target", "effect", "--json", "--pairs", "weight:age,noise:dose"
    ).out
    p_value = {frozenset((row["feature_i"], row["feature_j"])): row["p_value"] for row in every}
    asked = json.loads(said)
    assert len(asked) == 2
    for row in asked:
        assert row["p_value"] == p_value[frozenset((row["feature_i"], row["feature_j"]))]
    largest = max(asked, key=lambda row: row["p_value"])
    assert largest["p_fdr"] == largest["p_value"]  # by Benjamini and Hochberg


def test_at_most_so_many_others(numbers, capsys):
    said = ran(capsys, numbers, "--target", "effect", "--top", "2")
    assert sum(" x " in line for line in said.out.splitlines()) == 1 + 2 + 1  # one more in words
    assert "7 other pairs" in said.out
    rows = json.loads(ran(capsys, numbers, "--target", "effect", "--top", "2", "--json").out)
    assert len(rows) == 3


def test_warnings_are_notes(numbers, tmp_path, capsys):
    frame = pd.read_csv(numbers)
    pd.concat([frame, frame]).to_csv(tmp_path / "twice.csv", index=False)
    said = ran(capsys, tmp_path / "twice.csv", "--target", "effect")
    assert "note: " in said.out and "Warning" not in said.out + said.err


def test_a_report_is_written_and_named(numbers, tmp_path, capsys, monkeypatch):
    calls = []
    monkeypatch.setattr(
        skgeh, "report", lambda model, X, y, path: calls.append((model, X, y, path)), raising=False
    )
    path = str(tmp_path / "out.html")
    said = ran(capsys, numbers, "--target", "effect", "--report", path, "--drop", "ward")
    ((model, X, y, written),) = calls
    assert (written, y.name, len(y), list(X)) == (
        path,
        "effect",
        100,
        ["age", "dose", "weight", "noise"],
    )
    assert model.interactions_ is not None
    assert f"report: {path}" in said.out


def test_what_would_fail_after_the_work_fails_before_it(numbers, tmp_path, capsys):
    path = tmp_path / "nowhere" / "out.html"
    assert "no folder" in failed(capsys, numbers, "--target", "effect", "--report", path)
    assert "is a folder" in failed(capsys, numbers, "--target", "effect", "--report", tmp_path)
    said = failed(capsys, numbers, "--target", "effect", "--pairs", "age:wight")
    assert "did you mean 'weight'" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--target", "efect"], "did you mean 'effect'?"),
        (["--target", "effect", "--groups", "wards"], "did you mean 'ward'?"),
        (["--target", "effect", "--loss", "poisson"], "poisson"),
        (["--target", "effect", "--sample", "5"], "8"),
        (["--target", "effect", "--task", "classification"], "--task regression"),
    ],
)
def test_errors_say_what_to_do(numbers, capsys, arguments, words):
    assert words in failed(capsys, numbers, *arguments)
