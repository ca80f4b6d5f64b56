"""The displays: what their artists show, and that it can be read."""

import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from helpers.tables import make_mixed
from numpy.testing import assert_allclose

from sklearn_dcn import DCNClassifier
from sklearn_dcn.inspection import (
    EmbeddingDisplay,
    ExplanationDisplay,
    InteractionDisplay,
    TrainingCurveDisplay,
    explain,
    interaction_strengths,
)

pyplot = pytest.importorskip("matplotlib.pyplot")

LONG = [
    f"{kind}{i} with a rather long name, of field {i}"
    for kind in "CI"
    for i in range(20)
]
LONG = LONG[:39]


@pytest.fixture(autouse=True)
def agg():
    """Draw to memory, and forget every figure."""
    pyplot.switch_backend("Agg")
    yield
    pyplot.close("all")


def make_strengths(names, seed=0, diagonal=np.nan):
    """Return a symmetric table of random strengths."""
    s = np.random.default_rng(seed).gamma(0.5, 0.1, (len(names), len(names)))
    s = s + s.T
    np.fill_diagonal(s, diagonal)
    return pd.DataFrame(s, names, names)


def make_explanation(n_columns=4, n_rows=2, exact=False):
    """Return an explanation of random effects."""
    rng = np.random.default_rng(0)
    names = [f"c{i}" for i in range(n_columns)]
    pairs = pd.MultiIndex.from_tuples(
        [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    )
    features = pd.DataFrame(rng.normal(size=(n_rows, n_columns)), columns=names)
    of_pairs = pd.DataFrame(rng.normal(size=(n_rows, len(pairs))), columns=pairs)
    values = pd.DataFrame(rng.normal(size=(n_rows, n_columns)), columns=names)
    return SimpleNamespace(
        baseline=-1.5,
        logit=-1.5 + features.sum(axis=1).to_numpy() + of_pairs.sum(axis=1).to_numpy(),
        features=features,
        pairs=of_pairs,
        features_error=0.0 * features,
        pairs_error=(0.0 if exact else 0.1) * of_pairs.abs(),
        exact=exact,
        values=values.astype(object),
    )


def texts_outside(figure):
    """Return the texts of a figure that are not wholly in the picture."""
    figure.canvas.draw()
    outside = []
    for text in figure.findobj(pyplot.Text):
        if not text.get_visible() or not text.get_text() or text.axes is None:
            continue
        box = text.get_window_extent()
        if figure.bbox.padded(0.5).count_contains(box.corners()) < 4:
            outside.append(text.get_text())
    return outside


def draw_all():
    """Return one display of each kind, of what is hard to place."""
    levels = [f"a level with a long name {i}" for i in range(40)]
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(40, 3)), levels, ["dim_0", "dim_1", "dim_2"])
    history = [
        {"train_loss": 1 / k, "valid_loss": 0.5 + 1 / k, "lr": 0.1 / k}
        for k in range(1, 9)
    ]
    return {
        "heatmap": InteractionDisplay(make_strengths(LONG)).plot(),
        "bar": InteractionDisplay(make_strengths(LONG)).plot(kind="bar"),
        "explanation": ExplanationDisplay(make_explanation(9)).plot(),
        "embedding": EmbeddingDisplay(table.assign(count=rng.gamma(1, 9, 40))).plot(),
        "training": TrainingCurveDisplay(history, 5).plot(),
    }


def test_no_label_is_clipped():
    """All texts are in the picture, with 39 columns of long names."""
    for name, display in draw_all().items():
        assert texts_outside(display.figure_) == [], name


