"""The history of a training: skorch's, and as plain records of its epochs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

__all__ = ["BatchLosses", "plain_records", "replay"]

MANY = 1024  # tensors, each of which takes a hundred times the memory of its number


class BatchLosses:
    """The losses of the batches of an epoch, read from the device many at a time.

    Parameters
    ----------
    each : sequence of float, default=()
        Those of batches that are done.
    sizes : sequence of int, default=()
        The rows of these.
    """

    def __init__(self, each: Sequence[float] = (), sizes: Sequence[int] = ()) -> None:
        self._each, self.sizes = [*each], [*sizes]
        self._waiting: list[Tensor] = []

    def add(self, loss: Tensor, n_rows: int) -> None:
        """Add the loss of a batch."""
        self._waiting.append(loss)
        self.sizes.append(n_rows)
        if len(self._waiting) == MANY:
            self.read()

    def read(self) -> list[float]:
        """Return the losses of all batches, in their order."""
        if self._waiting:
            self._each += torch.stack(self._waiting).tolist()
            self._waiting = []
        return self._each


def plain_records(history: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what is known of each epoch, without the batches callbacks may keep."""
    return [
        {key: value for key, value in epoch.items() if key != "batches"}
        for epoch in history
    ]


def replay(history: Any, records: Iterable[dict[str, Any]]) -> None:
    """Make a history of skorch that of the records."""
    history.clear()
    for record in records:
        history.new_epoch()
        for name, value in record.items():
            history.record(name, value)
