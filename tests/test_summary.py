"""The summary of a fitted estimator, in text and in a notebook's HTML."""

import re
from html.parser import HTMLParser
from xml.etree import ElementTree

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

from sklearn_dcn import DCNClassifier, DCNRegressor
from sklearn_dcn._analysis.layers import get_layers
from sklearn_dcn._analysis.loss_curve import training_curve

EVIL = "<script>alert(1)</script>"
SVG = "{http://www.w3.org/2000/svg}"


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


# The network --------------------------------------------------------------------------


def test_layers_worked_by_hand():
    """A column of 2 levels, and one number: widths and counts on paper."""
    X = pd.DataFrame({"city": ["a", "b", "a", "b"], "price": [1.0, 2.0, 3.0, 4.0]})
    model = DCNClassifier(
        embedding_dim=3,
        numeric_embedding=None,
        n_cross_layers=1,
        hidden_layer_sizes=(5,),
        normalization="layer",
        max_epochs=1,
    ).fit(X, [0, 1, 0, 1])
    assert get_layers(model.module_) == [
        ("embedding of levels", "1 field, 4 ids", None, 3, 4 * 3),
        ("numbers", "1 field", None, 1, 0),
        ("cross 1", "matrix", 4, 4, 4 * 4 + 4),
        ("deep 1", "LayerNorm, relu", 4, 5, 4 * 5 + 5 + 2 * 5),
        ("head", "linear", 4 + 5, 1, 9 + 1),
    ]


def test_numbers_that_are_embedded_and_plain():
    """A curve of 2 bins, 8 wide, is 8 * (2 + 1) parameters; an indicator has none."""
    X = pd.DataFrame({"price": [1.0, 2.0, 3.0, np.nan]})
    model = DCNClassifier(numeric_embedding="piecewise_linear", max_epochs=1)
    layers = get_layers(model.fit(X, [0, 1, 0, 1]).module_)
    assert layers[:2] == [
        ("embedding of numbers", "1 field, piecewise_linear", None, 8, 8 * 3),
        ("numbers", "1 field", None, 1, 0),
    ]


@pytest.mark.parametrize("structure", ["parallel", "stacked", "cross", "deep"])
@pytest.mark.parametrize(
    "options",
    [
        {"cross": "mixture", "numeric_embedding": "periodic"},
        {"cross": "vector", "numeric_embedding": "piecewise_linear"},
        {"cross": "gated", "normalization": "batch", "numeric_levels": 9},
    ],
)
def test_layers_hold_all_parameters(structure, options, mixed, tiny):
    """Whatever the network is, each of its parameters is in one layer."""
    X, y = mixed
    X = X.assign(tags=[["a", "b"][: i % 3] for i in range(len(X))])
    model = DCNRegressor(**tiny, structure=structure, **options)
    module = model.fit(X, np.stack([y, -y], 1)).module_
    layers = get_layers(module)
    assert sum(layer.n_parameters for layer in layers) == sum(
        parameter.numel() for parameter in module.parameters()
    )
    columns = [layer.d_out for layer in layers if layer.d_in is None]
    assert sum(columns) == module.embedding.d_out
    assert [layer.name for layer in layers][:2] == [
        "embedding of levels",
        "embedding of lists",
    ]


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
    assert title.startswith("Training: 2 epochs, ")
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
    assert page.titles[0] == "Table"
    assert page.titles[1].startswith("Network: parallel")
    assert page.titles[2].startswith("Training: 2 epochs")
    assert page.count("details") == 3
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


# The curve ----------------------------------------------------------------------------


def draw(history, best):
    """Return the root of the picture, which is well-formed XML."""
    return ElementTree.fromstring(training_curve(history, best))


def points(line):
    """Return the points of a polyline, of shape (n, 2)."""
    return np.array([p.split(",") for p in line.get("points").split()], dtype=float)


def test_curve_shows_the_losses():
    """Points are linear in epoch and loss, the lowest loss at the bottom."""
    train, valid = [1.0, 0.5, 0.25, 0.2], [0.9, 0.6, 0.7, 0.8]
    history = [
        {"train_loss": a, "valid_loss": b} for a, b in zip(train, valid, strict=True)
    ]
    svg = draw(history, 2)
    lines = [points(line) for line in svg.iter(f"{SVG}polyline")]
    assert len(lines) == 2
    for line, losses in zip(lines, (train, valid), strict=True):
        np.testing.assert_allclose(np.diff(line[:, 0], n=2), 0, atol=0.2)
        slope, _ = np.polyfit(losses, line[:, 1], 1)
        assert slope < 0
        np.testing.assert_allclose(
            line[:, 1] - line[0, 1], slope * np.subtract(losses, losses[0]), atol=0.2
        )
    dashed = [path for path in svg.iter(f"{SVG}path") if path.get("stroke-dasharray")]
    assert dashed[0].get("d").startswith(f"M{lines[0][1, 0]:.1f} ")
    texts = [text.text for text in svg.iter(f"{SVG}text")]
    assert {"1", "0.2", "4", "epoch (2 is kept)"} <= set(texts)
    width, height = map(float, svg.get("viewBox").split()[2:])
    every = np.concatenate(lines)
    assert (every >= 0).all()
    assert (every <= [width, height]).all()


@pytest.mark.parametrize("n", [1, 2, 31, 500])
def test_curve_of_any_length(n):
    """One epoch is a point; of many epochs only the best is one."""
    history = [{"train_loss": 0.5} for _ in range(n)]
    svg = draw(history, n)
    assert len(list(svg.iter(f"{SVG}polyline"))) == 1
    assert len(list(svg.iter(f"{SVG}circle"))) == (n if n <= 30 else 1)
    assert np.isfinite(points(next(svg.iter(f"{SVG}polyline")))).all()
