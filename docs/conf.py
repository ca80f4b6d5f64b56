"""Sphinx configuration: MyST pages, numpydoc docstrings, no network at build time."""

from sklearn_dcn import __version__

project = "sklearn-dcn"
author = "the sklearn-dcn developers"
copyright = "2026, the sklearn-dcn developers"
version = release = __version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.extlinks",
    "sphinx.ext.mathjax",
]
smartquotes = False  # options are shown as they are typed
exclude_patterns = ["results/*.md", "_build"]
templates_path = ["_templates"]
default_role = "literal"  # `name` in a docstring

myst_enable_extensions = ["amsmath", "dollarmath"]
myst_heading_anchors = 3

extlinks = {"arxiv": ("https://arxiv.org/abs/%s", "arXiv:%s")}

autosummary_generate = True
autodoc_typehints = "none"  # the docstrings give the types
autodoc_member_order = "bysource"
numpydoc_show_class_members = False

html_theme = "furo"
html_title = f"sklearn-dcn {version}"
html_show_sphinx = False
