"""The rows of a long table, block by block, from memory or from a scan."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._scan import BLOCK, Scan, SourceError
from .._table import check_weight, take_rows
from .._training import release_memory
from .._world import ALONE, World

__all__ = ["BlockOfRows", "Blocks", "RowsInMemory", "ScannedRows"]


class BlockOfRows(NamedTuple):
    """Consecutive checked rows, none of weight 0.

    Attributes
    ----------
    start : int
        The number of the first row.
    X : checked table
    y : ndarray of shape (n, ...)
    weight : ndarray of shape (n,)
    """

    start: int
    X: Any
    y: NDArray[Any]
    weight: NDArray[np.float64]

    @property
    def rows(self) -> NDArray[np.intp]:
        """Their numbers."""
        return np.arange(self.start, self.start + len(self.y))

    def part(self, world: World) -> BlockOfRows:
        """Return the rows that this process has, if they are dealt out."""
        if world.size == 1:
            return self
        first, end = world.part(len(self.y))
        at = np.arange(first, end)
        X = take_rows(self.X, at)
        return BlockOfRows(self.start + first, X, self.y[at], self.weight[at])


class Blocks(ABC):
    """A long table that can be read repeatedly.

    Attributes
    ----------
    n_rows : int or None
        None if the number is unknown until the table has been read once.
    unit : float
        The number that weights are divided by.
    has_weights : bool
        Whether the weights may differ.
    scratch : str or None
        The folder for what does not fit in memory; None is the system's.
    """

    scratch: str | None = None
    world: World = ALONE  # each process has rows of its own
    n_rows: int | None = None
    unit = 1.0
    has_weights = False

    @abstractmethod
    def __iter__(self) -> Iterator[BlockOfRows]:
        """Yield all rows in their order, or those of this process."""

    @abstractmethod
    def head(self) -> Any:
        """Return the table of the first rows of all."""

    def some(self, n_rows: int) -> int:
        """Return the number of rows, which are there."""
        return n_rows


class RowsInMemory(Blocks):
    """Checked rows in memory.

    Parameters
    ----------
    X : checked table
    y, weight : ndarray of shape (n, ...)
    """

    def __init__(self, X: Any, y: NDArray[Any], weight: NDArray[np.float64]) -> None:
        self.X, self.y, self.weight = X, y, weight
        self.n_rows = len(y)
        self.has_weights = bool((weight != 1).any())

    def __iter__(self) -> Iterator[BlockOfRows]:
        first, end = self.world.part(len(self.y))
        for start in range(first, end, BLOCK):
            at = np.arange(start, min(start + BLOCK, end))
            weight = self.weight[at] / self.unit
            yield BlockOfRows(start, take_rows(self.X, at), self.y[at], weight)

    def head(self) -> Any:
        """Return the table of the first rows of all."""
        return take_rows(self.X, np.arange(min(BLOCK, len(self.y))))


class ScannedRows(Blocks):
    """Rows of a scan, checked as they come.

    Parameters
    ----------
    scan : Scan
    check_X, check_y : callable
        The estimator's; `check_X` takes the table, and whether it is the first one.
    join : callable
        Takes the checked table and target; returns the target with what belongs to it.
    """

    def __init__(
        self,
        scan: Scan,
        check_X: Callable[[Any, bool], Any],
        check_y: Callable[[Any], NDArray[Any]],
        join: Callable[[Any, NDArray[Any]], NDArray[Any]],
    ) -> None:
        self.scan, self.check_X, self.check_y = scan, check_X, check_y
        self.join = join
        self.n_rows = scan.n_rows
        self.scratch = None if scan.cache == "auto" else scan.cache
        self.has_weights = scan.weight is not None
        self.is_known = False  # whether a first block was checked
        self._between: tuple[int, int] | None = None
        self._first = 0  # the number of the first row that is read

    def __iter__(self) -> Iterator[BlockOfRows]:
        start = self._first
        for block in self.scan.blocks(between=self._between):
            rows = self._checked(start, block)
            start += len(rows.y)
            if self._between is None:
                rows = rows.part(self.world)
            if len(rows.y):
                yield rows
            del rows
            release_memory()
        if self.world.size == 1:
            self.n_rows = self.some(start)

    def some(self, n_rows: int) -> int:
        """Return the number of rows; raise a SourceError if there are none."""
        if not n_rows:
            raise SourceError(f"{self.scan.source.title}: no row has a weight above 0.")
        return n_rows

    def head(self) -> Any:
        """Return the table of the first rows of all, by which others are checked."""
        for block in self.scan.blocks():
            return self._checked(0, block).X

    def share(self, world: World) -> None:
        """Give each process a part of the rows: those that it reads, or of each block.

        Rows of weight 0 have no number, so they are counted where there may be any.
        """
        self.world = world
        n_rows = self.scan.n_rows
        if world.size == 1 or n_rows is None or not self.scan.source.can_skip:
            return
        self._between = world.part(n_rows)
        self._first = self._between[0]
        if self.scan.weight is not None:
            mine = self.scan.count_weighted(self._between)
            self._first = sum(world.gather(mine)[: world.rank])

    def _checked(self, start: int, block: Any) -> BlockOfRows:
        """Return the rows of a block that have a weight, numbered from `start` on."""
        weight = check_weight(block.weight, len(block.X), "sample_weight", True)
        try:
            X = self.check_X(block.X, not self.is_known)
            y = self.check_y(block.y)
            kept = weight > 0
            if not kept.all():
                X, y, weight = take_rows(X, kept), y[kept], weight[kept]
            y = self.join(X, y)
        except (TypeError, ValueError) as error:
            stop = block.start + len(block.X)
            error.add_note(f"It is in rows {block.start:,} to {stop:,} of the scan.")
            raise
        self.is_known = True
        return BlockOfRows(start, X, y, weight / self.unit)
