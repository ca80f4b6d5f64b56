"""Sphinx configuration: MyST pages, numpydoc docstrings, no network at build time."""

import sys
from pathlib import Path

from sklearn_dcn import __version__

sys.path.append(str(Path(__file__).parent / "_extensions"))

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
    "mathml",
    "parameter_groups",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
smartquotes = False  # options are shown as they are typed
exclude_patterns = ["results/*.md", "_build"]
templates_path = ["_templates"]
default_role = "literal"  # `name` in a docstring

myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

extlinks = {"arxiv": ("https://arxiv.org/abs/%s", "arXiv:%s")}

autosummary_generate = True
autodoc_typehints = "none"  # the docstrings give the types
autodoc_member_order = "bysource"
numpydoc_show_class_members = False

# Every example plot_*.py is run when the pages are built, in this order.
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"/plot_",
    "ignore_pattern": r"^(?!plot_)",
    "within_subsection_order": "gallery_order.by_place",
    "doc_module": "sklearn_dcn",
    "backreferences_dir": "generated/examples",
    "default_thumb_file": str(Path(__file__).parent / "_static" / "thumbnail.png"),
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_signature": False,
    "copyfile_regex": "",
}
suppress_warnings = ["config.cache"]  # of the gallery's classes

html_math_renderer = "mathml"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_theme = "furo"
html_title = f"sklearn-dcn {version}"
html_show_sphinx = False
