"""Distinct keys -> their positions, for many rows at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .groups import Keys

__all__ = ["KeyIndex"]

# An odd constant whose product spreads keys over the bits above (Knuth's golden ratio).
SPREAD = np.uint64(0x9E3779B97F4A7C15)


class KeyIndex:
    """A hash table of integers with linear probing, a third full on average.

    A search in sorted keys misses the cache at every other step; this one looks once or
    twice.

    Parameters
    ----------
    keys : int64 ndarray of shape (n,)
        Distinct, and none below 0.
    """

    def __init__(self, keys: Keys) -> None:
        n = len(keys)
        n_bits = max(2, (2 * n).bit_length())
        self._shift, self._last = np.uint64(64 - n_bits), 2**n_bits - 1
        self._keys = np.append(keys, -1)  # that of an empty slot
        self._slots = np.full(2**n_bits, n, dtype=np.int32)
        left, slot = np.arange(n, dtype=np.int32), self._first_slot(keys)
        while len(left):
            free = self._slots[slot] == n
            self._slots[slot[free]] = left[free]  # of several, the last one
            moves = self._slots[slot] != left
            left, slot = left[moves], (slot[moves] + 1) & self._last

    def find(self, keys: Keys) -> NDArray[np.intp]:
        """Return the position of each key, n for keys that are not there."""
        slot = self._first_slot(keys)
        at = self._slots[slot]
        left = np.flatnonzero(self._differ(at, keys))
        slot = slot[left]
        while len(left):
            slot = (slot + 1) & self._last
            found = self._slots[slot]
            at[left] = found
            differ = self._differ(found, keys[left])
            left, slot = left[differ], slot[differ]
        return at.astype(np.intp)

    def _differ(self, at: NDArray[np.int32], keys: Keys) -> NDArray[np.bool_]:
        """Tell which slots hold other keys, beyond which a search goes on."""
        return (self._keys[at] != keys) & (at < len(self._keys) - 1)

    def _first_slot(self, keys: Keys) -> NDArray[np.intp]:
        with np.errstate(over="ignore"):
            return ((keys.astype(np.uint64) * SPREAD) >> self._shift).astype(np.intp)
