"""Counts of more levels than may stay in memory, in a scratch file."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Sequence
from itertools import compress
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..._files import map_leaves, pack, unpack

__all__ = ["SpilledCounts"]

MIX = 0x9E3779B97F4A7C15  # so that integers in steps come into all parts


class Stored(NamedTuple):
    """An array of the file."""

    offset: int
    n_bytes: int
    dtype: Any


class SpilledCounts:
    """Levels with their rows and weights, in parts by the hash of the level.

    The file has no name, so it disappears with the process, however that ends.

    Parameters
    ----------
    levels : sequence
        The distinct levels.
    rows, weight : ndarray of shape (len(levels),)
    folder : str or None
    """

    N_PARTS = 64

    def __init__(
        self,
        levels: Sequence[Any],
        rows: NDArray[np.float64],
        weight: NDArray[np.float64],
        folder: str | None,
    ) -> None:
        try:
            self._write(levels, rows, weight, folder)
        except OSError as error:
            raise OSError(
                error.errno,
                f"The counts of {len(levels):,} levels cannot be written to "
                f"{tempfile.gettempdir() if folder is None else folder!r} "
                f"({error.strerror}). Give scan(cache=...) another folder, or hash "
                "columns with many levels",
            ) from error

    def _write(
        self,
        levels: Sequence[Any],
        rows: NDArray[np.float64],
        weight: NDArray[np.float64],
        folder: str | None,
    ) -> None:
        # Python's own hashes, which are the same for levels that are equal.
        part = np.array([(hash(level) * MIX >> 32) % self.N_PARTS for level in levels])
        self._file = tempfile.TemporaryFile(dir=folder)
        weakref.finalize(self, self._file.close)
        self._parts = []
        for k in range(self.N_PARTS):
            is_in = part == k
            some = list(compress(levels, is_in.tolist()))
            whole = [pack(some), rows[is_in], weight[is_in]]
            self._parts.append(map_leaves(np.ndarray, self._store, whole))
        self._file.flush()

    def _store(self, array: NDArray[Any]) -> Stored:
        """Append an array to the file."""
        stored = Stored(self._file.tell(), array.nbytes, array.dtype)
        self._file.write(array.tobytes())
        return stored

    def _load(self, stored: Stored) -> NDArray[Any]:
        """Return an array of the file."""
        self._file.seek(stored.offset)
        return np.frombuffer(self._file.read(stored.n_bytes), stored.dtype)

    def read(
        self, part: int
    ) -> tuple[list[Any], NDArray[np.float64], NDArray[np.float64]]:
        """Return the levels of a part, their rows and weights."""
        packed, rows, weight = map_leaves(Stored, self._load, self._parts[part])
        levels = unpack(packed)
        return [*levels] if isinstance(levels, list) else levels.tolist(), rows, weight
