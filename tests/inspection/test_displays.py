"""The pictures of interactions and of explanations show their numbers."""

import numpy as np
import pandas as pd
import pytest
from helpers.pictures import LONG, make_explanation, make_strengths
from helpers.tables import make_mixed
from numpy.testing import assert_allclose

from sklearn_dcn.inspection import (
    ExplanationDisplay,
    InteractionDisplay,
    explain,
    interaction_strengths,
)

pytestmark = pytest.mark.usefixtures("agg")


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


# With real numbers --------------------------------------------------------------------


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


def test_calibration_display_of_sklearn(model):
    """scikit-learn's own display takes the classifier."""
    from sklearn.calibration import CalibrationDisplay

    X, y = make_mixed(300, seed=1)
    display = CalibrationDisplay.from_estimator(
        model, X, y, n_bins=5, strategy="quantile"
    )
    assert_allclose(display.y_prob, model.predict_proba(X)[:, 1])
    assert len(display.prob_true) == 5
