"""The pictures of models that live with their data."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from helpers.options import BRIEF

from sklearn_dcn import DCNClassifier
from sklearn_dcn.inspection import (
    DriftDisplay,
    ProgressiveValidationDisplay,
    drift,
)

mpl.use("Agg")


def table(loss, **columns):
    index = pd.Index(["2024-01-01", "2024-01-02"], name="period")
    return pd.DataFrame({"log_loss": loss, **columns}, index=index)


def test_each_table_has_a_line():
    tables = {
        "learn": table([0.6, 0.5], unknown=[0.2, 0.1]),
        "refit": table([0.7, 0.4]),
    }
    display = ProgressiveValidationDisplay(tables).plot()
    assert set(display.lines_) == {"learn", "refit", "unknown"}
    assert display.lines_["refit"].get_ydata().tolist() == [0.7, 0.4]
    assert display.ax_.get_ylabel() == "log loss"
    assert display.ax_unknown_.get_ylim()[0] == 0
    labels = [label.get_text() for label in display.ax_.get_xticklabels()]
    assert labels == ["2024-01-01", "2024-01-02"]


def test_other_scores():
    one = ProgressiveValidationDisplay(table([0.6, 0.5], roc_auc=[0.7, 0.8]))
    display = one.plot(score="roc_auc")
    assert display.ax_.get_ylabel() == "roc auc" and display.ax_unknown_ is None
    with pytest.raises(ValueError, match="score must be a column"):
        one.plot(score="auc")
    rmse = pd.DataFrame({"rmse": [1.0], "unknown": [0.0]})
    assert "squared" in ProgressiveValidationDisplay(rmse).plot().ax_.get_ylabel()


def test_columns_that_have_shifted():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"x": rng.normal(size=300), "city": rng.choice(["a", "b"], 300)})
    model = DCNClassifier(**BRIEF).fit(X, rng.integers(0, 2, 300))
    later = X.assign(x=X["x"] + 2, city="c")
    display = DriftDisplay.from_estimator(model, later)
    report = drift(model, later)
    widths = [bar.get_width() for bar in display.bars_]
    np.testing.assert_allclose(widths, report.columns["psi"][::-1])
    names = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert names == list(report.columns.index[::-1])
    shares, columns = display.points_.get_data()
    assert dict(zip(columns, shares, strict=True))["city"] == 1.0
    assert len(DriftDisplay(report).plot(top=1).bars_) == 1
