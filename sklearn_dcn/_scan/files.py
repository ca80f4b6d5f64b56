"""Rows in files of one kind: Parquet, Feather (Arrow IPC) or CSV.

Each reader is used in the form whose memory does not grow with the file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from glob import escape, glob
from itertools import accumulate, chain
from typing import Any

from .base import Source, SourceError, cannot_read
from .frames import n_rows_of, saved_index

__all__ = ["Files", "find_files", "partitioned_kind"]

CSV_BLOCK = 8 << 20  # bytes; the first ones tell the types of the columns
CSV_CELL = re.compile(
    r"CSV column #(\d+): (?:Row #\d+: )?CSV conversion error to (\S+): (.*)"
)
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


class Files(Source):
    """Files of one kind, one after the other.

    Parameters
    ----------
    paths : list of str
    """

    def __init__(self, paths: list[str]) -> None:
        self.paths, self.kind = paths, _one_kind(paths)
        self.title = repr(paths[0])
        if len(paths) > 1:
            more = f"{len(paths) - 1:,} more file" + "s" * (len(paths) > 2)
            self.title = f"{paths[0]!r} and {more}"

    @cached_property
    def _first(self) -> Any:
        return _naming(self.paths[0], self._schema_of, self.paths[0])

    def schema(self) -> Any:
        """Return the columns of the first file."""
        return self._first

    def count(self) -> int | None:
        """Return the number of rows; None for CSV."""
        if self.kind == "csv":
            return None
        return sum(_naming(path, self._count, path) for path in self.paths)

    def pieces(self, columns: Sequence[str], size: int, whole: bool) -> Iterator[Any]:
        """Yield the rows file by file; each file is compared to the first."""
        for path in self.paths:
            self._check(path, columns, whole)
            yield from self._pieces(path, self._batches(path, columns, size), columns)

    @property
    def can_skip(self) -> bool:  # type: ignore[override]
        """Whether groups of rows can be skipped: only in Parquet files."""
        return self.kind == "parquet"

    def pieces_between(
        self, columns: Sequence[str], size: int, whole: bool, start: int, stop: int
    ) -> Iterator[Any]:
        """Yield the rows of the row groups in between, of Parquet files."""
        here = 0  # the number of the group's first row
        for path in self.paths:
            n_file = _naming(path, self._count, path)
            if here + n_file <= start or here >= stop:
                here += n_file
                continue
            self._check(path, columns, whole)
            groups = _groups(path, columns, size, start - here, stop - here)
            yield from self._pieces(path, groups, columns)
            here += n_file

    def _check(self, path: str, columns: Sequence[str], whole: bool) -> None:
        """Raise an error if a file has not the columns of the first."""
        if path != self.paths[0]:
            here = _naming(path, self._schema_of, path)
            _compare(path, here, self.paths[0], self.schema(), columns, whole)

    def _pieces(
        self, path: str, batches: Iterator[Any], columns: Sequence[str]
    ) -> Iterator[Any]:
        while (batch := _naming(path, next, batches, None)) is not None:
            if n_rows_of(batch):
                yield batch.select(list(columns))

    def gaps(self, columns: Sequence[str]) -> set[str]:
        """Return the columns with a missing cell; Parquet's statistics tell."""
        if self.kind != "parquet":
            return super().gaps(columns)
        import pyarrow.parquet as parquet

        found, unknown = set(), set()
        for path in self.paths:
            metadata = _naming(path, parquet.read_metadata, path)
            for column in _chunks(metadata, columns):
                seen = column.statistics
                if seen is None or not seen.has_null_count:
                    unknown.add(column.path_in_schema)
                elif seen.null_count:
                    found.add(column.path_in_schema)
        unknown -= found
        return found | (super().gaps(sorted(unknown)) if unknown else set())

    def _schema_of(self, path: str) -> Any:
        if self.kind == "parquet":
            import pyarrow.parquet as parquet

            return parquet.read_schema(path)
        if self.kind == "feather":
            import pyarrow

            with pyarrow.memory_map(path) as file:
                return pyarrow.ipc.open_file(file).schema
        with self._csv(path) as reader:
            return reader.schema

    @contextmanager
    def _csv(self, path: str, columns: Sequence[str] | None = None) -> Iterator[Any]:
        """Open a file, whose types are those of the first one's first rows."""
        is_new = path == self.paths[0] and columns is None
        types = None if is_new else self._first
        try:
            with _open_csv(path, types, columns) as reader:
                yield reader
        except ValueError as error:
            raise _bad_cell(path, types, error) from error

    def _count(self, path: str) -> int:
        if self.kind == "parquet":
            import pyarrow.parquet as parquet

            return int(parquet.read_metadata(path).num_rows)
        import pyarrow.dataset as arrow

        return int(arrow.dataset(path, format="ipc").count_rows())

    def _batches(self, path: str, columns: Sequence[str], size: int) -> Iterator[Any]:
        if self.kind == "parquet":
            import pyarrow.parquet as parquet

            with parquet.ParquetFile(path, pre_buffer=False) as file:
                yield from file.iter_batches(size, columns=list(columns))
        elif self.kind == "feather":
            yield from _feather_batches(path, columns)
        else:
            with self._csv(path, columns) as reader:
                yield from reader


