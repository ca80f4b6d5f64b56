"""Counts of more levels than are to stay in memory, in a scratch file."""

from __future__ import annotations

import pickle
import tempfile
import weakref
from collections.abc import Sequence
from itertools import compress
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["SpilledCounts"]

MIX = 0x9E3779B97F4A7C15  # so that integers in steps come into all parts


class SpilledCounts:
    """Levels with their rows and weights, in parts by the hash of the level.

    The file has no name, so it goes with the process, however this ends. Nobody else
    can have written what is read from it.

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
        self._offsets = []
        for k in range(self.N_PARTS):
            self._offsets.append(self._file.tell())
            is_in = part == k
            some = list(compress(levels, is_in.tolist()))
            pickle.dump((some, rows[is_in], weight[is_in]), self._file, protocol=5)
        self._file.flush()

    def read(
        self, part: int
    ) -> tuple[list[Any], NDArray[np.float64], NDArray[np.float64]]:
        """Return the levels of a part, their rows and weights."""
        self._file.seek(self._offsets[part])
        found: tuple[Any, Any, Any] = pickle.load(self._file)
        return found
