"""Where rows come from: files, data sets, queries, streams and functions.

A source says which columns it has and, if metadata tell, how many rows. It gives its
rows in their order, a few thousand at a time, as often as it is asked.
"""

from __future__ import annotations

import os
from typing import Any

from .base import Source
from .files import Files, find_files, partitioned_kind
from .frames import is_pandas
from .queries import DataSet, DuckQuery, PolarsQuery
from .streams import Calls, InMemory, OnceOnly

__all__ = ["check_kind", "open_source"]


def open_source(source: Any, folder: str | None = "auto") -> Source:
    """Return what reads a source.

    Parameters
    ----------
    source : object
        As in `scan`.
    folder : str or None, default="auto"
        Where to keep the rows of a stream that can be read only once.

    Raises
    ------
    SourceError
        If there is no file.
    TypeError
        If rows cannot be read from the source.
    """
    if isinstance(source, Source):
        return source
    if isinstance(source, (str, os.PathLike)):
        kind = partitioned_kind(source)
        return _partitioned(source, kind) if kind else Files(find_files([source]))
    if _is_list_of_paths(source):
        return Files(find_files(source))
    module = type(source).__module__.split(".")[0]
    if hasattr(source, "count_rows") and hasattr(source, "to_batches"):
        return DataSet(source)
    if module == "polars" and hasattr(source, "collect_schema") and _is_lazy(source):
        return PolarsQuery(source)
    if module in ("duckdb", "_duckdb") and hasattr(type(source), "columns"):
        return DuckQuery(source)
    if is_pandas(source) and hasattr(type(source), "columns"):
        return Calls.of_frame(source)
    if hasattr(source, "__arrow_c_stream__"):
        # Whatever does not say how many rows it has may be gone when it was read.
        is_there = hasattr(source, "shape") or hasattr(source, "num_rows")
        return InMemory(source) if is_there else OnceOnly(source, folder)
    check_kind(source)
    return Calls(source)


def check_kind(source: Any) -> None:
    """Raise a TypeError for an object that rows cannot be read from."""
    # Of the class, as a LazyFrame warns when it is asked for its columns.
    marks = ("count_rows", "__arrow_c_stream__", "columns")
    if not (
        isinstance(source, (Source, str, os.PathLike))
        or _is_list_of_paths(source)
        or any(hasattr(type(source), mark) for mark in marks)
        or callable(source)
    ):
        raise TypeError(
            "source must be a path, a glob or a list of paths; a data set of pyarrow, "
            "a LazyFrame of polars, a relation of DuckDB; a frame, or an object with "
            "__arrow_c_stream__; or a function that returns an iterator of frames. "
            f"Got {type(source)}."
        )


def _is_list_of_paths(source: Any) -> bool:
    return (
        isinstance(source, (list, tuple))
        and bool(source)
        and all(isinstance(path, (str, os.PathLike)) for path in source)
    )


def _is_lazy(frame: Any) -> bool:
    return hasattr(frame, "collect")


def _partitioned(folder: Any, kind: str) -> DataSet:
    """Return the files of a folder, with the columns that its folders name."""
    import pyarrow.dataset as arrow

    path = os.fspath(folder)
    kind = "ipc" if kind == "feather" else kind
    dataset = arrow.dataset(path, format=kind, partitioning="hive")
    return DataSet(dataset, f"The folder {path!r}")