def test_displays_draw_on_given_axes():
    """No other figure is made, and the axes are those of the display."""
    _, axes = pyplot.subplots(2, 2)
    strengths = make_strengths(list("abc"))
    displays = [
        InteractionDisplay(strengths).plot(axes[0, 0]),
        InteractionDisplay(strengths).plot(axes[0, 1], kind="bar"),
        ExplanationDisplay(make_explanation()).plot(axes[1, 0]),
        TrainingCurveDisplay([{"train_loss": 1.0}], 1).plot(axes[1, 1]),
    ]
    for display, ax in zip(displays, axes.flat, strict=True):
        assert display.ax_ is ax
        assert display.figure_ is ax.figure
    assert len(pyplot.get_fignums()) == 1


# Interactions -------------------------------------------------------------------------


def test_heatmap_shows_the_strengths_in_order():
    """Cells, ticks and annotations are those of the reordered table."""
    names = ["weak", "middle", "strong", "strongest"]
    s = pd.DataFrame(0.0, names, names)
    s.loc["strong", "strongest"] = s.loc["strongest", "strong"] = 0.5
    s.loc["middle", "strongest"] = s.loc["strongest", "middle"] = 0.234
    s.loc["weak", "middle"] = s.loc["middle", "weak"] = 0.004
    display = InteractionDisplay(s).plot()
    order = ["strongest", "strong", "middle", "weak"]
    assert display.order_ == order
    assert [t.get_text() for t in display.ax_.get_xticklabels()] == order
    assert [t.get_text() for t in display.ax_.get_yticklabels()] == order
    shown = display.im_.get_array().reshape(4, 4)
    expected = s.loc[order, order].to_numpy()
    assert np.diag(shown.mask).all()
    off = ~np.eye(4, dtype=bool)
    assert_allclose(np.asarray(shown)[off], expected[off])
    assert display.im_.get_cmap().name == "cividis"
    texts = {(t.get_position()): t.get_text() for t in display.ax_.texts}
    # Two digits of the largest; 0.004 is none of them.
    assert texts == {
        (1.5, 0.5): ".50",
        (0.5, 1.5): ".50",
        (2.5, 0.5): ".23",
        (0.5, 2.5): ".23",
    }
    assert display.ax_.get_ylim() == (4, 0)  # the first row on top


def test_heatmap_of_the_strongest_columns():
    """`top` keeps the columns with the largest sums; strengths stay as they are."""
    strengths = make_strengths(LONG)
    before = strengths.copy()
    display = InteractionDisplay(strengths).plot(top=5)
    sums = strengths.sum().sort_values(ascending=False)
    assert display.order_ == sums.index[:5].tolist()
    assert len(display.im_.get_array().ravel()) == 25
    pd.testing.assert_frame_equal(strengths, before)


def test_heatmap_keeps_a_diagonal_that_says_something():
    """As the norms of a column's own block; the order does not depend on it."""
    strengths = make_strengths(list("abc"), diagonal=9.0)
    display = InteractionDisplay(strengths).plot()
    assert not np.ma.getmaskarray(display.im_.get_array()).any()
    plain = InteractionDisplay(make_strengths(list("abc"))).plot()
    assert display.order_ == plain.order_


@pytest.mark.parametrize("top", [None, 3, 1000])
def test_bars_are_the_strongest_pairs(top):
    """Each pair once, the strongest on top."""
    strengths = make_strengths(LONG[:8])
    display = InteractionDisplay(strengths).plot(kind="bar", top=top)
    pairs = [(a, b) for i, a in enumerate(LONG[:8]) for b in LONG[i + 1 : 8]]
    pairs.sort(key=lambda pair: -strengths.loc[pair])
    pairs = pairs[: 20 if top is None else top]
    assert display.pairs_ == pairs
    widths = [bar.get_width() for bar in display.bars_]
    assert_allclose(widths, [strengths.loc[pair] for pair in pairs])
    assert display.ax_.yaxis_inverted()
    assert len(display.ax_.get_yticklabels()) == len(pairs)


