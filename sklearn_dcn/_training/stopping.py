"""When a training ends by its validation rows; which callbacks read gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from skorch.callbacks import Callback, EarlyStopping

__all__ = ["Stopping", "reads_gradients"]


class Stopping(EarlyStopping):
    """skorch's early stopping by the validation loss, which can go on in a new process.

    Attributes
    ----------
    resumed : dict or None
        `progress` of the training to go on with.
    rise : float or None
        A loss that is above the least by more than this share is the last.
    """

    STATE = ("misses_", "dynamic_threshold_", "best_epoch_", "best_model_weights_")
    resumed: dict[str, Any] | None = None
    rise: float | None = None

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Stop after too many epochs without improvement, or after a clear rise."""
        if self.rise is not None and self.lower_is_better:
            least = self.dynamic_threshold_ + self.threshold
            if net.history[-1, self.monitor] > least + self.rise * abs(least):
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
