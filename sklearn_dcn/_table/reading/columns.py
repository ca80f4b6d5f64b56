"""What a column of any table is, whatever its library.

A column is a 1-D array, a pandas Series, a Series of narwhals (which stands for polars,
arrow and the like), an `IdColumn`, or, where a table is short, a list of its cells.
"""

from __future__ import annotations

import decimal
import numbers
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Column",
    "IdColumn",
    "LISTS",
    "Levels",
    "MISSING_LEVEL",
    "UNKNOWN_LEVEL",
    "cells_of",
    "describe",
    "dtype_name",
    "is_boolean",
    "is_bridged",
    "level_family",
    "missing_types",
]


Column = Any
Levels = list[Any] | NDArray[np.integer[Any]]

# What a cell with several values may be; a mapping gives each value a weight.
LISTS = (list, tuple, set, frozenset, np.ndarray)

# A cell that is this counts as unknown: how an encoded column spells it in a frame.
UNKNOWN_LEVEL = "⟨unknown⟩"

# What the index of a table of levels calls that of missing cells.
MISSING_LEVEL = "⟨missing⟩"


def describe(name: str | int) -> str:
    """Return what errors call a column: by its name, else by its position."""
    return f"Column {name!r}"


def dtype_name(column: Column) -> str:
    """Return the name of a column's type, as its own library spells it."""
    if is_bridged(column):
        column = column.to_native()
    return str(getattr(column, "dtype", getattr(column, "type", "object")))


def is_boolean(column: Column) -> bool:
    """Tell whether a column's type is that of booleans."""
    if is_bridged(column):
        return type(column.dtype).__name__ == "Boolean"
    return getattr(getattr(column, "dtype", None), "kind", None) == "b"


def is_bridged(column: Column) -> bool:
    """Tell whether a column is a Series of narwhals."""
    return hasattr(column, "to_native")


class IdColumn(NamedTuple):
    """A column that is encoded already: ids, and the levels that they stand for.

    Attributes
    ----------
    ids : int64 ndarray of shape (n,)
        0 unknown, 1 missing, 2 and above the levels.
    levels : sequence
        The levels in the order of their ids.
    """

    ids: NDArray[np.int64]
    levels: Sequence[Any]

    def factorize(self) -> tuple[NDArray[np.intp], list[Any]]:
        """Return ``(codes, levels)`` of the levels that occur."""
        present, codes = np.unique(self.ids, return_inverse=True)
        all_ids = (UNKNOWN_LEVEL, None)
        levels = [
            all_ids[i] if i < len(all_ids) else self.levels[i - len(all_ids)]
            for i in present.tolist()
        ]
        if None in levels:
            at = levels.index(None)
            codes = np.where(codes == at, -1, codes - (codes > at))
            del levels[at]
        return codes, levels

    def tolist(self) -> list[Any]:
        """Return the levels of all rows, None where missing."""
        all_ids = [UNKNOWN_LEVEL, None, *self.levels]
        return [all_ids[i] for i in self.ids.tolist()]


def cells_of(column: Column) -> list[Any]:
    """Return the cells of a column as Python objects."""
    if isinstance(column, list):
        return column
    return column.to_list() if is_bridged(column) else column.tolist()


def level_family(cell_type: type) -> str | None:
    """Return "string", "bytes", "bool" or "number", or None for an unsupported type."""
    if issubclass(cell_type, str):
        return "string"
    if issubclass(cell_type, bytes):
        return "bytes"
    if issubclass(cell_type, (bool, np.bool_)):
        return "bool"
    if issubclass(cell_type, (numbers.Real, decimal.Decimal)):
        return "number"
    return None


def missing_types() -> set[type]:
    """Return the types whose values are all missing ones."""
    pandas = sys.modules.get("pandas")  # its NA exists only where it is imported
    return {type(None)} | ({type(pandas.NA), type(pandas.NaT)} if pandas else set())
