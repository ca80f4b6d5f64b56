"""Blocks of rows as pandas frames, each with the dtypes that the whole table would have."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

__all__ = ["schema_of", "to_arrow", "to_frame"]


def to_arrow(frame: Any) -> Any:
    """Return a frame or batch of any library as a table of arrow."""
    import pyarrow

    if isinstance(frame, pyarrow.Table):
        return frame
    if isinstance(frame, pyarrow.RecordBatch):
        return pyarrow.Table.from_batches([frame])
    if hasattr(frame, "__arrow_c_stream__"):
        return pyarrow.table(frame)
    raise TypeError(
        "A block of rows must be a frame of pandas, polars or arrow; got "
        f"{type(frame).__name__}."
    )


def schema_of(frame: Any) -> Any:
    """Return the columns of a frame as an arrow schema."""
    import pyarrow

    if hasattr(frame, "iloc"):
        return pyarrow.Schema.from_pandas(frame.head(1000), preserve_index=False)
    return to_arrow(frame).schema


def to_frame(batch: Any, gaps: Collection[str] | None = None) -> Any:
    """Return an arrow batch as a pandas frame.

    Integers with a missing cell anywhere in the table are floats, as pandas has them,
    also in blocks without one.

    Parameters
    ----------
    batch : RecordBatch or Table of arrow
    gaps : set of str or None, default=None
        The columns with missing cells; None where that is not known.
    """
    import pyarrow

    table = to_arrow(batch)
    fields = []
    for field in table.schema:
        is_float = pyarrow.types.is_integer(field.type) and gaps and field.name in gaps
        fields.append(field.with_type(pyarrow.float64()) if is_float else field)
    schema = pyarrow.schema(fields, table.schema.metadata)
    if schema != table.schema:
        table = table.cast(schema)
    frame = table.to_pandas()
    return frame if frame.index.name is None else frame.reset_index()
