"""What every source of rows can do: give them in blocks of one size and of one type."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from .frames import (
    can_change,
    dtype_with_gaps,
    joined,
    n_rows_of,
    parts_of,
    to_arrow,
    to_frame,
)

__all__ = ["BLOCK", "Source", "SourceError", "cannot_read"]

BLOCK = 65_536  # rows that are read at a time


class SourceError(ValueError):
    """Rows could not be read; the message names the file, or the source."""


class Source(ABC):
    """Rows that can be read again and again, in one order.

    Attributes
    ----------
    title : str
        A readable description of the source.
    """

    title: str
    _n_passed: int | None = None  # rows of the pass before

    @abstractmethod
    def schema(self) -> Any:
        """Return the columns as an arrow schema."""

    @abstractmethod
    def pieces(self, columns: Sequence[str], size: int, whole: bool) -> Iterator[Any]:
        """Yield the rows in their order, as they come.

        Parameters
        ----------
        columns : list of str
        size : int
            Preferred number of rows at a time; there may be more or fewer.
        whole : bool
            Whether to refuse columns that did not exist when the reading began.

        Yields
        ------
        rows : pandas frame, or table or batch of arrow
            With these columns in this order, and at least one row.
        """

    def count(self) -> int | None:
        """Return the number of rows if it is known without reading them, else None."""
        return None

    can_skip = False  # whether `pieces_between` reads no more than it yields

    def pieces_between(
        self, columns: Sequence[str], size: int, whole: bool, start: int, stop: int
    ) -> Iterator[Any]:
        """Yield the rows from number `start` on, up to `stop`, as `pieces` does."""
        raise NotImplementedError

    @cached_property
    def _n_counted(self) -> int | None:
        return self.count()

    @property
    def n_rows(self) -> int | None:
        """The number of rows, once it is known."""
        return self._n_counted if self._n_passed is None else self._n_passed

    def frames(
        self,
        columns: Sequence[str],
        size: int,
        exact: bool,
        whole: bool,
        between: tuple[int, int] | None = None,
    ) -> Iterator[Any]:
        """Yield pandas frames of `size` rows; the last one has what is left.

        Parameters
        ----------
        columns : list of str
        size : int
        exact : bool
            Whether a column has the dtype of the whole table in every frame, even if
            its gaps are all in other frames. Some sources must be read for that.
        whole : bool
            As of `pieces`.
        between : tuple of (int, int) or None, default=None
            Number of the first row, and one more than that of the last; the source
            must be one that `can_skip`. None is all rows.
        """
        if between is None:
            pieces = self._counted(self.pieces(columns, size, whole))
        else:
            pieces = self.pieces_between(columns, size, whole, *between)
        dtypes = self.dtypes(columns) if exact else {}
        waiting: list[Any] = []
        n_waiting = 0
        for piece in pieces:
            for part in parts_of(piece, size - n_waiting, size):
                waiting.append(to_frame(part, dtypes))
                n_waiting += len(waiting[-1])
                if n_waiting == size:
                    yield joined(waiting)
                    waiting, n_waiting = [], 0
        if waiting:
            yield joined(waiting)

    def load(self, columns: Sequence[str], whole: bool, most: int | None) -> Any:
        """Return all rows as one pandas frame; None if there are more than `most`."""
        if most is not None and (self.n_rows or 0) > most:
            return None
        found: list[Any] = []
        n = 0
        for piece in self._counted(self.pieces(columns, BLOCK, whole)):
            for part in parts_of(piece, BLOCK, BLOCK):
                n += n_rows_of(part)
                if most is not None and n > most:
                    return None
                found.append(to_frame(part))
        return joined(found)

    def _counted(self, pieces: Iterator[Any]) -> Iterator[Any]:
        """Yield pieces; raise an error if a pass has not the rows of the one before."""
        n = 0
        for piece in pieces:
            n += n_rows_of(piece)
            yield piece
        if self._n_passed not in (None, n):
            raise SourceError(
                f"{self.title} gave {self._n_passed:,} rows in one pass and {n:,} in "
                "the next. It must give the same rows in every pass: write them to a "
                "file, and scan the file."
            )
        if not n:
            raise SourceError(f"{self.title}: there are no rows.")
        self._n_passed = n

    @cached_property
    def _has_gaps(self) -> dict[str, bool]:
        """Whether a cell is missing, by column of which it was asked."""
        return {}

    def dtypes(self, columns: Sequence[str]) -> dict[str, Any]:
        """Return the dtypes of columns whose dtype differs in blocks without gaps."""
        schema = self.schema()
        types = {name: schema.field(name).type for name in columns}
        asked = [name for name, kind in types.items() if can_change(kind)]
        new = [name for name in asked if name not in self._has_gaps]
        if new:
            found = self.gaps(new)
            self._has_gaps.update({name: name in found for name in new})
        return {
            name: dtype_with_gaps(types[name]) for name in asked if self._has_gaps[name]
        }

    def gaps(self, columns: Sequence[str]) -> set[str]:
        """Return the columns that have a missing cell anywhere."""
        found: set[str] = set()
        for piece in self._counted(self.pieces(columns, BLOCK, False)):
            table = to_arrow(piece)
            found.update(name for name in columns if table.column(name).null_count)
        return found


def cannot_read(
    title: str, error: BaseException, remedy: str = "Write it again, or take it out."
) -> SourceError:
    """Return the error of a source, from what its reader said."""
    lines = str(error).strip().splitlines()
    what = lines[0].strip("'\".") if lines else repr(error)
    return SourceError(f"{title} cannot be read: {what}. {remedy}")
