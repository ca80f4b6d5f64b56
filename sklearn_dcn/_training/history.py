"""The history of a training: skorch's, and as plain records of its epochs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

__all__ = ["plain_records", "replay"]


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
