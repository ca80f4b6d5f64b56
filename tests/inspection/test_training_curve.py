"""The picture of a training shows its history, and marks the kept epoch."""

import pytest

from sklearn_dcn import DCNClassifier
from sklearn_dcn.inspection import TrainingCurveDisplay

pytestmark = pytest.mark.usefixtures("agg")


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


def test_training_curve_with_a_score(mixed, tiny):
    """The score has an axis of its own, and the axis of the rate is beside it."""
    X, y = mixed
    model = DCNClassifier(**tiny).set_params(max_epochs=3, scoring="roc_auc")
    model.fit(X, y, X_val=X, y_val=y)
    display = TrainingCurveDisplay.from_estimator(model)
    epochs, values = display.lines_["valid_score"].get_data()
    assert list(epochs) == [1, 2, 3]
    assert list(values) == [epoch["valid_score"] for epoch in model.history_]
    assert display.lines_["valid_score"].axes is display.ax_score_
    assert display.ax_score_ is not display.ax_rate_
    names = [t.get_text() for t in display.ax_.get_legend().get_texts()]
    assert names[2] == "score"


def test_training_curve_without_validation_or_rate():
    """What is not known, or not wanted, has no line."""
    history = [{"train_loss": 1.0, "lr": 0.1}, {"train_loss": 0.5, "lr": 0.1}]
    display = TrainingCurveDisplay(history, 2).plot(learning_rate=False)
    assert list(display.lines_) == ["train_loss"]
    assert display.ax_rate_ is None
    assert display.ax_score_ is None
    assert len(display.figure_.axes) == 1
