"""The picture of a training run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from sklearn.utils.validation import check_is_fitted

from ._plotting import BLUE, GREEN, GREY, ORANGE, get_axes

__all__ = ["TrainingCurveDisplay"]

LOSSES = {"train_loss": ("training", BLUE), "valid_loss": ("validation", ORANGE)}


class TrainingCurveDisplay:
    """Losses, score and learning rate of each epoch, and the epoch that was kept.

    Parameters
    ----------
    history : list of dict
        The `history_` of an estimator.
    best_epoch : int
        The epoch, from 1, whose weights were kept.

    Attributes
    ----------
    ax_, figure_
        Axes and figure of matplotlib.
    lines_ : dict
        The line of each of "train_loss", "valid_loss", "valid_score" and "lr" that is
        in the history.
    ax_score_ : matplotlib.axes.Axes or None
        Axes of the score that `scoring` asked for, on the right.
    ax_rate_ : matplotlib.axes.Axes or None
        Axes of the learning rate, on the right, outside those of the score.

    Examples
    --------
    >>> from sklearn_dcn.inspection import TrainingCurveDisplay
    >>> history = [{"train_loss": 0.7, "lr": 0.1}, {"train_loss": 0.5, "lr": 0.1}]
    >>> TrainingCurveDisplay(history, best_epoch=2).best_epoch
    2
    """

    def __init__(self, history: Sequence[dict[str, Any]], best_epoch: int) -> None:
        self.history = history
        self.best_epoch = best_epoch

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, learning_rate: bool = True, ax: Any = None
    ) -> Self:
        """Draw the training of an estimator.

        Parameters
        ----------
        estimator : DCNClassifier or DCNRegressor
            A fitted estimator.
        learning_rate : bool, default=True
            Whether to draw the learning rate.
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : TrainingCurveDisplay
            The display, drawn.
        """
        check_is_fitted(estimator, "history_")
        display = cls(estimator.history_, estimator.best_epoch_)
        return display.plot(ax, learning_rate=learning_rate)

    def plot(self, ax: Any = None, *, learning_rate: bool = True) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw; None makes a figure.
        learning_rate : bool, default=True
            Whether to draw the learning rate.

        Returns
        -------
        self : TrainingCurveDisplay
            The display.
        """
        ax = get_axes(self, ax, (7.0, 4.0))
        self.ax_, self.figure_, self.lines_ = ax, ax.figure, {}
        self.ax_score_ = self.ax_rate_ = None
        for key, (name, colour) in LOSSES.items():
            epochs, losses = self._known(key)
            if losses:
                (self.lines_[key],) = ax.plot(
                    epochs, losses, "o-", color=colour, markersize=3, label=name
                )
        handles = [*self.lines_.values()]
        label = f"epoch {self.best_epoch}, kept"
        handles.append(
            ax.axvline(self.best_epoch, color=GREY, linestyle="--", label=label)
        )
        epochs, scores = self._known("valid_score")
        if scores:
            self.ax_score_ = ax.twinx()
            (self.lines_["valid_score"],) = self.ax_score_.plot(
                epochs, scores, "s-", color=GREEN, markersize=3, label="score"
            )
            handles.insert(-1, self.lines_["valid_score"])
            self.ax_score_.set_ylabel("score of the validation rows")
        epochs, rates = self._known("lr")
        if learning_rate and rates:
            self.ax_rate_ = ax.twinx()
            (self.lines_["lr"],) = self.ax_rate_.plot(
                epochs, rates, ":", color=GREY, label="learning rate"
            )
            handles.append(self.lines_["lr"])
            self.ax_rate_.set_ylabel("learning rate at the end of the epoch")
            self.ax_rate_.set_ylim(bottom=0.0)
            if self.ax_score_ is not None:
                self.ax_rate_.spines["right"].set_position(("outward", 55))
        ax.set(xlabel="epoch", ylabel="loss")
        ax.xaxis.get_major_locator().set_params(integer=True)
        # Outside, where it hides no line.
        ax.legend(
            handles=handles,
            loc="lower center",
            bbox_to_anchor=(0.5, 1.0),
            ncols=len(handles),
            frameon=False,
        )
        return self

    def _known(self, key: str) -> tuple[list[int], list[float]]:
        """Return the epochs that have a value, and the values."""
        epochs = [i for i, epoch in enumerate(self.history, 1) if key in epoch]
        return epochs, [self.history[i - 1][key] for i in epochs]
