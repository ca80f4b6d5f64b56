"""What all displays share: axes, names that fit, and no need of matplotlib before."""

import sys

import numpy as np
import pandas as pd
import pytest
from helpers.pictures import LONG, make_explanation, make_strengths

from sklearn_dcn.inspection import (
    EmbeddingDisplay,
    ExplanationDisplay,
    InteractionDisplay,
    TrainingCurveDisplay,
)

pytestmark = pytest.mark.usefixtures("agg")
pyplot = pytest.importorskip("matplotlib.pyplot")


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


def test_names_are_shortened_and_no_mathematics():
    """Names differ where their ends do; dollars and line breaks are harmless."""
    names = ["price in $, not in $", "two\nlines", "x" * 50 + "1", "x" * 50 + "2"]
    display = InteractionDisplay(make_strengths(names)).plot()
    display.figure_.canvas.draw()
    labels = {t.get_text() for t in display.ax_.get_xticklabels()}
    assert {r"price in \$, not in \$", "two lines"} <= labels
    assert {f"{'x' * 16}…{'x' * 14}1", f"{'x' * 16}…{'x' * 14}2"} <= labels


# With real numbers --------------------------------------------------------------------


def test_displays_without_matplotlib(monkeypatch):
    """They say what to install when they draw."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    display = TrainingCurveDisplay([{"train_loss": 1.0}], 1)
    with pytest.raises(
        ImportError, match=r"^TrainingCurveDisplay\.plot needs matplotl"
    ):
        display.plot()
