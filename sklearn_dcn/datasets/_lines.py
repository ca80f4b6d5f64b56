"""Text files of a published layout, read some thousand rows at a time.

The layout is known, so no type is guessed: every block of every file has the same
columns and dtypes, and what breaks the layout is named with its file and line.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from glob import escape, glob
from itertools import chain
from typing import Any

from .._scan import Scan, Source, SourceError, scan

__all__ = ["Layout", "Lines", "read_lines", "refuse_archive"]

# Of text that is parsed at a time. Arrow reads some 40 of them ahead, so that memory is
# 40 times as much, whatever the length of the file.
BLOCK_BYTES = 1 << 21
FIRST_BYTES = 1 << 16  # of a file, in which its first line ends
SUFFIXES = r"(\.txt|\.tsv|\.csv)?(\.gz|\.bz2)?"  # of files that are found in a folder
REPAIR = "Repair the line, or leave the file out."

RULES = {
    "number": "numbers",
    "level": "text in UTF-8",
    "click": "0 or 1",
    "rating": "numbers from 0.5 to 5",
    "hour": "hours as YYMMDDHH",
    "seconds": "whole seconds since 1970",
}
RANGES = {"click": (0, 1), "rating": (0.5, 5.0)}  # and no cell is missing

# What arrow says of a cell, and of a line.
CELL = re.compile(
    r"column #(?P<column>\d+): (Row #(?P<row>\d+): )?.*?invalid value '(?P<value>.*)'",
    re.DOTALL,
)
LINE = re.compile(r"(Row #(?P<row>\d+): )?Expected (?P<n>\d+) columns, got (?P<m>\d+)")


@dataclass(frozen=True)
class Layout:
    """What the lines of a file hold.

    Attributes
    ----------
    name : str
        The data's name.
    cells : dict of {str: str or None}
        The name of each cell of a line, in their order, with its kind: a key of
        `RULES`, or None where it is not read.
    target : str or None
        The cell that files without labels do not have.
    delimiter : str
        One character.
    header : tuple of str
        The cells of the first line; none where that has values already.
    files : tuple of str
        Regular expressions of the names that are looked for in a folder, without
        their suffixes; the files of the first that is there are read.
    """

    name: str
    cells: dict[str, str | None]
    target: str | None
    delimiter: str
    header: tuple[str, ...] = ()
    files: tuple[str, ...] = ("train", "test")

    def without_target(self) -> Layout:
        """Return the layout of files without labels."""
        cells = {name: kind for name, kind in self.cells.items() if name != self.target}
        header = tuple(name for name in self.header if name != self.target)
        return replace(self, cells=cells, header=header, target=None)

    def fits(self, cells: Sequence[str]) -> bool:
        """Tell whether these may be the cells of a file's first line."""
        if self.header:
            return tuple(cells) == self.header
        return len(cells) == len(self.cells)

    def describe(self) -> str:
        """Return how lines look, for errors."""
        sign = {"\t": "tabs", ",": "commas"}.get(self.delimiter, repr(self.delimiter))
        return f"{len(self.cells)} cells, separated by {sign}"


