"""Every example of the gallery runs without a warning, and asks a question."""

import ast
import runpy

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

from tests.docs.pages import DOCS, EXAMPLES

mpl.use("Agg")
OTHERS = [path for path in EXAMPLES if path.stem != "plot_01_bikes"]  # which test_readme.py runs
NEEDS = {"plot_08_beside_shap": "xgboost"}


@pytest.fixture(autouse=True)
def _where_the_gallery_is_built(monkeypatch):
    monkeypatch.chdir(DOCS / "gallery")
    yield
    plt.close("all")


# torch.func compiles a part of itself on first use by a function that torch itself has deprecated
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
@pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.stem)
def test_an_example_runs(path, capsys):
    if path.stem in NEEDS:
        pytest.importorskip(NEEDS[path.stem], reason="of the extra `docs`")
    before = set(path.parent.iterdir())
    runpy.run_path(str(path))
    for made in set(path.parent.iterdir()) - before:
        made.unlink()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_its_title_is_a_question(path):
    title = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))).splitlines()[0]
    assert title.endswith("?")
