import subprocess
import sys
from importlib import import_module

import pytest

from benchmarks.__main__ import NAMES, main

RIVALS = ("interpret", "lightgbm", "shap", "xgboost")
PEERS = {
    "classification": RIVALS,
    "default_ranking": RIVALS,
    "downstream": RIVALS[:3],
    "peers": RIVALS,
    "real_tables": ("lightgbm",),
    "speed": RIVALS,
    "stability": RIVALS,
    "paper.figure_1": RIVALS,
    "paper.figure_5": RIVALS,
    "symbolic_speed": ("shapiq",),
}
IN_PROCESSES = ("memory", "million", "wide")


# torch.func compiles a part of itself on first use by a function that torch itself has deprecated
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
@pytest.mark.parametrize("name", [n for n in NAMES if n not in IN_PROCESSES])
def test_every_benchmark_still_runs(name, capsys):
    for peer in PEERS.get(name, ()):
        pytest.importorskip(peer, reason="of the extra `bench`")
    main([name, "--quick"])
    title = import_module(f"benchmarks.{name}").__doc__.splitlines()[0]
    assert title in capsys.readouterr().out


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's account of memory")
@pytest.mark.parametrize("name", IN_PROCESSES)
def test_benchmarks_in_processes_of_their_own(name, capsys):
    main([name, "--quick"])
    assert "MB" in (out := capsys.readouterr().out) or "peak memory" in out


def test_a_name_that_is_none():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "nonsense"], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "choose from" in done.stderr
