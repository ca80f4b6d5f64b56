"""Warnings of other libraries, hidden in a block without a trace."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["ignoring"]

_filters_lock = threading.RLock()  # filters of warnings are those of all threads


@contextmanager
def ignoring(*categories: type[Warning], module: str = "") -> Iterator[None]:
    """Hide warnings of these categories, from modules that match, in the block."""
    with _filters_lock, warnings.catch_warnings():
        for category in categories:
            warnings.filterwarnings("ignore", "", category, module)
        yield