def test_interactions_of_zero_are_drawn():
    """A network of one column, or without crosses, is no error."""
    for names in (["a"], ["a", "b"]):
        zero = pd.DataFrame(0.0, names, names)
        assert not InteractionDisplay(zero).plot().ax_.texts
        bars = InteractionDisplay(zero).plot(kind="bar").bars_
        assert len(bars) == len(names) - 1


def test_names_are_shortened_and_no_mathematics():
    """Names differ where their ends do; dollars and line breaks are harmless."""
    names = ["price in $, not in $", "two\nlines", "x" * 50 + "1", "x" * 50 + "2"]
    display = InteractionDisplay(make_strengths(names)).plot()
    display.figure_.canvas.draw()
    labels = {t.get_text() for t in display.ax_.get_xticklabels()}
    assert {r"price in \$, not in \$", "two lines"} <= labels
    assert {f"{'x' * 16}…{'x' * 14}1", f"{'x' * 16}…{'x' * 14}2"} <= labels


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "pie"}, "kind must be"),
        ({"top": 0}, "top must be an integer of at least 1"),
    ],
)
def test_interaction_options_are_checked(options, message):
    """The error names the option and the rule."""
    with pytest.raises(ValueError, match=message):
        InteractionDisplay(make_strengths(["a", "b"])).plot(**options)


# A row --------------------------------------------------------------------------------


@pytest.mark.parametrize("max_display", [1, 4, 100])
def test_waterfall_adds_up(max_display):
    """From the baseline, the lowest bar's start, to the logit, the top one's end."""
    e = make_explanation()
    display = ExplanationDisplay(e, row=1).plot(max_display=max_display)
    starts = np.array([bar.get_x() for bar in display.bars_])
    widths = np.array([bar.get_width() for bar in display.bars_])
    assert len(widths) == min(max_display, 4 + 6)
    assert_allclose(starts[-1], e.baseline)
    assert_allclose(starts[0] + widths[0], e.logit[1])
    assert_allclose(starts[:-1], (starts + widths)[1:])  # each begins where one ends
    assert_allclose(list(display.effects_.values()), widths)
    largest = widths if max_display == 100 else widths[:-1]
    assert (np.diff(np.abs(largest)) <= 0).all()
    rest = [label for label in display.effects_ if label.endswith(" more")]
    assert rest == ([] if max_display == 100 else [f"{11 - max_display} more"])


def test_waterfall_labels():
    """Cells are in the labels of columns; a pair has both names."""
    e = make_explanation(3, exact=True)
    e.values.iloc[0] = [1234.5678, "a level", None]
    display = ExplanationDisplay(e).plot()
    assert set(display.effects_) == {
        *("c0 = 1235", "c1 = a level", "c2 = None"),
        *("c0 × c1", "c0 × c2", "c1 × c2"),
    }
    labels = [t.get_text() for t in display.ax_.get_yticklabels()]
    assert labels == list(display.effects_)
    for label, name in (("c1 = a level", "c1"), ("c0 × c2", ("c0", "c2"))):
        frame = e.features if isinstance(name, str) else e.pairs
        assert display.effects_[label] == frame[name].iloc[0]
    assert "baseline -1.5" in display.ax_.get_xlabel()


def test_waterfall_colours_and_errors():
    """The sign is in the colour; standard errors are as long as they are."""
    e = make_explanation(3)
    display = ExplanationDisplay(e).plot()
    raises = [bar.get_width() > 0 for bar in display.bars_]
    colours = [bar.get_facecolor() for bar in display.bars_]
    assert len({c for c, up in zip(colours, raises, strict=True) if up}) == 1
    assert len(set(colours)) == 2
    (bars,) = display.ax_.collections
    lengths = {round(float(np.ptp(s[:, 0])), 9) for s in bars.get_segments()}
    assert lengths == {
        0.0,
        *(round(2 * float(x), 9) for x in e.pairs_error.iloc[0]),
    }


# Embeddings ---------------------------------------------------------------------------


