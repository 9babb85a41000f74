"""The shape of the source tree: who may import whom, and what is kept out."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "skgeh"

# The floor of each room. A room imports from lower floors only, wherever the import stands: at the
# top of a file, inside a function, or for type checkers. `__init__` is the door: it opens on all
# but the command line, which stands before it as any user does.
FLOORS = {
    "tables": 1,
    "parallel": 1,
    "geh": 2,
    "symbolic": 2,
    "datasets": 3,
    "process": 3,
    "training": 3,
    "posteriors": 4,
    "estimators": 5,
    "foreign": 5,
    "display": 6,
    "significance": 6,
    "pages": 7,
    "selector": 7,
    "__init__": 8,
    "command_line": 9,
    "__main__": 10,
}
MODULES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


def room(module):
    """The first part below the package: skgeh/geh/pairs.py is in `geh`."""
    return module.removesuffix(".py").split("/")[0]


def absolute_names(statement, package):
    """The dotted names that a statement imports; `package` is the dotted one that it stands in."""
    if isinstance(statement, ast.Import):
        return [alias.name for alias in statement.names]
    if not isinstance(statement, ast.ImportFrom):
        return []
    base = package.split(".")[: len(package.split(".")) + 1 - statement.level]
    source = [*(base if statement.level else []), *filter(None, [statement.module])]
    return [".".join([*source, alias.name]) for alias in statement.names]


def imported_names(source, package="skgeh"):
    """The dotted names of skgeh that a source text imports, wherever in it the statement stands."""
    names = (absolute_names(node, package) for node in ast.walk(ast.parse(source)))
    return {name for found in names for name in found if name.split(".")[0] == "skgeh"}


def imported_rooms(source, package="skgeh"):
    """The rooms of these names; a name of the package itself comes from its door."""
    parts = [name.split(".")[1:] for name in imported_names(source, package)]
    return {part[0] if part and part[0] in FLOORS else "__init__" for part in parts}


def package_of(module):
    return ".".join(["skgeh", *module.split("/")[:-1]])


def text_of(module):
    return (PACKAGE / module).read_text(encoding="utf-8")


def test_every_room_has_a_floor():
    assert {room(module) for module in MODULES} == FLOORS.keys()
    assert max(FLOORS.values()) <= 10
    assert len(FLOORS) <= 17


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_downward(module):
    own, found = room(module), imported_rooms(text_of(module), package_of(module))
    not_below = {name for name in found - {own} if FLOORS[name] >= FLOORS[own]}
    assert not not_below, f"{module} is on floor {FLOORS[own]} and imports {sorted(not_below)}"


def test_no_files_of_a_room_import_each_other_in_a_circle():
    known = {module.removesuffix(".py").removesuffix("/__init__") for module in MODULES}
    below = {}
    for module in MODULES:
        names = imported_names(text_of(module), package_of(module))
        parts = [name.split(".")[1:] for name in names]
        files = {"/".join(part[:k]) for part in parts for k in range(1, len(part) + 1)} & known
        own = module.removesuffix(".py").removesuffix("/__init__")
        # a room's door counts only where a name of its own is taken from it
        below[own] = {
            file
            for file in files - {own}
            if any("/".join(part[:-1]) == file or "/".join(part) == file for part in parts)
        }
    done = set()
    while ready := {file for file in below.keys() - done if below[file] <= done}:
        done |= ready
    assert done == below.keys(), f"in a circle or above one: {sorted(below.keys() - done)}"


@pytest.mark.parametrize(
    ("statement", "rooms"),
    [
        ("import skgeh.display", {"display"}),
        ("import skgeh.geh.pairs as a, numpy", {"geh"}),
        ("from skgeh import display, tables", {"display", "tables"}),
        ("from skgeh import Interactions", {"__init__"}),
        ("import skgeh", {"__init__"}),
        ("from skgeh.process._model import AnovaModel", {"process"}),
        ("from ..tables import Table", {"tables"}),
        ("from .. import tables", {"tables"}),
        ("from . import pairs", {"geh"}),
        ("from .pairs import n_pairs", {"geh"}),
        ("def f():\n    from skgeh.display import g", {"display"}),
        ("if TYPE_CHECKING:\n    from skgeh.selector import GEHSelector", {"selector"}),
        ("from sklearn.base import clone\nimport skgehx", set()),
    ],
)
def test_every_form_of_import_is_seen(statement, rooms):
    assert imported_rooms(statement, "skgeh.geh") == rooms


def test_the_tests_mirror_the_tree():
    missing = []
    for module in MODULES:
        folder, _, name = module.rpartition("/")
        stem = name.removesuffix(".py").removeprefix("_")
        if name != "__init__.py" and not (ROOT / "tests" / folder / f"test_{stem}.py").exists():
            missing.append(module)
    assert not missing


@pytest.mark.parametrize("folder", sorted({m.rpartition("/")[0] for m in MODULES} - {""}))
def test_every_room_opens_with_a_guide(folder):
    """What it answers, what comes in and goes out, what it rests on, which file to read first."""
    guide = ast.get_docstring(ast.parse(text_of(f"{folder}/__init__.py")))
    assert len(guide.splitlines()) >= 5
    for word in ("Answers", "In:", "Out:", "Read"):
        assert word in guide, f"the guide of {folder} lacks {word!r}"


# Names that no other room uses and that stay public: users hold these, or the theory names them
OPEN = {
    "estimators/fit_quality": {"FitQuality"},
    "geh/activations": {"ACTIVATIONS", "Activation"},
    "geh/effect": {"choose_n_groups", "rank_weighted_distance"},
    "geh/functions": {"Separate"},
    "geh/hessians/group_hessian": {"JoinedHessian"},
    "geh/pairs": {"n_pairs"},
    "geh/push_forward": {"Pushed"},
    "geh/units": {"Function", "FunctionInUnits"},
    "geh/views/blocks": {"BlockHessian", "GroupedFunction"},
    "geh/views/differences": {"DifferencedFunction"},
    "geh/views/side_by_side": {"SideBySide"},
    "posteriors/family": {"PerturbedPosterior"},
    "posteriors/mean_field": {"MeanFieldPosterior"},
}


def top_names(module):
    """Functions, classes and constants of a file that look public."""
    found = set()
    for node in ast.parse(text_of(module)).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            parts = [name for target in targets for name in ast.walk(target)]
            found |= {part.id for part in parts if isinstance(part, ast.Name)}
    return {name for name in found if not name.startswith("_")}


def test_privates_are_marked():
    """By "_" before the name or before the file's, where no other room uses a name."""
    doors = [text_of(module) for module in MODULES if module.endswith("__init__.py")]
    used = {
        name
        for door in doors
        for name in imported_names(door)
        if f'"{name.split(".")[-1]}"' in door  # in its __all__
    } | {
        name
        for module in MODULES
        for name in imported_names(text_of(module))
        if name.split(".")[1] != room(module)
    }
    unmarked = {}
    for module in MODULES:
        path = module.removesuffix(".py")
        if path.split("/")[-1].startswith("_"):
            continue
        dotted = "skgeh." + path.replace("/", ".")
        left = {name for name in top_names(module) if f"{dotted}.{name}" not in used}
        if left - OPEN.get(path, set()):
            unmarked[module] = left - OPEN.get(path, set())
        assert not OPEN.get(path, set()) - left, f"{path} is used elsewhere: take it from OPEN"
    assert not unmarked


