"""Where rows come from: files, data sets, queries, streams and functions, as blocks.

A source says which columns it has and, where metadata tell, how many rows; and gives
its rows in their order, some thousand at a time, as often as it is asked. Of each
reader the form is used whose memory does not grow with the table.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from glob import glob
from itertools import chain
from typing import Any

from .frames import schema_of, to_arrow, to_frame

__all__ = ["BLOCK", "SourceError", "Source", "open_source"]

BLOCK = 65_536  # rows that are read at a time

KINDS = "*?["  # of a glob
FILES = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".feather": "feather",
    ".arrow": "feather",
    ".ipc": "feather",
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
}
PACKED = (".gz", ".bz2")  # which arrow unpacks as it reads


class SourceError(ValueError):
    """Rows could not be read; the message names the file, or the source."""


class Source(ABC):
    """Rows that can be read again and again, in one order.

    Attributes
    ----------
    title : str
        What it is, for people.
    """

    title: str

    @abstractmethod
    def schema(self) -> Any:
        """Return the columns as an arrow schema."""

    def count(self) -> int | None:
        """Return the number of rows, if that is known without reading them."""
        return None

    @abstractmethod
    def frames(self, columns: Sequence[str], size: int) -> Iterator[Any]:
        """Yield pandas frames of up to `size` rows with these columns."""


class Files(Source):
    """Files of one kind, one after the other.

    Parameters
    ----------
    paths : list of str
    kind : {"parquet", "feather", "csv"}
    """

    def __init__(self, paths: list[str], kind: str) -> None:
        self.paths, self.kind = paths, kind
        names = {"parquet": "Parquet", "feather": "Feather", "csv": "CSV"}
        what = "file" if len(paths) == 1 else "files"
        self.title = f"{len(paths):,} {names[kind]} {what}"

    def schema(self) -> Any:
        return _naming(self.paths[0], self._schema_of, self.paths[0])

    def count(self) -> int | None:
        counts = [_naming(path, self._count, path) for path in self.paths]
        return None if None in counts else sum(c for c in counts if c is not None)

    def frames(self, columns: Sequence[str], size: int) -> Iterator[Any]:
        first = self.schema()
        gaps = self._gaps(columns)
        for path in self.paths:
            here = first if path == self.paths[0] else _naming(
                path, self._schema_of, path
            )
            _compare(path, self.paths[0], here, first, columns)
            batches = _naming(path, self._batches, path, columns, size)
            for batch in _each(path, batches):
                for part in _cut(batch, size):
                    yield to_frame(part, gaps)

    def _gaps(self, columns: Sequence[str]) -> set[str] | None:
        """Return the columns with a missing cell anywhere, if metadata tell."""
        if self.kind != "parquet":
            return None
        import pyarrow.parquet as parquet

        found = set()
        for path in self.paths:
            meta = _naming(path, parquet.read_metadata, path)
            for group in range(meta.num_row_groups):
                row_group = meta.row_group(group)
                for at in range(row_group.num_columns):
                    column = row_group.column(at)
                    seen = column.statistics
                    if seen is None or not seen.has_null_count or seen.null_count:
                        found.add(column.path_in_schema.split(".")[0])
        return found & set(columns)

    def _schema_of(self, path: str) -> Any:
        if self.kind == "parquet":
            import pyarrow.parquet as parquet

            return parquet.read_schema(path)
        if self.kind == "feather":
            import pyarrow

            with pyarrow.memory_map(path) as file:
                return pyarrow.ipc.open_file(file).schema
        with _open_csv(path) as reader:
            return reader.schema

    def _count(self, path: str) -> int | None:
        if self.kind == "parquet":
            import pyarrow.parquet as parquet

            return int(parquet.read_metadata(path).num_rows)
        if self.kind == "feather":
            import pyarrow

            with pyarrow.memory_map(path) as file:
                reader = pyarrow.ipc.open_file(file)
                return sum(
                    reader.get_batch(i).num_rows
                    for i in range(reader.num_record_batches)
                )
        return None

    def _batches(self, path: str, columns: Sequence[str], size: int) -> Iterator[Any]:
        if self.kind == "parquet":
            import pyarrow.parquet as parquet

            with parquet.ParquetFile(path, pre_buffer=False) as file:
                yield from file.iter_batches(size, columns=list(columns))
        elif self.kind == "feather":
            import pyarrow

            with pyarrow.memory_map(path) as file:
                reader = pyarrow.ipc.open_file(file)
                for i in range(reader.num_record_batches):
                    yield reader.get_batch(i).select(list(columns))
        else:
            with _open_csv(path, columns) as reader:
                yield from reader


class DataSet(Source):
    """A data set of pyarrow, of files anywhere."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset
        self.title = f"{type(dataset).__name__} of pyarrow"

    def schema(self) -> Any:
        return self.dataset.schema

    def count(self) -> int | None:
        return int(self.dataset.count_rows())

    def frames(self, columns: Sequence[str], size: int) -> Iterator[Any]:
        import pyarrow.dataset as arrow

        options: dict[str, Any] = {}
        if getattr(getattr(self.dataset, "format", None), "type_name", "") == "parquet":
            # Without these memory grows with the files (arrow#39808).
            options["fragment_scan_options"] = arrow.ParquetFragmentScanOptions(
                pre_buffer=False, use_buffered_stream=True
            )
        batches = self.dataset.to_batches(
            columns=list(columns),
            batch_size=size,
            batch_readahead=1,
            fragment_readahead=1,
            **options,
        )
        for batch in _each(self.title, batches):
            for part in _cut(batch, size):
                yield to_frame(part)


