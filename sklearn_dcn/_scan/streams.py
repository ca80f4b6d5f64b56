"""Rows from other code: tables in memory, streams of arrow, functions."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any

from .base import BLOCK, Source, SourceError, cannot_read
from .frames import (
    common_dtype,
    family_of,
    is_pandas,
    n_rows_of,
    schema_of,
    to_arrow,
    to_frame,
)

__all__ = ["Calls", "InMemory", "OnceOnly"]


REMEDY = "Create it again, and scan the new one."


class InMemory(Source):
    """A table in memory, of any library but pandas."""

    def __init__(self, table: Any) -> None:
        self.title = _title_of(table)
        self._given = table

    @cached_property
    def _table(self) -> Any:
        return to_arrow(self._given)

    def schema(self) -> Any:
        """Return the columns."""
        return self._table.schema

    def count(self) -> int | None:
        """Return the number of rows."""
        return n_rows_of(self._table)

    def pieces(self, columns: Sequence[str], size: int, whole: bool) -> Iterator[Any]:
        """Yield the table."""
        if n_rows_of(self._table):
            yield self._table.select(list(columns))


class OnceOnly(Source):
    """A stream that can be read only once; a scratch file keeps its rows.

    Parameters
    ----------
    source : object with __arrow_c_stream__
    folder : str or None
        Where the file goes; "auto" is the system's folder for temporary files.
    """

    def __init__(self, source: Any, folder: str | None) -> None:
        self.title = _title_of(source)
        self._folder = folder
        self._given = source

    @cached_property
    def _reader(self) -> Any:
        import pyarrow

        try:
            return pyarrow.RecordBatchReader.from_stream(self._given)
        except (OSError, ValueError, pyarrow.ArrowException) as error:
            raise cannot_read(self.title, error, REMEDY) from error

    @cached_property
    def _path(self) -> str:
        """The file, once it is written."""
        if self._folder is None:
            raise SourceError(
                f"{self.title} can be read only once, and with cache=None its rows are "
                "not kept. Give scan(cache=...) a folder, or 'auto'."
            )
        try:
            folder = tempfile.mkdtemp(
                # By which a fit knows what a process that was killed has left.
                prefix=f"sklearn_dcn-{platform.node() or 'here'}-{os.getpid()}-",
                dir=None if self._folder == "auto" else self._folder,
            )
        except OSError as error:
            raise SourceError(
                f"cache={self._folder!r} must be a folder that can be written to "
                f"({error.strerror}): {self.title} is kept there. Give another one."
            ) from error
        # Also when the interpreter ends.
        weakref.finalize(self, _remove, folder, os.getpid())
        path = os.path.join(folder, "rows.arrows")
        try:
            self._write(path)
        except BaseException:
            _remove(folder, os.getpid())
            raise
        return path

    def _write(self, path: str) -> None:
        # The form of a stream, as dictionaries may differ from batch to batch.
        import pyarrow

        self._n_written, self._found = 0, set[str]()
        names = self._reader.schema.names
        try:
            with pyarrow.ipc.new_stream(path, self._reader.schema) as writer:
                for batch in self._reader:
                    writer.write_batch(batch)
                    self._n_written += n_rows_of(batch)
                    self._found.update(
                        name
                        for name, column in zip(names, batch.columns, strict=True)
                        if column.null_count
                    )
        except (OSError, ValueError, pyarrow.ArrowException) as error:
            raise cannot_read(self.title, error, REMEDY) from error

    def schema(self) -> Any:
        """Return the columns, which a stream tells before its rows."""
        return self._reader.schema

    def count(self) -> int | None:
        """Return the number of rows once they are written."""
        return None

    def pieces(self, columns: Sequence[str], size: int, whole: bool) -> Iterator[Any]:
        """Yield the rows of the file."""
        import pyarrow
        from pyarrow import ipc

        at = [self.schema().names.index(name) for name in columns]
        with pyarrow.memory_map(self._path) as file:
            reader = ipc.open_stream(
                file, options=ipc.IpcReadOptions(included_fields=at)
            )
            for batch in reader:
                if n_rows_of(batch):
                    yield batch.select(list(columns))

    def gaps(self, columns: Sequence[str]) -> set[str]:
        """Return the columns with a missing cell, as seen while writing them."""
        return self._found & set(columns) if self._path else set()


class Calls(Source):
    """A function that returns an iterator of frames, called for each pass.

    Parameters
    ----------
    function : callable
    title : str or None, default=None
    n_rows : int or None, default=None
    """

    def __init__(
        self,
        function: Callable[[], Any],
        title: str | None = None,
        n_rows: int | None = None,
    ) -> None:
        self.function = function
        name = getattr(function, "__name__", type(function).__name__)
        self.title = title or f"The function {name}()"
        self._n_given = n_rows
        self._before: Any = None  # what the last call returned, if it is an iterator
        self._begun: tuple[Any, Iterator[Any]] | None = None  # the first frame, others
        self._known: dict[str, list[Any]] = {}  # dtypes that a column came with

    @classmethod
    def of_frame(cls, frame: Any) -> Calls:
        """Return a source of one pandas frame."""
        return cls(lambda: [frame], "The DataFrame of pandas", len(frame))

    @cached_property
    def _schema(self) -> Any:
        frames = self._frames()
        first = next(frames, None)
        if first is None:
            raise SourceError(f"{self.title}: there are no rows.")
        self._begun = first, frames
        return schema_of(first)

    def schema(self) -> Any:
        """Return the columns of the first frame, with which the first pass begins."""
        return self._schema

    def count(self) -> int | None:
        """Return the number of rows, if it is known."""
        return self._n_given

    def pieces(self, columns: Sequence[str], size: int, whole: bool) -> Iterator[Any]:
        """Yield the rows of a new call, as frames of pandas or arrow."""
        begun, self._begun = self._begun, None
        if begun is not None:
            yield self._checked(begun[0], columns, whole)
        for frame in self._frames() if begun is None else begun[1]:
            yield self._checked(frame, columns, whole)

    def _frames(self) -> Iterator[Any]:
        """Call the function; yield its frames that have rows."""
        found = self.function()
        if not hasattr(found, "__iter__") or hasattr(found, "columns"):
            raise TypeError(
                f"{self.title} must return a new iterator of frames in each call; got "
                f"{type(found).__name__}. Write it as a generator."
            )
        is_iterator = hasattr(found, "__next__")
        if is_iterator and found is self._before:
            raise SourceError(
                f"{self.title} returned the same iterator in two calls, but its rows "
                "are read several times. It must return a new one in each call: write "
                "it as a generator."
            )
        self._before = found if is_iterator else None
        for frame in found:
            rows = frame if is_pandas(frame) else to_arrow(frame)
            if n_rows_of(rows):
                yield _with_names(rows)

    def _checked(self, rows: Any, columns: Sequence[str], whole: bool) -> Any:
        """Return these columns of a frame, which must be as those of the first one."""
        names = list(rows.columns if is_pandas(rows) else rows.schema.names)
        first = self.schema().names
        if lacking := [name for name in columns if name not in names]:
            raise SourceError(
                f"A frame of {self.title} has no column {lacking[0]!r}, which the "
                "first one has. Give all frames the same columns."
            )
        new = sorted(set(names) - set(first))
        if whole and new:
            raise SourceError(
                f"A frame of {self.title} has the column {new[0]!r}, which the first "
                "one lacks. Give all frames the same columns, or name those to read: "
                "columns=[...]."
            )
        if is_pandas(rows):
            return rows[list(columns)]
        return rows.select(list(columns))

    def dtypes(self, columns: Sequence[str]) -> dict[str, Any]:
        """Return the dtypes of the columns over all frames, except for categories."""
        new = [name for name in columns if name not in self._known]
        if new:
            families: dict[str, str] = {}
            known: dict[str, list[Any]] = {name: [] for name in new}
            for piece in self._counted(self.pieces(new, BLOCK, False)):
                frame = to_frame(piece)
                for name in new:
                    if frame[name].dtype not in known[name]:
                        known[name].append(frame[name].dtype)
                    self._compare(frame[name], families)
            self._known.update(known)
        found = {name: common_dtype(self._known[name]) for name in columns}
        return {name: dtype for name, dtype in found.items() if dtype is not None}

    def _compare(self, column: Any, families: dict[str, str]) -> None:
        """Raise an error if cells are of another kind than in frames before."""
        family = family_of(column)
        if family is None:
            return
        before = families.setdefault(str(column.name), family)
        if before != family:
            raise SourceError(
                f"Column {column.name!r} of {self.title} holds {before} in one frame "
                f"and {family} in another. Cast one of them."
            )


def _with_names(rows: Any) -> Any:
    """Return a frame whose columns have strings as names."""
    if is_pandas(rows) and not all(isinstance(name, str) for name in rows.columns):
        return rows.set_axis([str(name) for name in rows.columns], axis=1)
    return rows


def _title_of(source: Any) -> str:
    kind = type(source)
    return f"The {kind.__name__} of {kind.__module__.split('.')[0]}"


def _remove(folder: str, process: int) -> None:
    """Remove a folder, but not in a fork of the process that made it."""
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)
