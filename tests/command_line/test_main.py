import pytest

from skgeh.command_line import _run
from skgeh.command_line.main import main


def ends_with(capsys, monkeypatch, error, *arguments):
    """Exit code and errors of a run in which something happens."""

    def fails(options):
        raise error

    monkeypatch.setattr(_run, "run", fails)
    code = main(["data.csv", "--target", "y", *arguments])
    return code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (_run.Problem("no such column"), 1, "skgeh: error: no such column\n"),
        (ValueError("two\nlines"), 1, "skgeh: error: two lines\n"),
        (MemoryError(), 1, "skgeh: error: MemoryError (--debug shows where)\n"),
        (KeyError("x"), 1, "skgeh: error: KeyError: 'x' (--debug shows where)\n"),
        (KeyboardInterrupt(), 130, "\nskgeh: stopped\n"),
    ],
)
def test_every_end_has_its_code_and_no_traceback(capsys, monkeypatch, error, code, said):
    assert ends_with(capsys, monkeypatch, error) == (code, said)


def test_debug_shows_where(capsys, monkeypatch):
    for error in (_run.Problem("no"), ValueError("no")):
        with pytest.raises(type(error)):
            ends_with(capsys, monkeypatch, error, "--debug")


def test_wrong_arguments_and_help(capsys):
    assert main(["data.csv"]) == 2
    assert main(["--help"]) == 0
