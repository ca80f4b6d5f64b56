"""The pages of the gallery: each has a place, and tells what was learned."""

import ast
import re
import runpy

import pytest
from helpers.paths import REPO

CONF = (REPO / "docs" / "conf.py").read_text(encoding="utf-8")
[IGNORED] = re.findall(r'"ignore_pattern": r"(.*)"', CONF)
PAGES = [
    page
    for page in sorted((REPO / "examples").glob("plot_*.py"))
    if not re.search(IGNORED, page.name)
]


def test_each_page_has_a_place():
    order = runpy.run_path(str(REPO / "docs" / "_extensions" / "gallery_order.py"))
    assert {page.stem for page in PAGES} <= set(order["PLACES"])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_each_page_is_a_story(page):
    """It ends with what was learned, and nothing is hidden in a main."""
    text = page.read_text(encoding="utf-8")
    title, line, _, *what = ast.get_docstring(ast.parse(text)).splitlines()
    assert line == "=" * len(title) and what
    *_, last = text.split("# %%\n")
    assert last.startswith("# What was learned\n# ----------------\n")
    assert 2 <= sum(line.startswith("# - ") for line in last.splitlines()) <= 5
    assert "__main__" not in text and "argparse" not in text
