"""The fit and its epochs as tasks of scikit-learn's callbacks, where it has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .watcher import Watcher

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn before 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Nothing: there are no callbacks to support."""

    def with_callbacks(method: Any) -> Any:
        """Return the method."""
        return method


__all__ = ["CallbackSupportMixin", "FitTasks", "with_callbacks"]


class FitTasks(Watcher):
    """Tells scikit-learn's callbacks of the fit, and of each epoch in it.

    Parameters
    ----------
    estimator : BaseDCN
        The estimator in `fit`, whose method is decorated with `with_callbacks`.
    n_epochs : int
        Epochs at most.
    data : dict
        "X", "y" and "metadata" of `fit`, for the callbacks.
    snapshot : callable
        Returns the attributes of a fitted estimator as it would be now.
    """

    def __init__(
        self,
        estimator: Any,
        n_epochs: int,
        data: dict[str, Any],
        snapshot: Callable[[], dict[str, Any]],
    ) -> None:
        self.data = {"estimator": estimator, **data}
        self.snapshot = snapshot
        self.fit = estimator._init_callback_context(max_subtasks=n_epochs)
        self.fit.call_on_fit_task_begin(**self.data)

    def begin_epoch(self) -> None:
        """Begin an epoch."""
        self.epoch = self.fit.subcontext(task_name="epoch")
        self.epoch.call_on_fit_task_begin(**self.data)

    def end_epoch(self, record: dict[str, Any]) -> bool:
        """End an epoch; return whether a callback asks to stop."""
        return self.epoch.call_on_fit_task_end(
            **self.data, reconstruction_attributes=self.snapshot
        )

    def end(self) -> None:
        """End the fit; the estimator itself is as it stays."""
        self.fit.call_on_fit_task_end(**self.data, reconstruction_attributes={})
