"""What is told how far a fit is."""

from __future__ import annotations

from typing import Any

__all__ = ["Watcher"]


class Watcher:
    """What is told how far a fit is; it may stop it."""

    def begin_epoch(self) -> None:
        """Begin an epoch."""

    def end_batch(self, n_rows: int) -> None:
        """End a training step on so many rows."""

    def end_epoch(self, record: dict[str, Any]) -> bool:
        """End an epoch with this row of the history; return whether to stop."""
        return False

    def close(self, best: int | None) -> None:
        """End the training with the weights of epoch `best`, or None if it failed."""