class Lines(Source):
    """Files of one layout, one after the other.

    Parameters
    ----------
    paths : list of str
    layout : Layout
    """

    def __init__(self, paths: list[str], layout: Layout) -> None:
        self.paths, self.layout = paths, layout
        what = "file" if len(paths) == 1 else "files"
        self.title = f"{len(paths):,} {layout.name} {what}"

    @classmethod
    def of_file(cls, path: str, layout: Layout) -> Lines:
        """Return the rows of one file, which must have labels."""
        _choose(path, layout, may_lack_target=False)
        return cls([path], layout)

    def schema(self) -> Any:
        """Return the columns as an arrow schema."""
        import pyarrow

        kinds = {name: kind for name, kind in self.layout.cells.items() if kind}
        return pyarrow.schema([(name, _type(kind)) for name, kind in kinds.items()])

    def gaps(self, columns: Sequence[str]) -> set[str]:
        """Return no column, as none of integers may have a missing cell."""
        return set()

    def pieces(self, columns: Sequence[str], size: int, whole: bool) -> Iterator[Any]:
        """Yield the rows as arrow tables with the types of the schema."""
        import pyarrow

        types = pyarrow.schema([self.schema().field(name) for name in columns])
        for path in self.paths:
            start = 0
            for batch in self._batches(path, columns):
                self._check_target(path, batch, start)
                start += batch.num_rows
                if batch.num_rows:
                    yield pyarrow.Table.from_batches([batch]).cast(types)

    def _batches(self, path: str, columns: Sequence[str]) -> Iterator[Any]:
        """Yield the rows of a file as arrow batches."""
        try:
            with self._open(path, columns) as reader:
                yield from reader
        except (OSError, ValueError) as error:
            message = self._with_row(path, columns, str(error))
            raise self._explain(path, message) from error

    def _open(self, path: str, columns: Sequence[str], threads: bool = True) -> Any:
        """Return arrow's reader of a file."""
        import pyarrow
        import pyarrow.csv as csv

        kinds = {name: self.layout.cells[name] for name in columns}
        whole = {"seconds": pyarrow.int64()}  # which arrow does not read as times
        types = {n: whole.get(k or "") or _type(k or "") for n, k in kinds.items()}
        return csv.open_csv(
            path,
            read_options=csv.ReadOptions(
                column_names=list(self.layout.cells),
                skip_rows=1 if self.layout.header else 0,
                block_size=BLOCK_BYTES,
                use_threads=threads,
            ),
            parse_options=csv.ParseOptions(
                delimiter=self.layout.delimiter,
                quote_char='"' if self.layout.delimiter == "," else False,
            ),
            convert_options=csv.ConvertOptions(
                column_types=types,
                include_columns=list(columns),
                null_values=[""],  # not "NA", "nan" and the like, which are levels
                strings_can_be_null=True,
                timestamp_parsers=["%y%m%d%H"],
            ),
        )

    def _with_row(self, path: str, columns: Sequence[str], message: str) -> str:
        """Return an error's message with the row, which old arrow tells one thread."""
        found = LINE.search(message) or CELL.search(message)
        if found is None or found["row"]:
            return message
        try:
            with self._open(path, columns, threads=False) as reader:
                for _ in reader:
                    pass
        except (OSError, ValueError) as error:
            return str(error)
        return message

    def _check_target(self, path: str, batch: Any, start: int) -> None:
        """Raise an error if a cell of the target is missing or out of its range."""
        import pyarrow.compute as compute

        name = self.layout.target
        if name is None or name not in batch.schema.names:
            return
        kind = self.layout.cells[name] or ""
        low, high = RANGES[kind]
        cells = batch.column(name)
        is_right = compute.and_(
            compute.greater_equal(cells, low), compute.less_equal(cells, high)
        ).fill_null(False)
        at = compute.index(is_right, False).as_py()
        if at >= 0:
            value = cells[at].as_py()
            raise self._wrong_cell(path, name, value, start + at + 1)

    def _explain(self, path: str, message: str) -> SourceError:
        """Return what arrow says of a file, in terms of the layout."""
        if found := LINE.search(message):
            row = found["row"] and int(found["row"]) - bool(self.layout.header)
            return SourceError(
                f"{_row(row)} of {path!r} must have {self.layout.describe()}; got "
                f"{found['m']}. {REPAIR}"
            )
        if found := CELL.search(message):
            name = list(self.layout.cells)[int(found["column"])]
            row = found["row"] and int(found["row"]) - bool(self.layout.header)
            return self._wrong_cell(path, name, found["value"], row)
        first = (message.strip().splitlines() or ["nothing is known of why"])[0]
        return SourceError(
            f"{path!r} cannot be read: {first}. Get the file again, or leave it out."
        )

    def _wrong_cell(self, path: str, name: str, value: Any, row: Any) -> SourceError:
        rule = RULES[self.layout.cells[name] or "level"]
        got = "a missing cell" if value is None else repr(value)
        return SourceError(
            f"{_row(row)} of {path!r}: column {name!r} must hold {rule}; got {got}. "
            f"{REPAIR}"
        )


def read_lines(source: Any, layout: Layout, options: dict[str, Any]) -> Scan:
    """Return the scan of files of a layout, with or without labels.

    Parameters
    ----------
    source : path, or list of paths
        Of files, globs or folders.
    layout : Layout
    options : dict
        More arguments of `scan`.
    """
    paths = _find_files(source, layout)
    layouts = {path: _choose(path, layout) for path in paths}
    first = layouts[paths[0]]
    for path, here in layouts.items():
        if here != first:
            one, other = (paths[0], path) if first.target else (path, paths[0])
            raise SourceError(
                f"{one!r} has the column {layout.target!r}, but {other!r} does not. "
                "Read files with labels and files without labels separately."
            )
    return scan(Lines(paths, first), target=first.target, **options)


