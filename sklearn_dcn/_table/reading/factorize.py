"""One column -> codes and distinct levels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .columns import (
    Column,
    IdColumn,
    Levels,
    dtype_name,
    is_bridged,
    missing_types,
)
from .kinds import bridged_kind, check_cell_types, is_date_kind, raise_bad_cell

__all__ = ["factorize", "factorize_cells"]

PLAIN = "fbUS"  # kinds of dtypes whose cells are all of a type that is taken


def factorize(column: Column, name: str | int) -> tuple[NDArray[Any], Levels]:
    """Return ``(codes, levels)``: the column is ``levels[codes]``, -1 where missing.

    Levels are Python scalars, so that 7, 7.0 and ``np.int64(7)`` are one level, and
    integers beyond 2**53 stay apart; or an array of integers, which takes less room.

    Raises
    ------
    TypeError
        If a cell is neither a string, bytes, a number nor a boolean.
    """
    if isinstance(column, list):
        return factorize_cells(column, name)
    if isinstance(column, IdColumn):
        return column.factorize()
    if is_bridged(column):
        return _factorize_bridged(column, name)
    if column.dtype.kind in "mM":
        raise_bad_cell(name, str(column.dtype))
    if hasattr(column, "factorize"):
        return _factorize_pandas(column, name)
    return _factorize_array(column, name)


def _factorize_pandas(column: Any, name: str | int) -> tuple[NDArray[Any], Levels]:
    spelt = str(column.dtype)
    if spelt == "category":
        categories = column.cat.categories.tolist()
        check_cell_types(set(map(type, categories)), name)
        return column.cat.codes.to_numpy().astype(np.intp), categories
    is_text = spelt == "str" or spelt.startswith("string")
    if is_text and getattr(column.dtype, "storage", None) == "pyarrow":
        # What pandas' own factorize does, without its copies.
        return _factorize_arrow(column.array.__arrow_array__())
    if spelt.startswith(("null", "list<")):  # pandas 2.2 would make NA a level
        return factorize_cells(column.tolist(), name)
    try:
        codes, index = column.factorize()
    except (TypeError, NotImplementedError):  # a cell that can't be hashed; name it
        return factorize_cells(column.tolist(), name)
    if index.dtype.kind in "iu" and isinstance(index.dtype, np.dtype):
        return codes, index.to_numpy()
    levels = index.tolist()
    if spelt.startswith(("dictionary<", "double[", "float[", "halffloat[")):
        return _distinct(codes, levels, name)
    if column.dtype.kind not in PLAIN:
        check_cell_types(set(map(type, levels)), name)
    return codes, levels


def _factorize_array(
    column: NDArray[Any], name: str | int
) -> tuple[NDArray[Any], Levels]:
    if column.dtype.kind in "OT":
        return factorize_cells(column.tolist(), name)
    distinct, codes = np.unique(column, return_inverse=True)
    if column.dtype.kind in "iu":
        return codes, distinct
    levels = distinct.tolist()
    if levels[-1] != levels[-1]:  # NaN sorts last, as one value
        codes[codes == len(levels) - 1] = -1
        levels.pop()
    if column.dtype.kind not in PLAIN:
        check_cell_types(set(map(type, levels)), name)
    return codes, levels


def _factorize_bridged(column: Any, name: str | int) -> tuple[NDArray[Any], Levels]:
    kind = bridged_kind(column, name)
    if kind is not None and is_date_kind(kind):
        raise_bad_cell(name, dtype_name(column))
    try:
        array = column.to_arrow() if kind in ("category", "number") else None
    except (ImportError, ValueError):  # no pyarrow, or no such type in it, as Int128
        array = None
    if array is None:
        return factorize_cells(column.to_list(), name)
    codes, levels = _factorize_arrow(array)
    if column.dtype.is_float() or type(column.dtype).__name__ == "Categorical":
        return _distinct(codes, levels, name)
    return codes, levels


def _factorize_arrow(array: Any) -> tuple[NDArray[Any], list[Any]]:
    """Return ``(codes, levels)`` of an array of arrow."""
    if hasattr(array, "chunks"):
        array = array.combine_chunks()
    encoded = array.dictionary_encode()
    codes = encoded.indices
    if codes.null_count:
        codes = codes.cast("int64").fill_null(-1)
    return codes.to_numpy(zero_copy_only=False), encoded.dictionary.to_pylist()


def _distinct(
    codes: NDArray[Any], levels: list[Any], name: str | int
) -> tuple[NDArray[np.intp], list[Any]]:
    """Return ``(codes, levels)`` with equal levels as one, and NaN and None as none.

    Arrow tells NaN from a missing cell, and 0.0 from -0.0; its dictionaries may hold
    anything, and a level twice.
    """
    at, distinct = factorize_cells(levels, name)
    return np.append(at, -1)[codes], distinct


def factorize_cells(
    cells: Sequence[Any], name: str | int
) -> tuple[NDArray[np.intp], list[Any]]:
    """Return ``(codes, levels)`` of a list of cells, as `factorize`."""
    missing = missing_types()
    check_cell_types(set(map(type, cells)) - missing, name)
    distinct: dict[Any, Any] = dict.fromkeys(cells)  # each asked once
    index: dict[Any, int] = {}
    for cell in distinct:
        if type(cell) in missing or cell != cell:  # None, NA, NaT, and NaN
            distinct[cell] = -1
        else:
            distinct[cell] = index.setdefault(cell, len(index))
    codes = np.fromiter(map(distinct.__getitem__, cells), np.intp, len(cells))
    return codes, list(index)