def test_map_is_the_principal_components():
    """The oracle: eigenvectors of the covariance, weighted by count."""
    rng = np.random.default_rng(0)
    E, c = rng.normal(size=(30, 5)) * [3, 1, 1, 1, 0.1], rng.gamma(0.5, 10, 30)
    columns = [f"dim_{k}" for k in range(5)]
    table = pd.DataFrame(E, [f"v{i}" for i in range(30)], columns).assign(count=c)
    display = EmbeddingDisplay(table).plot()
    values, vectors = np.linalg.eigh(np.cov(E.T, aweights=c, ddof=0))
    centred = E - np.average(E, axis=0, weights=c)
    for k in range(2):
        expected = centred @ vectors[:, -1 - k]
        sign = np.sign(expected @ display.coordinates_[:, k])
        assert_allclose(display.coordinates_[:, k], sign * expected, atol=1e-9)
    shares = values[::-1][:2] / values.sum()
    assert_allclose(display.explained_variance_ratio_, shares)
    assert f"({100 * shares[0]:.0f} % of" in display.ax_.get_xlabel()
    assert_allclose(display.scatter_.get_offsets(), display.coordinates_)
    areas = display.scatter_.get_sizes()
    assert_allclose(np.diff(areas) / np.diff(c), 400 / c.max())


def test_labels_do_not_overlap():
    """Of a crowd only as many as fit are labelled, the most frequent one for sure."""
    rng = np.random.default_rng(0)
    names = [f"a level {i}" for i in range(100)]
    table = pd.DataFrame(rng.normal(size=(100, 2)), names, ["dim_0", "dim_1"])
    table["count"] = rng.gamma(0.3, 100, 100)
    display = EmbeddingDisplay(table).plot(max_labels=200)
    assert 20 < len(display.labels_) < 100
    assert table["count"].idxmax() in display.labels_
    boxes = [label.get_window_extent() for label in display.labels_.values()]
    assert sum(box.count_overlaps(boxes) for box in boxes) == len(boxes)  # with itself
    shown = {t.get_text() for t in display.ax_.texts}
    assert shown == set(display.labels_)


def test_labels_are_those_of_the_frequent():
    """`max_labels` counts from the most frequent level."""
    table = pd.DataFrame(
        {"dim_0": [0.0, 5.0, 9.0], "dim_1": [0.0, 1.0, 0.0], "count": [1.0, 9.0, 4.0]},
        index=["a", "b", "⟨unknown⟩"],
    )
    display = EmbeddingDisplay(table).plot(max_labels=2)
    assert list(display.labels_) == ["b", "⟨unknown⟩"]
    colours = display.scatter_.get_facecolors()
    assert (colours[0] == colours[1]).all()
    assert (colours[1] != colours[2]).any()


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (5, 1)])
def test_map_of_few_levels_or_dimensions(shape):
    """A direction that is not there is 0."""
    columns = [f"dim_{k}" for k in range(shape[1])]
    table = pd.DataFrame(
        np.arange(np.prod(shape)).reshape(shape) ** 2.0, columns=columns
    )
    display = EmbeddingDisplay(table.assign(count=0.0)).plot()
    assert display.coordinates_.shape == (shape[0], 2)
    assert_allclose(display.coordinates_[:, 1], 0.0, atol=1e-12)
    assert np.isfinite(display.explained_variance_ratio_).all()


# Training -----------------------------------------------------------------------------


def test_training_curve_of_an_estimator(mixed, tiny):
    """Lines have the history's numbers, and the kept epoch is marked."""
    X, y = mixed
    model = DCNClassifier(**tiny).set_params(max_epochs=4)
    model.fit(X, y, X_val=X, y_val=y)
    display = TrainingCurveDisplay.from_estimator(model)
    for key in ("train_loss", "valid_loss", "lr"):
        epochs, values = display.lines_[key].get_data()
        assert list(epochs) == [1, 2, 3, 4]
        assert list(values) == [epoch[key] for epoch in model.history_]
    assert display.lines_["lr"].axes is display.ax_rate_
    names = [t.get_text() for t in display.ax_.get_legend().get_texts()]
    best = model.best_epoch_
    assert names == ["training", "validation", f"epoch {best}, kept", "learning rate"]
    (mark,) = [line for line in display.ax_.lines if line.get_linestyle() == "--"]
    assert set(mark.get_xdata()) == {best}


