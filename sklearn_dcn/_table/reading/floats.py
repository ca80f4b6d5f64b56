"""One column -> floats, missing cells as NaN."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .columns import (
    Column,
    describe,
    dtype_name,
    is_bridged,
    level_family,
    missing_types,
)
from .kinds import raise_bad_cell

__all__ = ["to_float", "unwrap_nullable"]


def to_float(column: Column, name: str | int) -> NDArray[np.float64]:
    """Return a column's numbers, missing ones as NaN.

    Raises
    ------
    ValueError
        If a cell is infinite, or a string that is not a number.
    TypeError
        If a cell is not a number.
    """
    if isinstance(column, list):
        values = _cells_to_float(column, name)
    elif is_bridged(column):
        values = _bridged_to_float(column, name)
    elif column.dtype.kind in "mM":
        raise_bad_cell(name, str(column.dtype))
    elif column.dtype.kind in "iufb":
        if hasattr(column, "to_numpy"):  # pandas, also nullable and arrow-backed
            values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        else:
            values = column.astype(np.float64)
    else:
        values = _cells_to_float(column.tolist(), name)
    infinite = np.isinf(values)
    if infinite.any():
        raise ValueError(
            f"{describe(name)} contains infinity (first in row "
            f"{int(infinite.argmax())}), but numbers must be finite or missing. "
            "Replace it, e.g. with df.replace([np.inf, -np.inf], np.nan)."
        )
    return values


def _bridged_to_float(column: Any, name: str | int) -> NDArray[np.float64]:
    dtype = column.dtype
    if dtype.is_temporal():
        raise_bad_cell(name, dtype_name(column))
    if dtype.is_numeric() or type(dtype).__name__ == "Boolean":
        from narwhals.stable.v2 import Float64

        try:
            values = column.cast(Float64).to_numpy()
        except ValueError:  # arrow does not cast integers beyond 2**53, but does round
            values = column.to_numpy()
        return np.asarray(values, dtype=np.float64)
    return _cells_to_float(column.to_list(), name)


def _cells_to_float(cells: list[Any], name: str | int) -> NDArray[np.float64]:
    missing = missing_types()
    values = np.empty(len(cells), dtype=np.float64)
    for i, cell in enumerate(cells):
        if type(cell) is float:
            values[i] = cell
        elif type(cell) in missing:
            values[i] = np.nan
        elif level_family(type(cell)) in ("number", "bool"):
            try:
                values[i] = cell
            except OverflowError:  # an integer beyond 1.8e308
                values[i] = np.inf
        elif isinstance(cell, (str, bytes)):
            raise ValueError(
                f"{describe(name)} must hold numbers; could not convert string to "
                f"float: {cell!r}. Turn the column into numbers, or, if it is a "
                "category, fit with it in categorical_features."
            )
        else:
            raise_bad_cell(name, type(cell).__name__)
    return values


def unwrap_nullable(column: Any) -> Any:
    """Return a nullable pandas column of integers or booleans as a plain array.

    Only where no cell is missing; anything else comes back as it is. scikit-learn
    would make floats of them.
    """
    dtype = getattr(getattr(column, "dtype", None), "numpy_dtype", None)
    if dtype is None or dtype.kind not in "biu" or column.isna().any():
        return column
    return column.to_numpy(dtype=dtype)
