import subprocess
import sys
from importlib import import_module

import numpy as np
import pytest

from benchmarks.__main__ import NAMES, main
from benchmarks.level_designs import DESIGNS
from skgeh.geh.pairs import n_pairs

RIVALS = ("interpret", "lightgbm", "shap", "xgboost")
PEERS = {
    "classification": RIVALS,
    "default_ranking": RIVALS,
    "downstream": RIVALS[:3],
    "frames": RIVALS[:3],
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


@pytest.mark.parametrize("design", DESIGNS, ids=str)
def test_designs_draw_tables_with_their_truth(design):
    table, again = design.draw(3), design.draw(3)
    assert len(table["X"]) == len(table["y"]) == design.n
    assert np.array_equal(table["y"], again["y"])
    for name in ("true", "judged", "oracle"):
        assert table[name].shape == (n_pairs(design.d),)
    assert (table["oracle"][~table["true"]] == 1).all()
    assert (table["oracle"][table["true"]] < 1).all()
    assert table["judged"][table["true"]].all()


def test_cells_of_the_campaign_have_names_of_their_own():
    assert len(set(map(str, DESIGNS))) == len(DESIGNS)