def test_training_curve_without_validation_or_rate():
    """What is not known, or not wanted, has no line."""
    history = [{"train_loss": 1.0, "lr": 0.1}, {"train_loss": 0.5, "lr": 0.1}]
    display = TrainingCurveDisplay(history, 2).plot(learning_rate=False)
    assert list(display.lines_) == ["train_loss"]
    assert display.ax_rate_ is None
    assert len(display.figure_.axes) == 1


# With real numbers --------------------------------------------------------------------


@pytest.fixture(scope="module")
def model():
    """Return an estimator that has learned a cross."""
    X, y = make_mixed(600)
    return DCNClassifier(
        hidden_layer_sizes=(8,), max_epochs=3, memorized_crosses=None, random_state=0
    ).fit(X, y)


@pytest.mark.parametrize("kind", ["heatmap", "bar"])
def test_interactions_of_an_estimator(model, kind):
    """They are those of `interaction_strengths`."""
    X, _ = make_mixed(200, seed=1)
    options = {"n_samples": 50, "random_state": 3, "part": "cross"}
    display = InteractionDisplay.from_estimator(model, X, kind=kind, **options)
    strengths = interaction_strengths(model, X, **options)
    pd.testing.assert_frame_equal(display.strengths, strengths)
    assert hasattr(display, "order_") == (kind == "heatmap")
    weights = InteractionDisplay.from_estimator(model, method="weight", layer=1)
    assert not np.ma.getmaskarray(weights.im_.get_array()).any()
    with pytest.raises(ValueError, match="kind must be"):
        InteractionDisplay.from_estimator(model, X, kind="pie")


def test_explanation_of_an_estimator(model):
    """It is that of `explain`, for the row at the position."""
    X, _ = make_mixed(20, seed=1)
    options = {"n_permutations": 2, "random_state": 0, "background": X}
    display = ExplanationDisplay.from_estimator(model, X, 7, **options)
    one = explain(model, X.iloc[[7]], **options)
    assert_allclose(display.explanation.features, one.features)
    logit = model.decision_function(X)[7]
    assert_allclose(
        display.bars_[0].get_x() + display.bars_[0].get_width(), logit, atol=1e-4
    )
    with pytest.raises(ValueError, match="row must be the position of one of the 20"):
        ExplanationDisplay.from_estimator(model, X, 20)


def test_embeddings_of_an_estimator(model):
    """Every level has a point, and the column is in the title."""
    display = EmbeddingDisplay.from_estimator(model, "city")
    assert {"Bern", "Oslo", "Rome", "Kyiv"} <= set(display.embeddings.index)
    assert len(display.coordinates_) == 6
    assert display.ax_.get_title() == "Embeddings of city"


def test_calibration_display_of_sklearn(model):
    """scikit-learn's own display takes the classifier."""
    from sklearn.calibration import CalibrationDisplay

    X, y = make_mixed(300, seed=1)
    display = CalibrationDisplay.from_estimator(
        model, X, y, n_bins=5, strategy="quantile"
    )
    assert_allclose(display.y_prob, model.predict_proba(X)[:, 1])
    assert len(display.prob_true) == 5


def test_displays_without_matplotlib(monkeypatch):
    """They say what to install when they draw."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    display = TrainingCurveDisplay([{"train_loss": 1.0}], 1)
    with pytest.raises(
        ImportError, match=r"^TrainingCurveDisplay\.plot needs matplotl"
    ):
        display.plot()
