"""Frames of pandas, and of polars, arrow and the like by way of narwhals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..._ids import MISSING_ID
from .columns import UNKNOWN_LEVEL
from .other_inputs import refuse_lazy

__all__ = [
    "bridge",
    "columns_beside",
    "header",
    "is_frame",
    "is_narwhals",
    "is_pandas",
    "join_tables",
    "to_categorical",
    "to_polars",
]


def bridge(X: Any) -> Any:
    """Return a frame of polars, arrow and the like as one of narwhals."""
    if isinstance(X, (np.ndarray, list, tuple, dict)) or X is None:
        return X
    import narwhals.stable.v2 as narwhals

    if type(X).__name__ == "RecordBatch":  # which narwhals does not know
        import pyarrow

        X = pyarrow.Table.from_batches([X])
    try:
        bridged = narwhals.from_native(X, pass_through=True)
    except ValueError as error:  # a name that occurs twice
        raise ValueError(
            f"Column names must be unique. {error}\nRename the columns."
        ) from None
    if isinstance(bridged, narwhals.LazyFrame):
        refuse_lazy(X)
    return bridged


def is_pandas(X: Any) -> bool:
    """Tell whether `X` is a pandas DataFrame, without importing pandas."""
    return hasattr(X, "iloc") and hasattr(X, "columns")


def is_narwhals(X: Any) -> bool:
    return hasattr(X, "to_native") and hasattr(X, "columns")


def is_frame(X: Any) -> bool:
    return is_pandas(X) or is_narwhals(X)


def header(X: Any) -> Any:
    """Return what scikit-learn reads the columns' names and number from."""
    if not is_narwhals(X):
        return X
    import pandas  # releases of scikit-learn differ in the frames that they know

    return pandas.DataFrame(columns=X.columns)


def join_tables(tables: Sequence[Any]) -> Any:
    """Return checked tables of the same columns, one below the other."""
    if isinstance(tables[0], np.ndarray):
        return np.concatenate(tables)
    if is_pandas(tables[0]):
        import pandas

        return pandas.concat(tables, ignore_index=True)
    import narwhals.stable.v2 as narwhals

    return narwhals.concat(tables)


def columns_beside(one: Any, other: Any, names: Sequence[str]) -> Any:
    """Return the named columns of two equally long checked frames, side by side.

    The frames are of one library; their indices do not matter.
    """
    if is_pandas(one):
        import pandas

        frames = [frame.reset_index(drop=True) for frame in (one, other)]
        return pandas.concat(frames, axis=1)[[*names]]
    import narwhals.stable.v2 as narwhals

    return narwhals.concat([one, other], how="horizontal").select(*names)


def to_categorical(frame: Any, levels: dict[int, Any]) -> Any:
    """Return a pandas or polars frame with its columns of ids as categories.

    Their labels are that of an unknown level, then the levels; missing cells are null.

    Parameters
    ----------
    frame : DataFrame
        Ids and other columns.
    levels : dict of {int: list}
        The levels in the order of their ids, by position of the column.
    """
    if not is_pandas(frame):
        return _to_enums(frame, levels)
    import pandas

    columns = {}
    for j, name in enumerate(frame.columns):
        columns[name] = frame[name]
        if j in levels:
            categories = pandas.Index([UNKNOWN_LEVEL, *levels[j]], dtype=object)
            # Id 1, missing, is code -1.
            ids = np.asarray(frame[name])
            codes = np.where(ids == MISSING_ID, -1, np.maximum(ids - 1, 0))
            columns[name] = pandas.Categorical.from_codes(codes, categories)
    return pandas.DataFrame(columns, index=frame.index)


def _to_enums(frame: Any, levels: dict[int, Any]) -> Any:
    import polars

    columns = []
    for j, name in enumerate(frame.columns):
        if j in levels:
            labels = [str(level) for level in levels[j]]
            kind = polars.Enum([UNKNOWN_LEVEL, *labels])
            of_ids = polars.Series([UNKNOWN_LEVEL, None, *labels], dtype=kind)
            columns.append(of_ids.gather(frame[name].to_numpy()).alias(name))
        else:
            columns.append(frame[name])
    return polars.DataFrame(columns)


def to_polars(columns: dict[str, list[Any]]) -> Any:
    """Return a polars frame of columns of cells."""
    import polars

    return polars.DataFrame(columns, strict=False)
