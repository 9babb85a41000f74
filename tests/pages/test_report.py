import builtins
import re
import warnings
from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import polars as pl
import pyarrow as pa
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skgeh import BayesianInteractionRegressor, GEHSelector, report
from tests.pages.documents import Document
from tests.pages.models import HOSTILE, KINDS, fitted, page, table, written

SECTIONS = ["answer", "pairs", "columns", "fit", "against", "origin"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_structure_of_every_page(kind, folder):
    text = page(kind, folder)
    found = Document(text)
    assert text.lstrip().startswith("<!DOCTYPE html>")
    assert not found.unbalanced
    assert found.all("html")[0]["lang"] == "en"
    assert len(found.all("title")) == len(found.all("h1")) == len(found.all("main")) == 1
    levels = [int(one["tag"][1]) for one in found.all("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    ids = [one["id"] for one in found.elements if "id" in one]
    assert len(set(ids)) == len(ids)
    assert set(SECTIONS) <= set(ids)
    places = {one["href"].removeprefix("#") for one in found.all("a")}
    assert places <= set(ids)
    named = {one["aria-labelledby"] for one in found.elements if "aria-labelledby" in one}
    assert named <= set(ids)
    assert all(one["scope"] in ("col", "row") for one in found.all("th"))
    assert all(one["text"].strip() for one in found.all("h1", "h2", "h3", "a", "caption", "dt"))
    assert len(found.all("caption")) == len(found.all("table"))
    assert all("nan" not in one["text"].lower().split() for one in found.all("td", "dd", "li"))


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_comes_from_elsewhere(kind, folder):
    found = Document(page(kind, folder))
    assert not found.all("script", "iframe", "object", "embed", "base", "form")
    assert not [name for one in found.elements for name in one if name.startswith("on")]
    for one in found.elements:
        for name in ("src", "href", "srcset", "poster", "data"):
            assert one.get(name, "#").startswith(("#", "data:")), one
    style = " ".join(one["text"] for one in found.all("style"))
    assert "url(" not in style and "@import" not in style and "@font-face" not in style


@pytest.mark.parametrize("kind", KINDS)
def test_every_picture_says_its_numbers(kind, folder):
    pictures = Document(page(kind, folder)).all("img")
    assert len(pictures) >= (0 if kind == "few rows" else 2)
    for one in pictures:
        assert one["src"].startswith(("data:image/svg+xml;base64,", "data:image/png;base64,"))
        assert len(re.findall(r"\d", one["alt"])) > 3
        assert int(one["width"]) > 100 and int(one["height"]) > 100


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_are_short_and_no_p_value_is_zero(kind, folder):
    found = Document(page(kind, folder))
    cells = [one["text"] for one in found.all("td")]
    for number in re.findall(r"\d[\d,]*\.?\d*", " ".join(cells)):
        digits = number.replace(",", "").replace(".", "").strip("0")
        assert len(digits) <= 3 or "." not in number, number
    heads = [one["text"] for one in found.all("th") if one["scope"] == "col"]
    width = heads.index("Interacts" if kind != "selector" else "Chosen")
    rows = [cells[k : k + width] for k in range(0, len(cells), width)]
    p = [row[heads.index("p") - 1] for row in rows if row[-1] in ("yes", "no")]
    assert not [one for one in p if re.fullmatch(r"0\.?0*", one)]


def test_what_each_page_answers(folder):
    def answer(kind):
        return Document(page(kind, folder)).text

    assert "1 of 6 tested pairs interacts" in answer("product")
    assert "in their effect on price?" in answer("product")
    assert "None of the 6 tested pairs can be told from chance" in answer("nothing")
    assert re.search(r"effects above 0\.\d+ are ruled out", answer("nothing"))
    assert "the log-odds of well" in answer("two classes")
    assert "on each class" in answer("three classes")
    assert "the log of the mean of the target" in answer("counts")
    assert "on each target" in answer("targets")
    assert "1 of 6 tested pairs interacts" in answer("networks")
    assert "No pair was tested: 30 rows" in answer("few rows")
    assert "1 of 6 pairs was chosen by the test “score”" in answer("selector")
    assert "is a copy of a" in answer("copy") and "f is constant" in answer("copy")


def test_names_from_data_are_text(folder):
    text = page("hostile", folder)
    found = Document(text)
    assert not found.all("script", "b")
    heads = {one["text"] for one in found.all("th") if one["scope"] == "row"}
    assert set(HOSTILE) <= heads
    assert "<b>price</b>" in found.all("title")[0]["text"]
    assert "<script>" not in text and "49" not in found.all("h3")[0]["text"]
    classes = Document(page("two classes", folder))
    assert not classes.all("i") and "<i>ill</i>" in classes.text


def test_a_page_of_twelve_features_is_small(tmp_path):
    X, rng = table(300, [f"feature number {j}" for j in range(12)])
    x = X.to_numpy().T
    y = x[0] * x[1] + x[2] * x[3] + x[4] * x[5] + 0.3 * rng.normal(size=len(X))
    model = BayesianInteractionRegressor(posterior="gaussian_process").fit(X, y)
    path = report(model, X, y, path=tmp_path / "twelve.html")
    assert path.stat().st_size < 3_000_000
    found = Document(path.read_text(encoding="utf-8"))
    names = {one["text"] for one in found.all("th") if one["scope"] == "row"}
    assert len({name for name in names if " \u00d7 " in name}) == 66
    assert "The other" in found.all("summary")[0]["text"]


def test_the_path_comes_back_and_the_table_may_be_left_out(tmp_path):
    model, _, y = fitted("product")
    path = report(model, path=str(tmp_path / "short.html"), title="A & B")
    assert isinstance(path, Path) and path.exists()
    found = Document(path.read_text(encoding="utf-8"))
    assert found.all("h1")[0]["text"] == found.all("title")[0]["text"] == "A & B"
    assert "1 of 6 tested pairs interacts" in found.text
    again = report(model, y=y, path=path)
    assert "price" in again.read_text(encoding="utf-8")


def test_arrays_lists_and_weights(tmp_path):
    X, rng = table(120, "abc")
    y = X["a"] * X["b"] + rng.normal(size=len(X))
    weight = np_weights(len(X))
    model = BayesianInteractionRegressor(posterior="gaussian_process").fit(
        X.to_numpy(), y, sample_weight=weight
    )
    path = report(model, X.to_numpy().tolist(), y.tolist(), path=tmp_path / "array.html")
    found = Document(path.read_text(encoding="utf-8"))
    assert "10 rows of 120 are not in the answer" in found.text
    assert {"x0", "x1", "x2"} <= {one["text"] for one in found.all("th")}


def np_weights(n):
    return [0.0] * 10 + [1.0] * (n - 10)


def test_units_are_counted(tmp_path):
    X, rng = table(200, "abc")
    y = X["a"] * X["b"] + rng.normal(size=len(X))
    groups = [k // 4 for k in range(len(X))]
    model = BayesianInteractionRegressor(posterior="gaussian_process").fit(X, y, groups=groups)
    text = Document(report(model, X, y, path=tmp_path / "u.html").read_text("utf-8")).text
    assert "200 rows of 50 units" in text
    assert re.search(r"about [\d,]+ units", text)


def test_warnings_are_on_the_page_and_not_raised(tmp_path):
    X, rng = table(200, "abc")
    y = rng.normal(size=len(X))
    twice = [k // 2 for k in range(len(X))]
    model = BayesianInteractionRegressor(posterior="gaussian_process").fit(X.iloc[twice], y[twice])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        texts = [
            Document(report(model, X, y, path=tmp_path / "w.html").read_text("utf-8")).text
            for _ in range(2)  # the second page is not computed anew
        ]
    for text in texts:
        assert "100 of 200 rows are repeated" in text
        assert "Read this with caution" in text


def test_matplotlib_is_left_as_it_was(tmp_path):
    model, X, y = fitted("product")
    before, figures = dict(mpl.rcParams), plt.get_fignums()
    report(model, X, y, path=tmp_path / "one.html")
    assert dict(mpl.rcParams) == before
    assert plt.get_fignums() == figures


def test_the_users_style_does_not_reach_the_page(tmp_path):
    model, X, y = fitted("product")
    pages = []
    for style in ("default", "dark_background"):
        with plt.style.context(style):
            path = report(model, X, y, path=tmp_path / f"{style}.html")
        found = Document(path.read_text(encoding="utf-8"))
        pages.append([one["src"] for one in found.all("img")])
    assert pages[0] == pages[1]


def test_without_a_display_no_window_is_asked_for(tmp_path, monkeypatch):
    model, X, y = fitted("product")

    def asked(*_, **__):
        raise AssertionError("pyplot opens windows")

    for name in ("figure", "subplots", "switch_backend", "new_figure_manager", "show"):
        monkeypatch.setattr(plt, name, asked)
    assert report(model, X, y, path=tmp_path / "r.html").exists()


@pytest.mark.parametrize("missing", ["jinja2", "matplotlib"])
def test_a_missing_library_is_named_with_the_cure(missing, monkeypatch, tmp_path):
    model, X, y = fitted("product")
    known = builtins.__import__

    def without(name, *args, **kwargs):
        if name.split(".")[0] == missing:
            raise ImportError(name)
        return known(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"pip install 'skgeh\[report\]'"):
        report(model, X, y, path=tmp_path / "none.html")
    assert not (tmp_path / "none.html").exists()


def test_other_models_are_refused(tmp_path):
    X, _ = table(100, "abc")
    with pytest.raises(NotFittedError):
        report(BayesianInteractionRegressor(), X, path=tmp_path / "none.html")
    with pytest.raises(TypeError, match=r"needs a fitted .* got StandardScaler\.$"):
        report(StandardScaler(), X)
    with pytest.raises(TypeError, match=r"pass its last step, pipeline\[-1\]"):
        report(make_pipeline(StandardScaler(), BayesianInteractionRegressor()), X)


def test_a_folder_that_is_not_there_is_named_at_once(tmp_path):
    model, X, y = fitted("product")
    with pytest.raises(FileNotFoundError, match="folder of path does not exist"):
        report(model, X, y, path=tmp_path / "nowhere" / "r.html")


def test_columns_that_are_one_feature_have_no_surface(tmp_path):
    X, rng = table()
    y = X["a"] * X["c"] + 0.3 * rng.normal(size=len(X))
    groups = {"both": ["a", "b"], "c": ["c"], "d": ["d"]}
    model = BayesianInteractionRegressor(posterior="gaussian_process", feature_groups=groups)
    path = report(model.fit(X, y), X, y, path=tmp_path / "r.html")
    found = Document(path.read_text(encoding="utf-8"))
    assert len(found.all("img")) == 3  # heat map, forest, network
    assert "both \u00d7 c" in {one["text"] for one in found.all("h3")}


@pytest.mark.parametrize("of_kind", [pl.from_pandas, pa.Table.from_pandas])
def test_frames_of_other_libraries(of_kind, tmp_path):
    X, rng = table(150, "abc")
    y = X["a"] * X["b"] + 0.3 * rng.normal(size=len(X))
    model = BayesianInteractionRegressor(posterior="gaussian_process").fit(of_kind(X), y)
    found = Document(report(model, of_kind(X), y, path=tmp_path / "r.html").read_text("utf-8"))
    assert "1 of 3 tested pairs interacts" in found.text
    assert {"a", "b", "c"} <= {one["text"] for one in found.all("th")}


@pytest.mark.parametrize("test", [None, "interval"])
def test_a_selector_without_a_test(test, tmp_path):
    X, rng = table(150, "abc")
    y = X["a"] * X["b"] + 0.3 * rng.normal(size=len(X))
    ranking = BayesianInteractionRegressor(posterior="gaussian_process", random_state=0)
    selector = GEHSelector(ranking, test=test, max_pairs=1).fit(X, y)
    found = Document(report(selector, X, y, path=tmp_path / "r.html").read_text("utf-8"))
    assert "1 of 3 pairs was chosen" in found.text
    assert ("none was tested" if test is None else "controls no error rate") in found.text


def test_a_page_is_written_once_and_can_be_written_again(folder):
    assert written("product", folder).read_text(encoding="utf-8") == page("product", folder)
