import ast
from pathlib import Path

import pytest

from tests import conftest

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[1]


def test_every_listed_test_is_there():
    """So that a test that gets another name does not slip into the quick ones."""
    for name in sorted(conftest.slow_names()):
        path, *parts = name.split("[")[0].split("::")
        inside = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        for part in parts:
            found = [node for node in inside.body if getattr(node, "name", None) == part]
            assert found, f"tests/slow.txt lists {name}, which is not there"
            inside = found[0]


def test_the_list_is_sorted_and_says_nothing_twice():
    lines = [line for line in conftest.SLOW.read_text().splitlines() if not line.startswith("#")]
    assert lines == sorted(set(lines))
    whole = {line for line in lines if "[" not in line}
    assert not [line for line in lines if "[" in line and line.split("[")[0] in whole]


@pytest.mark.parametrize(
    ("listed", "outcome"), [(set(), "errors"), ({"test_it.py::test_one"}, "passed")]
)
def test_a_slow_test_has_to_be_listed(pytester, monkeypatch, listed, outcome):
    monkeypatch.setattr(conftest, "MOST", -1.0)
    monkeypatch.setattr(conftest, "slow_names", lambda: listed)
    pytester.makeconftest("from tests.conftest import *")
    pytester.makepyfile(test_it="def test_one(): pass")
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    assert result.parseoutcomes()[outcome] == 1
    assert ("make it faster, or list it" in result.stdout.str()) is not bool(listed)