class Query(Source):
    """A query that is run again for each pass: of polars, of DuckDB."""

    def __init__(self, query: Any, title: str) -> None:
        self.query, self.title = query, title

    def schema(self) -> Any:
        for frame in self._batches(1):
            return schema_of(frame)
        raise SourceError(f"{self.title} has no rows.")

    def frames(self, columns: Sequence[str], size: int) -> Iterator[Any]:
        for batch in self._batches(size):
            table = to_arrow(batch).select(list(columns))
            for part in _cut(table, size):
                yield to_frame(part)

    def _batches(self, size: int) -> Iterator[Any]:
        """Yield frames or arrow batches."""
        if hasattr(self.query, "collect_batches"):
            batches = self.query.collect_batches(chunk_size=size, maintain_order=True)
            try:
                yield from batches
            finally:
                if hasattr(batches, "stop"):
                    batches.stop()
            return
        for name in ("to_arrow_reader", "fetch_arrow_reader", "fetch_record_batch"):
            if hasattr(self.query, name):
                yield from getattr(self.query, name)(size)
                return
        # An older polars: part by part.
        for start in range(0, int(self.query.select(_length()).collect().item()), size):
            yield self.query.slice(start, size).collect()


class Streams(Source):
    """What gives an arrow stream, as often as it is asked."""

    def __init__(self, source: Any) -> None:
        self.source = source
        kind = type(source)
        self.title = f"{kind.__module__.split('.')[0]}.{kind.__name__}"

    def schema(self) -> Any:
        return self._reader().schema

    def count(self) -> int | None:
        shape = getattr(self.source, "shape", None)
        return int(shape[0]) if isinstance(shape, tuple) and shape else None

    def frames(self, columns: Sequence[str], size: int) -> Iterator[Any]:
        for batch in _each(self.title, self._reader()):
            for part in _cut(batch.select(list(columns)), size):
                yield to_frame(part)

    def _reader(self) -> Any:
        import pyarrow

        return pyarrow.RecordBatchReader.from_stream(self.source)


