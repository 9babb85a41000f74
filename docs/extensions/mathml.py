"""Formulas as MathML, written at build time: browsers show it without a script or a font."""

from docutils.nodes import SkipNode
from latex2mathml.converter import convert
from sphinx.errors import ExtensionError


def mathml(formula, display):
    """A formula in LaTeX as one MathML element."""
    try:
        return convert(formula.replace(r"\operatorname*", r"\operatorname"), display=display)
    except Exception as error:
        raise ExtensionError(f"This formula has no MathML: {formula}") from error


def inline(translator, node):
    translator.body.append(mathml(node.astext(), "inline"))
    raise SkipNode


def block(translator, node):
    element = mathml(node.astext(), "block")
    translator.body.append(f'<div class="formula">{element}</div>\n')
    raise SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
