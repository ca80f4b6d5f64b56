"""The summary of a fitted estimator, in text and in a notebook's HTML."""

import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import estimator_html_repr

from sklearn_dcn import DCNClassifier
from sklearn_dcn._analysis.layers import get_layers

EVIL = "<script>alert(1)</script>"


class Page(HTMLParser):
    """Tags in a page, the text of its table cells, and of its folds' titles."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.cells, self.titles = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        """Keep the tag."""
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        """Keep the text, if it is of a cell or a title."""
        if self.tags[-1][0] == "td":
            self.cells.append(data)
        elif self.tags[-1][0] == "summary":
            self.titles.append(data)

    def count(self, name):
        """Return how often a tag occurs."""
        return sum(tag == name for tag, _ in self.tags)


@pytest.fixture
def fitted(mixed, tiny):
    """Return a fitted classifier with a validation loss."""
    X, y = mixed
    return DCNClassifier(**tiny).fit(X, y, X_val=X, y_val=y)


# The text -----------------------------------------------------------------------------


def test_summary_is_a_text(fitted):
    """It prints as it is, also where a session shows its value."""
    summary = fitted.summary()
    assert isinstance(summary, str)
    assert repr(summary) == str(summary)
    name, schema, network, training = summary.split("\n\n")
    assert name == "DCNClassifier"
    assert schema == repr(fitted.encoder_)
    size = sum(p.numel() for p in fitted.module_.parameters())
    width = fitted.module_.embedding.d_out
    title, header, *rows = network.splitlines()
    assert title == (f"Network: parallel, x_0 of width {width}, {size:,} parameters")
    assert header.split() == ["layer", "what", "input", "output", "parameters"]
    assert len(rows) == len(get_layers(fitted.module_))
    title, _, *rows = training.splitlines()
    assert title.startswith("Training: 2 epochs of 300 rows, ")
    last = fitted.history_[1]
    cells = rows[-1].split()
    assert cells[:3] == ["2", f"{last['train_loss']:.4g}", f"{last['valid_loss']:.4g}"]
    kept = [row.split()[0] for row in rows if row.endswith("kept")]
    assert kept == [str(fitted.best_epoch_)]


def test_summary_shows_three_epochs(mixed):
    """The first, the best and the last one; without validation rows a dash."""
    X, y = mixed
    model = DCNClassifier(max_epochs=7, hidden_layer_sizes=(8,), random_state=0)
    model.fit(X, y)
    *_, first, last = model.summary().splitlines()
    assert first.split()[0] == "1"
    assert last.split()[::2] == ["7", "-", "kept"]


def test_summary_needs_a_fit():
    """As all that is of a fitted estimator."""
    with pytest.raises(NotFittedError):
        DCNClassifier().summary()


# HTML ---------------------------------------------------------------------------------


def test_html_is_sklearns_with_the_rest_below(fitted):
    """Both ways to ask for it, and neither for other displays than diagrams."""
    details = fitted.summary()._repr_html_()
    for html in (fitted._repr_html_(), fitted._repr_mimebundle_()["text/html"]):
        assert html.endswith(details)
        assert "sk-top-container" in html
    page = Page(details)
    assert page.titles[:2] == ["Parameters by group, 3 set", "Table"]
    assert page.titles[2].startswith("Network: parallel")
    assert page.titles[3].startswith("Training: 2 epochs")
    assert page.count("details") == 4
    assert page.count("svg") == 1
    assert fitted._repr_mimebundle_()["text/plain"] == repr(fitted)
    with sklearn.config_context(display="text"):
        assert [*fitted._repr_mimebundle_()] == ["text/plain"]
        assert not hasattr(fitted, "_repr_html_")


def test_html_before_a_fit_is_sklearns():
    """There is nothing to add."""
    html = DCNClassifier()._repr_html_()
    number = re.compile(r"sk-(container|estimator)-id-\d+")
    expected = estimator_html_repr(DCNClassifier())
    assert number.sub("", html) == number.sub("", expected)


def test_html_escapes_names(tiny):
    """A column whose name is a script runs nothing."""
    X = pd.DataFrame({EVIL: ["a", EVIL] * 20, "<b>": np.arange(40.0)})
    model = DCNClassifier(**tiny).fit(X, [EVIL, "b"] * 20)
    html = model._repr_html_()
    assert EVIL not in html
    page = Page(model.summary()._repr_html_())
    assert EVIL in page.cells
    assert page.count("script") == page.count("b") == 0


def test_html_is_self_contained(fitted):
    """Nothing is fetched: no link, picture or script; names are in its own style."""
    html = fitted.summary()._repr_html_()
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|url\(|@import", html)
    page = Page(html)
    assert not {tag for tag, _ in page.tags} & {"script", "img", "link", "iframe"}
    for style in re.findall(r"<style>(.*?)</style>", html, re.DOTALL):
        for selector in re.findall(r"([^{}]+)\{", style):
            assert selector.strip().startswith(".sklearn-dcn-")


def test_html_of_containers(fitted, mixed):
    """A pipeline and a search show the estimator in them as before."""
    X, y = mixed
    pipeline = make_pipeline(FunctionTransformer(), fitted)
    search = GridSearchCV(fitted, {"cross": ["vector"]}, cv=2).fit(X, y)
    for container in (pipeline, search):
        html = container._repr_html_()
        assert "DCNClassifier" in html
        assert "sklearn-dcn-summary" not in html


def test_html_of_a_sparse_matrix(tiny):
    """Its columns are one field of many ids."""
    X = sparse.random(60, 9, density=0.4, format="csr", random_state=0)
    model = DCNClassifier(**tiny).fit(X, np.arange(60) % 2)
    assert get_layers(model.module_)[0].name == "embedding of lists"
    assert any("sparse block" in cell for cell in Page(model._repr_html_()).cells)
    assert "sparse block" in model.summary()


def test_html_without_a_history(fitted):
    """Nothing is said of a training that is not known."""
    del fitted.history_
    assert "Training" not in fitted.summary()
    assert Page(fitted._repr_html_()).count("svg") == 0