@pytest.mark.parametrize("module", MODULES)
def test_no_room_reaches_for_privates_of_another(module):
    names = imported_names(text_of(module), package_of(module))
    others = [name.split(".") for name in names if name.split(".")[1] != room(module)]
    assert not [part for part in others if any(one.startswith("_") for one in part)]


def private_attributes(module, *, own):
    """Attributes with one leading "_" that a file sets or defines, or reads from other objects."""
    found = set()
    for node in ast.walk(ast.parse(text_of(module))):
        if isinstance(node, ast.FunctionDef) and own:
            found.add(node.name)
        elif isinstance(node, ast.Attribute):
            mine = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            if mine is own:
                found.add(node.attr)
    return {name for name in found if name.startswith("_") and not name.startswith("__")}


def test_no_room_reads_private_attributes_of_objects_of_another():
    owners = {}
    for module in MODULES:
        for name in private_attributes(module, own=True):
            owners.setdefault(name, set()).add(room(module))
    reached = {
        (module, name)
        for module in MODULES
        for name in private_attributes(module, own=False)
        if name in owners and room(module) not in owners[name]
    }
    assert not reached


def test_no_function_hides_its_name():
    for module in MODULES:
        functions = [n for n in ast.walk(ast.parse(text_of(module))) if hasattr(n, "returns")]
        assert "_" not in {function.name for function in functions}, module


def test_no_drawer_for_odds_and_ends():
    assert "utils" not in {Path(module).stem for module in MODULES}


@pytest.mark.parametrize("heavy", ["torch", "skorch", "matplotlib", "sklearn", "pandas"])
def test_the_door_opens_without_the_heavy_libraries(heavy):
    code = f"import sys, skgeh; dir(skgeh); sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


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
