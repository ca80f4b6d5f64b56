"""The rows of a long table, block by block: of memory, or of a scan."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._scan import BLOCK, Scan, SourceError
from .._table import check_weight, take_rows
from .._training import release_memory

__all__ = ["BlockOfRows", "Blocks", "RowsInMemory", "ScannedRows"]


class BlockOfRows(NamedTuple):
    """Checked rows that follow each other, none of weight 0.

    Attributes
    ----------
    start : int
        The number of the first.
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


class Blocks(ABC):
    """A long table, which can be read again and again.

    Attributes
    ----------
    n_rows : int or None
        None until it was read once, where nobody knows before.
    unit : float
        What weights are divided by.
    has_weights : bool
        Whether they may differ.
    scratch : str or None
        The folder of what memory has no room for; None is the system's.
    """

    scratch: str | None = None
    n_rows: int | None = None
    unit = 1.0
    has_weights = False

    @abstractmethod
    def __iter__(self) -> Iterator[BlockOfRows]:
        """Yield all rows in their order."""


class RowsInMemory(Blocks):
    """Checked rows that are there.

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
        for start in range(0, len(self.y), BLOCK):
            at = np.arange(start, min(start + BLOCK, len(self.y)))
            weight = self.weight[at] / self.unit
            yield BlockOfRows(start, take_rows(self.X, at), self.y[at], weight)


class ScannedRows(Blocks):
    """Rows of a scan, checked as they come.

    Parameters
    ----------
    scan : Scan
    check_X, check_y : callable
        The estimator's; the first takes the table, and whether it is the first one.
    """

    def __init__(
        self,
        scan: Scan,
        check_X: Callable[[Any, bool], Any],
        check_y: Callable[[Any], NDArray[Any]],
    ) -> None:
        self.scan, self.check_X, self.check_y = scan, check_X, check_y
        self.n_rows = scan.n_rows
        self.scratch = None if scan.cache == "auto" else scan.cache
        self.has_weights = scan.weight is not None
        self.is_known = False  # whether a first block was checked

    def __iter__(self) -> Iterator[BlockOfRows]:
        start = 0
        for block in self.scan.blocks():
            weight = check_weight(block.weight, len(block.X), "sample_weight", True)
            try:
                X = self.check_X(block.X, not self.is_known)
                y = self.check_y(block.y)
            except (TypeError, ValueError) as error:
                stop = block.start + len(block.X)
                error.add_note(
                    f"It is in rows {block.start:,} to {stop:,} of the scan."
                )
                raise
            self.is_known = True
            kept = weight > 0
            if not kept.all():
                X, y, weight = take_rows(X, kept), y[kept], weight[kept]
            if len(y):
                yield BlockOfRows(start, X, y, weight / self.unit)
            start += len(y)
            release_memory()
        if not start:
            raise SourceError(f"{self.scan.source.title}: no row has a weight above 0.")
        self.n_rows = start