def _chunks(metadata: Any, columns: Sequence[str]) -> Iterator[Any]:
    """Yield what a Parquet file tells of columns that are no lists, group by group."""
    if not metadata.num_row_groups:
        return
    group = metadata.row_group(0)
    paths = [group.column(at).path_in_schema for at in range(group.num_columns)]
    wanted = [at for at, path in enumerate(paths) if path in set(columns)]
    for k in range(metadata.num_row_groups):
        group = metadata.row_group(k)
        for at in wanted:
            yield group.column(at)


def _groups(
    path: str, columns: Sequence[str], size: int, start: int, stop: int
) -> Iterator[Any]:
    """Yield the rows of a Parquet file between two numbers."""
    import pyarrow.parquet as parquet

    with parquet.ParquetFile(path, pre_buffer=False) as file:
        sizes = [
            file.metadata.row_group(k).num_rows for k in range(file.num_row_groups)
        ]
        first = [0, *accumulate(sizes)]
        wanted = [
            k for k in range(len(sizes)) if first[k + 1] > start and first[k] < stop
        ]
        if not wanted:
            return
        here = first[wanted[0]]
        for batch in file.iter_batches(size, row_groups=wanted, columns=list(columns)):
            left, right = max(start - here, 0), min(stop - here, len(batch))
            if left < right:
                yield batch.slice(left, right - left)
            here += len(batch)


def _feather_batches(path: str, columns: Sequence[str]) -> Iterator[Any]:
    import pyarrow
    from pyarrow import ipc

    with pyarrow.memory_map(path) as file:
        names = ipc.open_file(file).schema.names
        at = [names.index(name) for name in columns]
        options = ipc.IpcReadOptions(included_fields=at)
        reader = ipc.open_file(file, options=options)
        for i in range(reader.num_record_batches):
            yield reader.get_batch(i)


# CSV ----------------------------------------------------------------------------------


def _open_csv(
    path: str, types: Any = None, columns: Sequence[str] | None = None
) -> Any:
    """Return a reader, whose types are given, or are those of the first rows."""
    import pyarrow.csv as csv

    return csv.open_csv(
        path,
        read_options=csv.ReadOptions(block_size=CSV_BLOCK),
        parse_options=csv.ParseOptions(
            delimiter="," if _suffix(path) == ".csv" else "\t",
            newlines_in_values=True,
        ),
        convert_options=csv.ConvertOptions(
            include_columns=None if columns is None else list(columns),
            column_types=None if types is None else types,
            strings_can_be_null=True,
        ),
    )


