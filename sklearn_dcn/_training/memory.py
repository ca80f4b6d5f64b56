"""Memory that was freed, given back to the system."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

__all__ = ["release_memory"]


def release_memory() -> None:
    """Give freed memory back to the system, where the C library can be asked to.

    Of a table read in blocks something small stays of each block, and arrays of many
    sizes come and go in the steps. What is freed between them is not given back by
    itself: memory would grow with the rows.
    """
    _trim()(0)


@cache
def _trim() -> Callable[[int], Any]:
    try:
        return ctypes.CDLL(None).malloc_trim  # of glibc
    except (AttributeError, OSError, TypeError):
        return lambda pad: 0
