"""Pages are short, are reached, and their formulas have MathML."""

import ast
import importlib.util
import re

import pytest

from tests.docs.pages import DOCS, ROOT

PAGES = [
    page
    for page in sorted(DOCS.rglob("*.rst"))
    if not {"_build", "_templates", "auto_gallery", "gallery", "generated"} & set(page.parts)
    and page.name != "sg_execution_times.rst"  # made by the gallery
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_a_page_is_short(page):
    assert len(page.read_text(encoding="utf-8").splitlines()) <= 200


def test_every_page_stands_in_a_table_of_contents():
    contents = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    for page in PAGES:
        if page.name != "index.rst" or page.parent != DOCS:
            names = {page.relative_to(DOCS).with_suffix("").as_posix(), page.stem}
            assert any(re.search(rf"^   /?{name}$", contents, re.MULTILINE) for name in names), page


def test_every_formula_has_mathml():
    pytest.importorskip("latex2mathml", reason="of the extra `docs`")
    pytest.importorskip("sphinx", reason="of the extra `docs`")
    spec = importlib.util.spec_from_file_location("mathml", DOCS / "extensions/mathml.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    formulas = re.findall(r":math:`([^`]*)`", text)
    assert len(formulas) > 50
    for formula in formulas:
        element = module.mathml(formula, "inline")
        assert element.startswith("<math")
        assert "\\" not in element


def _said():
    """All texts in the package, one a line, with a blank for what is filled in."""
    for path in (ROOT / "skgeh").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                yield "".join(
                    part.value if isinstance(part, ast.Constant) else " " for part in node.values
                )
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def test_warnings_of_the_guide_are_those_of_the_package():
    said = "\n".join(_said())
    guide = (DOCS / "guide/frames.rst").read_text(encoding="utf-8")
    warnings = re.findall(r"\*([^*`\n]{8,}?)\*", guide.split("Warned of, by name")[1])
    assert len(warnings) > 10
    parts = [part for warning in warnings for part in warning.split(" ...")]
    assert not [part for part in parts if part not in said]
