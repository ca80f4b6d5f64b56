"""Less time than the defaults take, or more for lower losses: measured settings."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

__all__ = ["BUDGETS"]

# docs/performance.md has what each takes and brings, beside the defaults and others.
BUDGETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        # The rate falls to 0 in three epochs, so that the last is the best. It learns
        # most of what the defaults do, but slowly bending curves of numbers.
        "fast": {
            "learning_rate": 0.006,
            "learning_rate_schedule": "cosine",
            "warmup": 0.05,
            "max_epochs": 3,
        },
        # Eight networks, and time for each to find its best epoch.
        "best": {"n_members": 8, "n_iter_no_change": 3},
    }
)
