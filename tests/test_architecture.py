"""The shape of the source tree: who may import whom, and what is kept out."""

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "skgeh"

# The lowest layer first. A module or subpackage imports from its own layer and from lower ones.
# `__init__` is the package itself, the public names.
LAYERS = (
    {"pairs", "partition", "activations", "functions", "hessian", "geh", "moments", "ranking"}
    | {"wrapped", "feature_groups", "differences"},
    {"networks", "likelihoods", "jobs", "push_forward", "groups", "symbolic"},
    {"posterior"},
    {
        "splits",
        "quality",
        "collinearity",
        "measuring",
        "trained",
        "learning",
        "training",
        "muon",
        "callbacks",
    }
    | {"estimators", "refits", "testing", "selector"},
    {"display", "datasets", "__init__", "__main__"},
)
LAYER = {name: layer for layer, names in enumerate(LAYERS) for name in names}
MODULES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


def room(module):
    """The first part below the package: skgeh/hessian/autodiff.py is in `hessian`."""
    return module.removesuffix(".py").split("/")[0]


ROOMS = LAYER.keys() | {room(module) for module in MODULES}


def absolute_names(statement, package):
    """What a statement imports, dotted; `package` is the dotted one that it stands in."""
    if isinstance(statement, ast.Import):
        return [alias.name for alias in statement.names]
    if not isinstance(statement, ast.ImportFrom):
        return []
    base = package.split(".")[: len(package.split(".")) + 1 - statement.level]
    source = [*(base if statement.level else []), *filter(None, [statement.module])]
    return [".".join([*source, alias.name]) for alias in statement.names]


def imported_rooms(source, package="skgeh"):
    """The rooms of skgeh that a source text imports from, wherever in it the statement stands."""
    names = (absolute_names(node, package) for node in ast.walk(ast.parse(source)))
    ours = [
        name.split(".")[1:] for found in names for name in found if name.split(".")[0] == "skgeh"
    ]
    # a name of the package itself, not a room: it comes from skgeh/__init__.py
    return {parts[0] if parts and parts[0] in ROOMS else "__init__" for parts in ours}


def test_every_module_has_a_layer():
    assert len(LAYER) == sum(map(len, LAYERS)), "a name stands in two layers"
    unknown = ROOMS - LAYER.keys()
    assert not unknown, f"give these a place in LAYERS: {sorted(unknown)}"


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_downward(module):
    package = ".".join(["skgeh", *module.split("/")[:-1]])
    source = (PACKAGE / module).read_text(encoding="utf-8")
    highest = LAYER.get(room(module), len(LAYERS))  # without a layer: the test above says so
    upward = {name for name in imported_rooms(source, package) if LAYER.get(name, -1) > highest}
    assert not upward, f"{module} is in layer {highest} and imports {sorted(upward)} from above"


@pytest.mark.parametrize(
    ("statement", "rooms"),
    [
        ("import skgeh.display", {"display"}),
        ("import skgeh.geh.hessians.autodiff as a, numpy", {"hessian"}),
        ("from skgeh import display, pairs", {"display", "pairs"}),
        ("from skgeh import Interactions", {"__init__"}),
        ("import skgeh", {"__init__"}),
        ("from skgeh.posteriors.stack import Hybrid", {"networks"}),
        ("from ..posterior import Interactions", {"posterior"}),
        ("from .. import posterior", {"posterior"}),
        ("from . import group_hessian", {"hessian"}),
        ("from .autodiff import group_hessian", {"hessian"}),
        ("def f():\n    from skgeh.display import g", {"display"}),
        ("from sklearn.base import clone\nimport skgehx", set()),
    ],
)
def test_every_form_of_import_is_seen(statement, rooms):
    assert imported_rooms(statement, "skgeh.geh.hessians") == rooms


def test_no_drawer_for_odds_and_ends():
    assert "utils" not in {Path(module).stem for module in MODULES}


def test_no_file_knows_where_the_checkout_lies():
    try:
        listing = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True
        )
    except OSError:
        pytest.skip("git is not here")
    tracked = [ROOT / name for name in listing.stdout.split("\0") if name]
    if not tracked:
        pytest.skip("not a checkout of git's")
    place = str(ROOT).encode()
    assert not [path for path in tracked if path.is_file() and place in path.read_bytes()]
