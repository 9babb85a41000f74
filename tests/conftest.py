"""Slow tests: which they are, and that no other test is one of them."""

import time
from pathlib import Path

import pytest

SLOW = Path(__file__).parent / "slow.txt"
MOST = 6.0  # CPU seconds of a test that is not listed; far above the limit for the list


def slow_names():
    """Names of the listed tests, of single parameters some of them."""
    lines = SLOW.read_text(encoding="utf-8").splitlines()
    return {line for line in lines if line and not line.startswith("#")}


def pytest_collection_modifyitems(items):
    slow = slow_names()
    for item in items:
        if not slow.isdisjoint((item.nodeid, item.nodeid.split("[")[0])):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def is_listed_if_slow(request):
    """Fail a test that is slow and not listed; what other programs take counts for nothing."""
    starts = time.perf_counter(), time.process_time()
    yield
    spent = min(time.perf_counter() - starts[0], time.process_time() - starts[1])
    if spent > MOST and request.node.get_closest_marker("slow") is None:
        pytest.fail(
            f"{request.node.nodeid} took {spent:.0f} s: make it faster, or list it in {SLOW.name}."
        )
