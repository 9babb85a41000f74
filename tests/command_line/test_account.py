import pytest

from skgeh.command_line._account import Account


@pytest.mark.parametrize(
    ("for_program", "quiet", "out", "err"),
    [
        (False, False, "told result note: doubt", ""),
        (False, True, "result", "note: doubt"),
        (True, False, "", "told result note: doubt"),
        (True, True, "", "note: doubt"),
    ],
)
def test_who_is_told_what(capsys, for_program, quiet, out, err):
    account = Account(for_program, quiet)
    account.tell("told")
    account.result("result")
    account.note("doubt")
    account.note("doubt")  # once is enough
    said = capsys.readouterr()
    assert (" ".join(said.out.split()), " ".join(said.err.split())) == (out, err)