def _bad_cell(path: str, types: Any, error: Exception) -> SourceError:
    """Return an error that names the column whose cell has not the type of others."""
    found = CSV_CELL.search(str(error))
    if found is None or types is None:
        return cannot_read(repr(path), error)
    at, kind, what = found.groups()
    return SourceError(
        f"Column {types.names[int(at)]!r} of {path!r} is read as {kind}, like its "
        f"first rows; then comes an {what}. Write the table as Parquet, or scan a "
        "pyarrow.dataset.dataset(...) whose schema states the type."
    )


# Paths --------------------------------------------------------------------------------


def find_files(sources: Sequence[Any]) -> list[str]:
    """Return the files that paths, folders and globs name, in order.

    Raises
    ------
    SourceError
        If one of them names no file.
    """
    return [*chain.from_iterable(map(_expand, sources))]


def _expand(source: Any) -> list[str]:
    path = os.fspath(source)
    if os.path.isdir(path):
        found = [*_below(path)]
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


def _below(folder: str) -> Iterator[str]:
    """Yield the files in a folder, but for those of predictions under way and "_x"."""
    for path in sorted(glob(os.path.join(escape(folder), "**"), recursive=True)):
        *above, name = os.path.relpath(path, folder).split(os.sep)
        is_hidden = name.startswith("_") or any(n.endswith(".parts") for n in above)
        if _suffix(path) in FILES and not is_hidden and os.path.isfile(path):
            yield path


def partitioned_kind(source: Any) -> str | None:
    """Return the kind of the files in folders like "name=value", else None."""
    folder = os.fspath(source)
    if not os.path.isdir(folder):
        return None
    paths = [
        path
        for path in _below(folder)
        if any("=" in name for name in os.path.relpath(path, folder).split(os.sep)[:-1])
    ]
    return _one_kind(paths) if paths else None


def _one_kind(paths: Sequence[str]) -> str:
    kinds = {path: _kind_of(path) for path in paths}
    first = kinds[paths[0]]
    for path, kind in kinds.items():
        if kind != first:
            raise SourceError(
                f"Files of one scan must be of one kind; got {paths[0]!r} and "
                f"{path!r}. Scan a glob or a list of files of one kind."
            )
    return first


def _suffix(path: str) -> str:
    base, suffix = os.path.splitext(path)
    return (os.path.splitext(base)[1] if suffix in PACKED else suffix).lower()


def _kind_of(path: str) -> str:
    kind = FILES.get(_suffix(path))
    if kind is None or (path.endswith(PACKED) and kind != "csv"):
        raise SourceError(
            f"{path!r} must end in one of {', '.join(sorted(FILES))}; .gz or .bz2 may "
            "follow .csv, .tsv and .txt. Rename it, or pass a pyarrow.dataset.Dataset."
        )
    return kind


# Errors -------------------------------------------------------------------------------


def _naming(path: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Return what a function does with a file; an error names the file."""
    import pyarrow

    try:
        return function(*arguments)
    except SourceError:
        raise
    except (OSError, ValueError, KeyError, pyarrow.ArrowException) as error:
        raise cannot_read(repr(path), error) from error


def _compare(
    path: str,
    here: Any,
    first_path: str,
    first: Any,
    columns: Sequence[str],
    whole: bool,
) -> None:
    """Raise an error if a file has not the columns, and types, of the first."""
    if lacking := [name for name in columns if name not in here.names]:
        raise SourceError(
            f"{path!r} has no column {lacking[0]!r}, which {first_path!r} has. Write "
            "all files with the same columns, or name the columns to read: "
            "columns=[...]."
        )
    new = sorted(set(here.names) - set(first.names) - set(saved_index(here)))
    if whole and new:
        raise SourceError(
            f"{path!r} has the column {new[0]!r}, which {first_path!r} lacks. Name the "
            "columns to read: columns=[...], or write all files with the same columns."
        )
    for name in columns:
        now, then = here.field(name).type, first.field(name).type
        if not now.equals(then):
            raise SourceError(
                f"Column {name!r} is {now} in {path!r}, and {then} in {first_path!r}. "
                "Cast one of them."
            )
