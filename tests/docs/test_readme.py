"""The README says what the benchmarks and the first example say today."""

import importlib.util
import re
import textwrap

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.docs.pages import ROOT

mpl.use("Agg")


def _readme():
    spec = importlib.util.spec_from_file_location("docs_readme", ROOT / "docs/readme.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


readme = _readme()
TEXT = readme.README.read_text(encoding="utf-8")


def _numbers(text):
    return [float(number) for number in re.findall(r"\d+\.?\d*(?:e-\d+)?", text)]


def test_figures_are_those_of_the_benchmarks():
    assert readme.part(TEXT, "figures") == readme.figures(), "run: python docs/readme.py"


@pytest.mark.parametrize("picture", readme.PICTURES, ids=lambda path: path.name)
def test_a_picture_shows_the_answer_beside_it(picture):
    with Image.open(picture) as image:
        shown = image.text[readme.TITLE]
    stale = "run: python docs/readme.py --picture"
    assert readme.fenced(shown) == readme.part(TEXT, "answer"), stale
    assert picture.relative_to(ROOT).as_posix() in TEXT


def test_the_answer_is_that_of_the_example():
    """Up to what processors differ in: the same pairs, about the same numbers."""
    model = readme.example()["model"]
    stated, today = readme.part(TEXT, "answer"), readme.fenced(model.interactions_)
    stale = "run: python docs/readme.py --picture"
    assert re.sub(r"[\d.e-]+", "", stated) == re.sub(r"[\d.e-]+", "", today), stale
    assert np.allclose(_numbers(stated), _numbers(today), rtol=0.3, atol=1e-3), stale


def test_parts_between_marks_are_replaced():
    text = "a\n<!-- x -->\nold\n<!-- end of x -->\nb"
    assert readme.part(readme.replaced(text, "x", "new\nlines"), "x") == "new\nlines"
    assert readme.replaced(text, "x", "old") == text


def test_programs_of_the_readme_run(tmp_path, monkeypatch, capsys):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(120, 2)), columns=["age", "size"])
    X["sex"] = rng.choice(["f", "m"], 120)
    y = X["age"] * (X["sex"] == "f") + 0.1 * rng.normal(size=120)
    X.assign(price=y).to_csv(tmp_path / "houses.csv", index=False)
    monkeypatch.chdir(tmp_path)
    import skgeh

    names = {name: getattr(skgeh, name) for name in skgeh.__all__} | {"pd": pd, "X": X, "y": y}
    programs = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert len(programs) == 2
    for program in programs:
        exec(textwrap.dedent(program), dict(names))
    assert "age x sex" in capsys.readouterr().out
    assert (tmp_path / "report.html").is_file()
