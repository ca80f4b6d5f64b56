"""Formulas as MathML, made when the pages are built: they need no script or network."""

from __future__ import annotations

from html import escape
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.util.math import get_node_equation_number


def to_mathml(latex: str, display: str) -> str:
    """Return a formula of LaTeX as MathML, with its source as what is copied."""
    # Environments of amsmath whose lines this converter knows by another name.
    for name in ("align*", "align", "gather*", "gather", "split"):
        latex = latex.replace(f"{{{name}}}", "{aligned}")
    if "\\\\" in latex and "\\begin" not in latex:  # lines of a block of their own
        latex = rf"\begin{{aligned}}{latex}\end{{aligned}}"
    made: str = convert(latex, display=display)
    return made.replace("<math ", f'<math aria-label="{escape(latex)}" ', 1)


def visit_math(translator: Any, node: nodes.math) -> None:
    """Write a formula in a line of text."""
    translator.body.append(to_mathml(node.astext(), "inline"))
    raise nodes.SkipNode


def visit_math_block(translator: Any, node: nodes.math_block) -> None:
    """Write a formula in lines of its own, with its number if it has one."""
    translator.body.append(translator.starttag(node, "div", CLASS="math-block"))
    translator.body.append(to_mathml(node.astext(), "block"))
    if node["number"]:
        number = get_node_equation_number(translator, node)
        translator.body.append(f'<span class="eqno">({number})</span>')
        translator.add_permalink_ref(node, "Link to this equation")
    translator.body.append("</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the renderer, which `html_math_renderer` names."""
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
