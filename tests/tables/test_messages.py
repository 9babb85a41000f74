import runpy
import warnings
from functools import partial

import numpy as np
import pytest
from joblib import delayed

from skgeh.parallel import run_jobs
from skgeh.tables.messages import warn
from skgeh.tables.rows import _counted_rows
from skgeh.tables.table import Table


def caught(call):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        call()
    return found


def line_of(function):
    """Where the only statement of a function stands."""
    return function.__code__.co_firstlineno + 1


def at_once():
    _counted_rows(np.full(10, 0.1), minimum=1)


def deeper():
    Table.of(np.eye(10), np.arange(10.0), np.full(10, 0.1))


@pytest.mark.parametrize("call", [at_once, deeper])
def test_a_warning_points_at_the_line_that_called_the_package(call):
    (warning,) = caught(call)
    assert "The sample weights of 10 rows sum to 1" in str(warning.message)
    assert (warning.filename, warning.lineno) == (__file__, line_of(call))


def test_of_several_callers_the_innermost_is_pointed_at():
    """The package calls a job of the user's, and that calls the package."""
    (warning,) = caught(lambda: list(run_jobs([delayed(at_once)()], n_jobs=1)))
    assert (warning.filename, warning.lineno) == (__file__, line_of(at_once))


def test_a_warning_from_outside_points_at_its_own_line():
    def call():
        warn("mine")

    (warning,) = caught(call)
    assert (warning.filename, warning.lineno) == (__file__, line_of(call))


def test_a_script_that_warns_at_its_top_level(tmp_path):
    """There is no frame above it but those that run it."""
    script = tmp_path / "script.py"
    script.write_text("from skgeh.tables.messages import warn\nwarn('top')\n")
    (warning,) = caught(lambda: runpy.run_path(str(script)))
    assert (warning.filename, warning.lineno) == (str(script), 2)


def test_categories():
    assert caught(partial(warn, "a"))[0].category is UserWarning
    assert caught(partial(warn, "a", FutureWarning))[0].category is FutureWarning