def refuse_archive(path: str) -> None:
    """Raise an error if a path is that of an archive of several files."""
    if path.lower().endswith((".zip", ".tar", ".tgz", ".tar.gz")):
        raise SourceError(
            f"{path!r} is an archive. Unpack it, and give the folder of its files."
        )


def _type(kind: str) -> Any:
    """Return the arrow type of a kind of cells."""
    import pyarrow

    return {
        "number": pyarrow.float64(),
        "level": pyarrow.string(),
        "click": pyarrow.int64(),
        "rating": pyarrow.float64(),
        "hour": pyarrow.timestamp("s"),
        "seconds": pyarrow.timestamp("s"),
    }[kind]


def _row(row: Any) -> str:
    return f"Row {int(row):,}" if row else "A row"


# Files --------------------------------------------------------------------------------


def _find_files(source: Any, layout: Layout) -> list[str]:
    """Return the files that a path, a glob, a folder, or a list of them names."""
    if isinstance(source, (list, tuple)) and source:
        return list(chain.from_iterable(_find_files(one, layout) for one in source))
    if not isinstance(source, (str, os.PathLike)):
        raise TypeError(
            "path must be the path of a file, a folder or a glob, or a list of them; "
            f"got {source!r}."
        )
    path = os.fspath(source)
    refuse_archive(path)
    if os.path.isfile(path):
        return [path]
    if os.path.isdir(path):
        return _find_in_folder(path, layout)
    if found := [file for file in glob(path, recursive=True) if os.path.isfile(file)]:
        return sorted(found, key=_by_number)
    raise SourceError(
        f"There is no file {path!r}. Give the path of a file, of a folder, or a glob."
    )


def _find_in_folder(folder: str, layout: Layout) -> list[str]:
    """Return the files of a folder that have the layout's names."""
    files = filter(os.path.isfile, glob(os.path.join(escape(folder), "*")))
    names = {os.path.basename(file): file for file in sorted(files, key=_by_number)}
    for stem in layout.files:
        whole = re.compile(rf"(?P<stem>{stem}){SUFFIXES}")
        found = {name: match for name in names if (match := whole.fullmatch(name))}
        by_stem: dict[str, str] = {}
        for name, match in found.items():
            if (other := by_stem.setdefault(match["stem"], name)) != name:
                raise SourceError(
                    f"The folder {folder!r} has both {other!r} and {name!r}, which "
                    "seem to hold the same rows. Give the paths of the files to read."
                )
        if found:
            return [names[name] for name in found]
    raise SourceError(
        f"The folder {folder!r} has no file named like {layout.name}'s, "
        f"{' or '.join(layout.files)}. Give the paths of the files, or a glob."
    )


def _by_number(path: str) -> list[Any]:
    """Return a key of order in which "day_10" comes after "day_2"."""
    parts = re.split(r"(\d+)", path)  # text and digits by turns
    return [int(part) if at % 2 else part for at, part in enumerate(parts)]


def _choose(path: str, layout: Layout, may_lack_target: bool = True) -> Layout:
    """Return the layout of a file, with or without labels, by its first line."""
    import pyarrow

    try:
        with pyarrow.input_stream(path) as stream:  # which unpacks by the suffix
            line = stream.read(FIRST_BYTES).partition(b"\n")[0]
    except (OSError, ValueError) as error:
        raise SourceError(
            f"{path!r} cannot be read: {error}. Get the file again, or leave it out."
        ) from error
    text = line.decode("utf-8-sig", "replace").rstrip("\r")
    cells = text.split(layout.delimiter)
    options = [layout, *([layout.without_target()] if may_lack_target else [])]
    for option in options:
        if option.fits(cells):
            return option
    if layout.header:
        perhaps = f", perhaps without {layout.target!r}" if may_lack_target else ""
        raise SourceError(
            f"The first line of {path!r} must be {','.join(layout.header)!r}{perhaps}; "
            f"got {text[:100]!r}. Give the file as it was published."
        )
    wanted = " or ".join(option.describe() for option in options)
    raise SourceError(
        f"Row 1 of {path!r} must have {wanted}; got {len(cells) if text else 0}. Give "
        "the file as it was published."
    )
