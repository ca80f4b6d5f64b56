"""The distinct values of a column of numbers: by a table if they are dense."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["count", "distinct"]

HEAD = 100  # rows that tell most columns with fractions
TABLE = 4  # whole numbers of a range so much longer than the column have a table


def distinct(x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return ``np.unique(x, return_inverse=True)`` of numbers without NaN."""
    codes, low = _offsets(x)
    if codes is None:
        return np.unique(x, return_inverse=True)
    present = np.bincount(codes) > 0
    position: NDArray[np.intp] = np.cumsum(present) - 1
    return np.flatnonzero(present).astype(np.float64) + low, position[codes]


def count(x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return ``np.unique(x, return_counts=True)`` of numbers without NaN."""
    codes, low = _offsets(x)
    if codes is None:
        return np.unique(x, return_counts=True)  # a third of the time of `distinct`
    counts = np.bincount(codes)
    present = np.flatnonzero(counts)
    return present.astype(np.float64) + low, counts[present]


def _offsets(x: NDArray[np.float64]) -> tuple[NDArray[np.intp] | None, float]:
    """Return whole numbers from the lowest on, and this; None if there are others."""
    head = x[:HEAD]
    if not len(x) or (head != np.rint(head)).any():
        return None, 0.0
    low, high = float(x.min()), float(x.max())
    is_narrow = high - low < TABLE * len(x) and abs(low) < 2**52
    if not (is_narrow and (x == np.rint(x)).all()):
        return None, 0.0
    return (x - low).astype(np.intp), low
