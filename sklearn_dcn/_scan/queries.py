"""Rows of data sets of pyarrow, and of queries that are run again for each pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any

from .base import Source, SourceError, cannot_read
from .frames import n_rows_of, to_arrow

__all__ = ["DataSet", "DuckQuery", "PolarsQuery"]


REMEDY = "Correct the query, or write its rows to a file and scan that."


class DataSet(Source):
    """A data set of pyarrow, of files anywhere."""

    def __init__(self, dataset: Any, title: str | None = None) -> None:
        self.dataset = dataset
        self.title = title or f"The {type(dataset).__name__} of pyarrow"
        kind = getattr(getattr(dataset, "format", None), "type_name", "")
        self.kind = kind if isinstance(kind, str) else kind()

    def schema(self) -> Any:
        """Return the columns, including those of folders."""
        return self.dataset.schema

    def count(self) -> int | None:
        """Return the number of rows; None for CSV and JSON, which must be read."""
        if self.kind in ("csv", "json"):
            return None
        return int(_naming(self.title, self.dataset.count_rows))

    def pieces(self, columns: Sequence[str], size: int, whole: bool) -> Iterator[Any]:
        """Yield the rows, one file after the other."""
        import pyarrow.dataset as arrow

        options: dict[str, Any] = {}
        if self.kind == "parquet":
            # Without these, and readahead, memory grows with the files (arrow#39808).
            options["fragment_scan_options"] = arrow.ParquetFragmentScanOptions(
                pre_buffer=False, use_buffered_stream=True
            )
        batches = self.dataset.to_batches(
            columns=list(columns),
            batch_size=size,
            batch_readahead=0,
            fragment_readahead=1,
            **options,
        )
        yield from _each(self.title, batches)


class PolarsQuery(Source):
    """A LazyFrame of polars."""

    title = "The LazyFrame of polars"

    def __init__(self, query: Any) -> None:
        self.query = query

    @cached_property
    def _schema(self) -> Any:
        import polars

        kinds = _naming(self.title, self.query.collect_schema)
        return to_arrow(polars.DataFrame(schema=kinds)).schema

    def schema(self) -> Any:
        """Return the columns, from the plan alone."""
        return self._schema

    def pieces(self, columns: Sequence[str], size: int, whole: bool) -> Iterator[Any]:
        """Yield the rows, as the streaming engine makes them."""
        query = self.query.select(list(columns))
        if hasattr(query, "collect_batches"):
            batches = _naming(
                self.title,
                lambda: query.collect_batches(chunk_size=size, maintain_order=True),
            )
            try:
                yield from map(to_arrow, _each(self.title, iter(batches)))
            finally:
                if hasattr(batches, "stop"):
                    batches.stop()
            return
        start = 0  # an older polars: part by part
        while True:
            part = _naming(self.title, query.slice(start, size).collect)
            if not len(part):
                return
            yield to_arrow(part)
            start += size


class DuckQuery(Source):
    """A relation of DuckDB."""

    title = "The relation of DuckDB"

    def __init__(self, relation: Any) -> None:
        self.relation = relation

    @cached_property
    def _schema(self) -> Any:
        return _naming(self.title, lambda: _reader(self.relation.limit(0), 1).schema)

    def schema(self) -> Any:
        """Return the columns, from a query of no rows."""
        return self._schema

    def pieces(self, columns: Sequence[str], size: int, whole: bool) -> Iterator[Any]:
        """Yield the rows of a new run, because a relation keeps a result once begun."""
        names = ", ".join('"' + name.replace('"', '""') + '"' for name in columns)
        relation = self.relation.project(names)
        reader = _naming(self.title, lambda: _reader(relation, size))
        try:
            yield from _each(self.title, reader)
        finally:  # a connection has one result at a time
            reader.close()


def _reader(relation: Any, size: int) -> Any:
    """Return the rows of a relation as a reader of arrow."""
    names = ("to_arrow_reader", "fetch_arrow_reader", "fetch_record_batch")
    for name in names:
        if hasattr(relation, name):
            return getattr(relation, name)(size)
    raise SourceError(f"A relation of DuckDB must have {names[0]}. Update DuckDB.")


def _naming(title: str, function: Callable[[], Any]) -> Any:
    """Return what a library does; its errors, of any class, name the source."""
    try:
        return function()
    except SourceError:
        raise
    except Exception as error:
        raise cannot_read(title, error, REMEDY) from error


def _each(title: str, batches: Iterator[Any]) -> Iterator[Any]:
    """Yield batches that have rows; an error on the way names the source."""
    while (batch := _naming(title, lambda: next(batches, None))) is not None:
        if n_rows_of(batch):
            yield batch
