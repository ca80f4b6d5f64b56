"""The ids that every categorical column shares; its known levels follow."""

from __future__ import annotations

__all__ = ["MISSING_ID", "N_RESERVED_IDS", "UNKNOWN_ID"]

UNKNOWN_ID, MISSING_ID, N_RESERVED_IDS = 0, 1, 2
