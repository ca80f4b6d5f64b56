"""A sample of rows that stays the same however a table is cut and read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..._roles import uniform

__all__ = ["RowSample", "SAMPLE_ROWS"]

SAMPLE_ROWS = 100_000
SEED = 0  # the same rows whatever the random state: columns are learned by them


class RowSample:
    """A sample: the rows whose numbers have the smallest hashes.

    Parameters
    ----------
    join : callable
        Joins a list of parts, as `add` was given them, to one part.
    size : int or None, default=None
        Number of rows; None is `SAMPLE_ROWS`.
    """

    def __init__(
        self, join: Callable[[list[Any]], Any], size: int | None = None
    ) -> None:
        self.join = join
        self.size = SAMPLE_ROWS if size is None else size
        self._bound = 1.0
        self._places: list[NDArray[np.float64]] = []
        self._rows: list[NDArray[np.intp]] = []
        self._parts: list[Any] = []

    def add(self, start: int, n: int, take: Callable[[NDArray[np.intp]], Any]) -> None:
        """Look at a block of n rows, from number `start` on.

        Parameters
        ----------
        start, n : int
        take : callable
            Returns the part at given positions of the block.
        """
        rows = np.arange(start, start + n)
        place = uniform(rows, SEED)
        at = np.flatnonzero(place < self._bound)
        if not len(at):
            return
        self._places.append(place[at])
        self._rows.append(rows[at])
        self._parts.append(take(at))
        if sum(map(len, self._places)) > 2 * self.size:
            self._shrink()

    def places(self) -> NDArray[np.float64]:
        """Return the hashes of the rows, the least ones of all, in order."""
        self._shrink()
        found = np.concatenate([np.empty(0), *self._places])
        return np.sort(found)

    def keep_least(self, places: NDArray[np.float64]) -> None:
        """Keep the rows that are in the sample of all these places."""
        if len(places) > self.size:
            bound = float(np.partition(places, self.size)[self.size])
            self._bound = min(self._bound, bound)
        self._shrink()

    def merge(self, other: RowSample) -> Self:
        """Add the sample of other rows of the table."""
        self._places += other._places
        self._rows += other._rows
        self._parts += other._parts
        self._shrink()
        return self

    def _shrink(self) -> None:
        place = np.concatenate([np.empty(0), *self._places])
        if len(place) > self.size:
            self._bound = float(np.partition(place, self.size)[self.size])
        kept_places, kept_rows, kept_parts = [], [], []
        for places, rows, part in zip(
            self._places, self._rows, self._parts, strict=True
        ):
            at = np.flatnonzero(places < self._bound)
            if len(at):
                kept_places.append(places[at])
                kept_rows.append(rows[at])
                kept_parts.append(part.take(at))
        self._places, self._rows, self._parts = kept_places, kept_rows, kept_parts

    def rows(self) -> tuple[NDArray[np.intp], Any]:
        """Return the numbers of the rows, in order, and their part."""
        self._shrink()
        rows = np.concatenate(self._rows)
        order = np.argsort(rows)
        return rows[order], self.join(self._parts).take(order)
