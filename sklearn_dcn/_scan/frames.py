"""Rows of any library as pandas frames, with the dtypes of the whole table."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np

__all__ = [
    "bytes_of",
    "can_change",
    "common_dtype",
    "dtype_with_gaps",
    "family_of",
    "is_pandas",
    "joined",
    "n_rows_of",
    "parts_of",
    "saved_index",
    "schema_of",
    "to_arrow",
    "to_frame",
    "words_of",
]

FAMILIES = {
    "numbers": ("integer", "floating", "mixed-integer-float", "decimal"),
    "strings": ("string",),
    "booleans": ("boolean",),
    "dates": ("datetime64", "datetime", "date"),
}


def is_pandas(rows: Any) -> bool:
    """Tell whether rows are a frame of pandas."""
    return hasattr(rows, "iloc")


def to_arrow(rows: Any) -> Any:
    """Return a frame of polars, or a table, batch or stream of arrow, as a table."""
    import pyarrow

    if isinstance(rows, pyarrow.Table):
        return rows
    if isinstance(rows, pyarrow.RecordBatch):
        return pyarrow.Table.from_batches([rows])
    if hasattr(rows, "to_arrow"):  # of polars, whose stream has views of strings
        return rows.to_arrow()
    if hasattr(rows, "__arrow_c_stream__"):
        return pyarrow.table(rows)
    raise TypeError(
        "A block of rows must be a frame of pandas, polars or arrow; got "
        f"{type(rows).__name__}."
    )


def schema_of(rows: Any) -> Any:
    """Return the columns of a frame as an arrow schema."""
    import pyarrow

    if not is_pandas(rows):
        return to_arrow(rows).schema
    head = rows.head(1000)
    try:
        return pyarrow.Schema.from_pandas(head, preserve_index=False)
    except pyarrow.ArrowException:  # cells that arrow has no type for
        return pyarrow.schema([(str(n), _type_of(head[n])) for n in head.columns])


def _type_of(column: Any) -> Any:
    import pyarrow

    try:
        return pyarrow.Array.from_pandas(column).type
    except pyarrow.ArrowException:
        return pyarrow.null()


def words_of(kind: Any) -> str:
    """Return the readable name of an arrow type."""
    import pyarrow

    if pyarrow.types.is_dictionary(kind):
        return f"categories of {kind.value_type}"
    return str(kind)


def n_rows_of(rows: Any) -> int:
    """Return the number of rows of a frame, table or batch."""
    return len(rows)


def parts_of(rows: Any, first: int, size: int) -> Iterator[Any]:
    """Yield parts of rows: first up to `first` rows, then up to `size` at a time."""
    start, stop, n = 0, first, n_rows_of(rows)
    while start < n:
        if is_pandas(rows):
            yield rows.iloc[start:stop]
        else:
            yield rows.slice(start, stop - start)
        start, stop = stop, stop + size


def to_frame(rows: Any, dtypes: Mapping[str, Any] | None = None) -> Any:
    """Return rows as a pandas frame without an index of their own.

    Parameters
    ----------
    rows : frame, or table or batch of arrow
    dtypes : dict or None, default=None
        The dtypes that columns have in other blocks of the table, by name. Columns of
        extension dtypes keep their own, as gaps do not change it.
    """
    if is_pandas(rows):
        frame = rows.reset_index(drop=True)
    else:
        table = to_arrow(rows)
        metadata = _without_index(table.schema.metadata)
        table = _signed(table.replace_schema_metadata(metadata))
        frame = table.to_pandas()
        frame.columns = table.column_names
    wanted = {
        name: dtype
        for name, dtype in (dtypes or {}).items()
        if isinstance(frame[name].dtype, np.dtype) and frame[name].dtype != dtype
    }
    return frame.astype(wanted) if wanted else frame


def _signed(table: Any) -> Any:
    """Return a table whose categories have codes that every pandas takes."""
    import pyarrow

    for at, field in enumerate(table.schema):
        kind = field.type
        if not pyarrow.types.is_dictionary(kind):
            continue
        if pyarrow.types.is_unsigned_integer(kind.index_type):
            chunks = [
                pyarrow.DictionaryArray.from_arrays(
                    chunk.indices.cast(pyarrow.int64()),
                    chunk.dictionary,
                    ordered=kind.ordered,
                )
                for chunk in table.column(at).chunks
            ]
            if chunks:
                column = pyarrow.chunked_array(chunks)
                table = table.set_column(at, field.name, column)
    return table


def saved_index(schema: Any) -> list[str]:
    """Return the columns that were the index of a pandas frame."""
    found = (schema.metadata or {}).get(b"pandas")
    index = json.loads(found).get("index_columns", []) if found else []
    return [name for name in index if isinstance(name, str)]


def _without_index(metadata: Any) -> Any:
    """Return what pandas has noted in a file, without its index."""
    if not metadata or b"pandas" not in metadata:
        return metadata
    told = json.loads(metadata[b"pandas"])
    told["index_columns"] = told["column_indexes"] = []
    return {**metadata, b"pandas": json.dumps(told).encode()}


def can_change(kind: Any) -> bool:
    """Tell whether a column of an arrow type has another dtype if it has gaps."""
    import pyarrow

    return pyarrow.types.is_integer(kind) or pyarrow.types.is_boolean(kind)


def dtype_with_gaps(kind: Any) -> Any:
    """Return the dtype of integers or booleans if some are missing."""
    import pyarrow

    return np.dtype(object if pyarrow.types.is_boolean(kind) else np.float64)


def common_dtype(dtypes: Sequence[Any]) -> Any:
    """Return the common dtype of the parts of a column; None for categories.

    Parameters
    ----------
    dtypes : list
        Dtypes of pandas, no two of them equal.
    """
    import pandas

    if all(isinstance(dtype, pandas.CategoricalDtype) for dtype in dtypes):
        return None
    if len(dtypes) == 1:
        return dtypes[0]
    return pandas.concat([pandas.Series([], dtype=dtype) for dtype in dtypes]).dtype


def joined(frames: Sequence[Any]) -> Any:
    """Return frames with the same columns as one, categories as categories."""
    if len(frames) == 1:
        return frames[0]
    import pandas

    frames = [frame.copy(deep=False) for frame in frames]
    for name in frames[0].columns:
        columns = [frame[name] for frame in frames]
        dtypes = [*dict.fromkeys(column.dtype for column in columns)]
        if len(dtypes) == 1:
            continue
        dtype = common_dtype(dtypes)
        if dtype is None:  # categories
            dtype = _union(columns)
        for frame in frames:
            frame[name] = frame[name].astype(dtype)
    return pandas.concat(frames, ignore_index=True)


def _union(columns: Sequence[Any]) -> Any:
    """Return the dtype of all categories of some columns, in the order of columns."""
    import pandas

    # Not by union_categoricals, for which those of a column of gaps are of no type.
    each = (column.cat.categories for column in columns)
    return pandas.CategoricalDtype([*dict.fromkeys(chain.from_iterable(each))])


def family_of(column: Any) -> str | None:
    """Return what the cells of a column are; None if all are missing."""
    from pandas.api.types import infer_dtype

    told = str(column.dtype)
    if not column.notna().any():
        return None
    if told == "category":
        return "categories"
    kind = infer_dtype(column.head(1000), skipna=True)
    for family, kinds in FAMILIES.items():
        if kind in kinds:
            return family
    return kind if kind != "empty" else None


def bytes_of(column: Any) -> bytes:
    """Return bytes that are the same only for the same cells."""
    from pandas.util import hash_pandas_object

    try:
        hashes = hash_pandas_object(column, index=False)
    except TypeError:  # lists
        return repr([getattr(c, "tolist", lambda c=c: c)() for c in column]).encode()
    return np.asarray(hashes).tobytes()
