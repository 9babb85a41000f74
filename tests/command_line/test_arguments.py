import subprocess
import sys

import pytest

from skgeh.command_line._arguments import parse


def fails(capsys, *arguments):
    """The one line that wrong arguments end with."""
    with pytest.raises(SystemExit) as ended:
        parse(arguments)
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1
    assert said.err.startswith("skgeh: error: ")
    return said.err


def test_columns_may_be_listed_in_several_ways():
    given = ["data.csv", "--target", "y", "--drop", "a", "b,c", "--drop", "d", "--pairs", "a:b,c:d"]
    options = parse(given)
    assert options.drop == ["a", "b,c", "d"]
    assert options.pairs == ["a:b,c:d"]


def test_a_target_is_needed(capsys):
    assert "--target" in fails(capsys, "data.csv")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--task", "ranking"], "ranking"),
        (["--loss", "hinge"], "hinge"),
        (["--sample", "0"], "whole number above 0"),
        (["--top", "some"], "whole number above 0"),
        (["--json", "--csv"], "not allowed with"),
        (["--tsak", "auto"], "--tsak"),
        (["--task", "classification", "--loss", "poisson"], "--loss poisson is for numbers"),
    ],
)
def test_wrong_arguments_end_with_one_line(capsys, arguments, word):
    assert word in fails(capsys, "data.csv", "--target", "y", *arguments)


@pytest.mark.parametrize("asked", ["--help", "--version"])
def test_what_needs_no_file(capsys, asked):
    with pytest.raises(SystemExit) as ended:
        parse([asked])
    assert not ended.value.code
    said = capsys.readouterr().out
    assert "skgeh" in said
    assert max(map(len, said.splitlines())) <= 92  # the last example


@pytest.mark.parametrize("heavy", ["torch", "sklearn", "pandas", "numpy"])
def test_arguments_are_parsed_without_the_heavy_libraries(heavy):
    code = (
        "import sys; from skgeh.command_line.main import main; assert main(['--nothing']) == 2; "
        f"sys.exit({heavy!r} in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True)
    assert done.returncode == 0
