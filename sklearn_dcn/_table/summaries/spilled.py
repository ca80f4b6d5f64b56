"""Counts of more levels than are to stay in memory, in a scratch file."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Sequence
from itertools import compress
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..._files import pack, unpack

__all__ = ["SpilledCounts"]

MIX = 0x9E3779B97F4A7C15  # so that integers in steps come into all parts


class Stored(NamedTuple):
    """An array of the file."""

    offset: int
    n_bytes: int
    dtype: Any


class SpilledCounts:
    """Levels with their rows and weights, in parts by the hash of the level.

    The file has no name, so it goes with the process, however this ends.

    Parameters
    ----------
    levels : sequence
        Distinct ones.
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
            self._parts.append(self._store([pack(some), rows[is_in], weight[is_in]]))
        self._file.flush()

    def _store(self, value: Any) -> Any:
        """Return a structure with its arrays in the file."""
        if isinstance(value, dict):
            return {key: self._store(entry) for key, entry in value.items()}
        if isinstance(value, list):
            return [self._store(entry) for entry in value]
        if not isinstance(value, np.ndarray):
            return value
        stored = Stored(self._file.tell(), value.nbytes, value.dtype)
        self._file.write(value.tobytes())
        return stored

    def _load(self, value: Any) -> Any:
        """Return a structure with its arrays in memory."""
        if isinstance(value, dict):
            return {key: self._load(entry) for key, entry in value.items()}
        if isinstance(value, list):
            return [self._load(entry) for entry in value]
        if not isinstance(value, Stored):
            return value
        self._file.seek(value.offset)
        return np.frombuffer(self._file.read(value.n_bytes), value.dtype)

    def read(
        self, part: int
    ) -> tuple[list[Any], NDArray[np.float64], NDArray[np.float64]]:
        """Return the levels of a part, their rows and weights."""
        packed, rows, weight = self._load(self._parts[part])
        levels = unpack(packed)
        return [*levels] if isinstance(levels, list) else levels.tolist(), rows, weight
