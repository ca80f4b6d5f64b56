"""When a training ends by its validation rows; which callbacks read gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Self, cast

from skorch.callbacks import Callback, EarlyStopping

__all__ = ["Ending", "Stopping", "reads_gradients"]


class Ending(NamedTuple):
    """When early stopping ends a training.

    Attributes
    ----------
    patience : int
        Epochs without an improvement after which it does.
    longest_patience : int or None
        It waits for a third of the epochs up to the best, from `patience` to so many;
        None is always `patience`.
    rise : float or None
        A loss that is above the least by more than this share is the last.
    """

    patience: int
    longest_patience: int | None = None
    rise: float | None = None


class Stopping(EarlyStopping):
    """skorch's early stopping by the validation loss, which can go on in a new process.

    Attributes
    ----------
    resumed : dict or None
        `progress` of the training to go on with.
    ending : Ending
        When it stops.
    """

    STATE = ("misses_", "dynamic_threshold_", "best_epoch_", "best_model_weights_")
    resumed: dict[str, Any] | None = None
    ending: Ending

    @classmethod
    def by(cls, ending: Ending, tol: float, score: bool) -> Self:
        """Return one for the loss of the validation rows, or for their score."""
        stopping = cls(
            monitor="valid_score" if score else "valid_loss",
            lower_is_better=not score,
            patience=ending.patience,
            threshold=tol,
            threshold_mode="abs",
            load_best=True,
        )
        stopping.ending = ending
        return cast(Self, stopping.initialize())

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Stop after too many epochs without improvement, or after a clear rise."""
        patience, longest, rise = self.ending
        if longest is not None:
            self.patience = min(max(patience, round(self.best_epoch_ / 3)), longest)
        if rise is not None and self.lower_is_better:
            least = self.dynamic_threshold_ + self.threshold
            if net.history[-1, self.monitor] > least + rise * abs(least):
                self.misses_ = self.patience - 1
        before = self.best_epoch_
        try:
            super().on_epoch_end(net, **kwargs)
        finally:
            if self.best_epoch_ != before and net.course.sharded is not None:
                net.course.sharded.keep()

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        """Go back to the weights of the best epoch, if it is not the last."""
        super().on_train_end(net, **kwargs)
        is_last = self.best_epoch_ == net.history[-1, "epoch"]
        if not is_last and net.course.sharded is not None:
            net.course.sharded.restore()

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Begin anew, as skorch does, or where the other training was."""
        super().on_train_begin(net, **kwargs)
        self.__dict__.update(self.resumed or {})
        self.resumed = None

    def progress(self) -> dict[str, Any]:
        """Return what changes in a fit."""
        return {name: getattr(self, name, None) for name in self.STATE}


def reads_gradients(callbacks: Sequence[Any] | None) -> list[Any]:
    """Return those of the callbacks that are called with all gradients."""

    def kind(callback: Any) -> Any:
        callback = callback[1] if isinstance(callback, tuple) else callback
        return callback if isinstance(callback, type) else type(callback)

    plain = Callback.on_grad_computed
    return [c for c in callbacks or () if kind(c).on_grad_computed is not plain]