class Calls(Source):
    """A function that returns an iterator of frames, called for each pass."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self.function = function
        self.title = f"frames of {getattr(function, '__name__', type(function))}()"

    def schema(self) -> Any:
        for frame in self._frames():
            return schema_of(frame)
        raise SourceError(f"{self.title}: it has given no frame with rows.")

    def frames(self, columns: Sequence[str], size: int) -> Iterator[Any]:
        for frame in self._frames():
            if hasattr(frame, "iloc"):  # of pandas: no dtype is to change
                _refuse_missing(self.title, frame.columns, columns)
                whole = frame[list(columns)]
                for start in range(0, len(whole), size):
                    yield whole.iloc[start : start + size].reset_index(drop=True)
                continue
            table = to_arrow(frame)
            _refuse_missing(self.title, table.schema.names, columns)
            for part in _cut(table.select(list(columns)), size):
                yield to_frame(part)

    def _frames(self) -> Iterator[Any]:
        found = self.function()
        if not hasattr(found, "__iter__") or hasattr(found, "iloc"):
            raise TypeError(
                "A callable source must return an iterator of frames, anew in each "
                f"call; got {type(found).__name__}. Write it as a generator, with yield."
            )
        for frame in found:
            if len(frame):
                yield frame


def open_source(source: Any) -> Source:
    """Return what reads a source.

    Raises
    ------
    SourceError
        If no file is there.
    TypeError
        If it is nothing that rows can be read from.
    """
    if isinstance(source, Source):
        return source
    if isinstance(source, (str, os.PathLike)):
        return _open_files([source])
    if isinstance(source, (list, tuple)) and source:
        if all(isinstance(path, (str, os.PathLike)) for path in source):
            return _open_files(source)
    module = type(source).__module__.split(".")[0]
    if module == "pyarrow" and hasattr(source, "to_batches"):
        if hasattr(source, "count_rows"):
            return DataSet(source)
    if module == "polars" and hasattr(source, "collect"):
        return Query(source, "LazyFrame of polars")
    if module in ("duckdb", "_duckdb") and hasattr(source, "columns"):
        return Query(source, "relation of DuckDB")
    if hasattr(source, "__arrow_c_stream__"):
        return Streams(source)
    if callable(source):
        return Calls(source)
    raise TypeError(
        "source must be a path, a glob or a list of paths; a data set of pyarrow, a "
        "LazyFrame of polars, a relation of DuckDB; an object with __arrow_c_stream__; "
        f"or a function that returns an iterator of frames. Got {type(source)}."
    )


# Files --------------------------------------------------------------------------------


def _open_files(sources: Sequence[Any]) -> Files:
    paths = list(chain.from_iterable(map(_expand, sources)))
    kinds = {path: _kind_of(path) for path in paths}
    if len(set(kinds.values())) > 1:
        first = kinds[paths[0]]
        other = next(path for path in paths if kinds[path] != first)
        raise SourceError(
            f"Files of one scan must be of one kind; got {paths[0]!r} and {other!r}."
        )
    return Files(paths, kinds[paths[0]])


def _expand(source: Any) -> list[str]:
    """Return the files that a path, a folder or a glob names, in order."""
    path = os.fspath(source)
    if os.path.isdir(path):
        found = sorted(
            file
            for file in glob(os.path.join(glob_escape(path), "**"), recursive=True)
            if os.path.isfile(file) and _suffix(file) in FILES
        )
        what = f"The folder {path!r} has no file that can be read"
    elif any(sign in path for sign in KINDS) and not os.path.exists(path):
        found = sorted(filter(os.path.isfile, glob(path, recursive=True)))
        what = f"No file matches {path!r}"
    else:
        found = [path] if os.path.isfile(path) else []
        what = f"There is no file {path!r}"
    if not found:
        raise SourceError(f"{what}. Give the path of {', '.join(sorted(FILES))} files.")
    return found


def glob_escape(path: str) -> str:
    """Return a path as a glob that matches it alone."""
    from glob import escape

    return escape(path)


def _suffix(path: str) -> str:
    base, suffix = os.path.splitext(path)
    return os.path.splitext(base)[1] if suffix in PACKED else suffix


def _kind_of(path: str) -> str:
    kind = FILES.get(_suffix(path).lower())
    if kind is None or (path.endswith(PACKED) and kind != "csv"):
        raise SourceError(
            f"{path!r} must end in one of {', '.join(sorted(FILES))}, the last three "
            "perhaps with .gz or .bz2 after it."
        )
    return kind


def _open_csv(path: str, columns: Sequence[str] | None = None) -> Any:
    import pyarrow.csv as csv

    return csv.open_csv(
        path,
        parse_options=csv.ParseOptions(
            delimiter="," if _suffix(path) == ".csv" else "\t"
        ),
        convert_options=csv.ConvertOptions(
            include_columns=None if columns is None else list(columns),
            strings_can_be_null=True,
        ),
    )


def _naming(path: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Return what a function does with a file; an error names the file."""
    try:
        return function(*arguments)
    except SourceError:
        raise
    except (OSError, ValueError, KeyError, MemoryError) as error:
        raise _cannot_read(path, error) from error


def _each(path: str, batches: Iterator[Any]) -> Iterator[Any]:
    """Yield batches; an error on the way names the file."""
    while True:
        try:
            batch = next(batches)
        except StopIteration:
            return
        except (OSError, ValueError, KeyError) as error:
            raise _cannot_read(path, error) from error
        if batch.num_rows:
            yield batch


def _cannot_read(path: str, error: Exception) -> SourceError:
    text = str(error).strip().splitlines()
    return SourceError(
        f"{path!r} cannot be read: {text[0] if text else error!r}. Write it again, or "
        "take it out."
    )


def _cut(batch: Any, size: int) -> Iterator[Any]:
    """Yield parts of up to `size` rows of a batch or table of arrow."""
    for start in range(0, batch.num_rows, size):
        yield batch.slice(start, size)


def _compare(
    path: str, first_path: str, here: Any, first: Any, columns: Sequence[str]
) -> None:
    """Raise an error if a file has other columns, or of another type, than the first."""
    _refuse_missing(path, here.names, columns)
    if new := sorted(set(here.names) - set(first.names)):
        raise SourceError(
            f"{path!r} has the column {new[0]!r}, which {first_path!r} has not. Name "
            "the columns to be read, as columns=[...], or write the files alike."
        )
    for name in columns:
        now, then = here.field(name).type, first.field(name).type
        if not now.equals(then):
            raise SourceError(
                f"Column {name!r} is {now} in {path!r}, and {then} in {first_path!r}. "
                "Cast one of them."
            )


def _refuse_missing(path: str, names: Any, columns: Sequence[str]) -> None:
    if lacking := [name for name in columns if name not in list(names)]:
        raise SourceError(
            f"{path!r} has no column {lacking[0]!r}; it has {', '.join(names)}."
        )


def _length() -> Any:
    import polars

    return polars.len()
