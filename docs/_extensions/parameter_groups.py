"""The directive `parameter-groups`: every parameter of the estimators, by group."""

from __future__ import annotations

import re
from functools import cache
from inspect import Parameter, signature
from typing import Any

from docutils import nodes
from numpydoc.docscrape import NumpyDocString
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from sklearn_dcn import DCNClassifier, DCNMultiTask, DCNRanker, DCNRegressor
from sklearn_dcn._estimator.groups import GROUPS

# The first that has a parameter describes it.
CLASSES = (DCNClassifier, DCNRegressor, DCNRanker, DCNMultiTask)


@cache
def described() -> dict[str, tuple[type, str, str]]:
    """Return for each parameter its class, type, and the first sentence about it."""
    found: dict[str, tuple[type, str, str]] = {}
    for cls in CLASSES:
        for entry in NumpyDocString(cls.__doc__ or "")["Parameters"]:
            text = " ".join(" ".join(entry.desc).split())
            text = re.sub(r"\s*\[\d+\]_", "", text)  # references of the class's page
            sentence = re.split(r"(?<!e\.g\.)(?<=[.;])\s", text)[0].rstrip(";.") + "."
            for name in entry.name.split(", "):
                found.setdefault(name, (cls, entry.type, sentence))
    return found


class ParameterGroups(SphinxDirective):
    """A table of the parameters of one group."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        texts, names = described(), GROUPS[self.arguments[0]]
        lines = [".. list-table::", "   :header-rows: 1", "   :widths: 24 18 58", ""]
        lines += ["   * - parameter", "     - default", "     - what"]
        for name in names:
            cls, _, sentence = texts[name]
            default = signature(cls).parameters[name].default
            shown = "required" if default is Parameter.empty else f"``{default!r}``"
            classes = [c.__name__ for c in CLASSES if name in signature(c).parameters]
            only = "" if len(classes) == len(CLASSES) else f" ({', '.join(classes)})"
            lines += [
                f"   * - :class:`{name} <sklearn_dcn.{cls.__name__}>`",
                f"     - {shown}",
                f"     - {sentence}{only}",
            ]
        return self.parse_text_to_nodes("\n".join(lines))


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the directive."""
    app.add_directive("parameter-groups", ParameterGroups)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
