"""One column of any table -> its kind, floats, or codes and levels.

A column is a 1-D array, a pandas Series, a Series of narwhals (which stands for polars,
arrow and the like), an `IdColumn`, or, where a table is short, a list of its cells.
"""

from __future__ import annotations

import decimal
import numbers
import sys
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "MISSING_LEVEL",
    "UNKNOWN_LEVEL",
    "IdColumn",
    "cells_of",
    "is_bridged",
    "column_kind",
    "describe",
    "dtype_name",
    "factorize",
    "factorize_cells",
    "is_boolean",
    "level_family",
    "missing_types",
    "to_float",
    "unwrap_nullable",
]

Column = Any
Kind = Literal["number", "category", "list"]
Levels = list[Any] | NDArray[np.integer[Any]]

# What a cell with several values may be; a mapping gives each value a weight.
LISTS = (list, tuple, set, frozenset, np.ndarray)
# A cell that is this counts as unknown: how an encoded column spells it in a frame.
UNKNOWN_LEVEL = "⟨unknown⟩"
# What the index of a table of levels calls that of missing cells.
MISSING_LEVEL = "⟨missing⟩"

LIST_NAMES = ("list", "tuple", "set", "frozenset", "ndarray", "array", "dict", "map")


def describe(name: str | int) -> str:
    """Return how an error calls a column: by its name, else by its position."""
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


# Kinds --------------------------------------------------------------------------------


def column_kind(column: Column, name: str | int) -> Kind:
    """Tell whether a column's type makes it a number, a category, or lists of levels.

    Strings, bytes, booleans and categories of a frame are categories; integers, floats
    and decimals are numbers. A column of Python objects is judged by its cells.

    Raises
    ------
    TypeError
        For dates, durations, complex numbers, mappings and other objects.
    """
    if isinstance(column, IdColumn):
        return "category"
    if is_bridged(column):
        kind = _bridged_kind(column, name)
        if kind is not None:
            return kind
    else:
        dtype, spelt = column.dtype, str(column.dtype)
        if spelt == "category" or spelt.startswith(
            ("dictionary<", "string", "large_string")
        ):
            return "category"
        if spelt == "str" or dtype.kind in "bUST":  # pandas strings, and numpy's
            return "category"
        if spelt.startswith(("list<", "large_list<", "fixed_size_list<")):
            return "list"
        if dtype.kind in "iuf":
            return "number"
        if dtype.kind in "mM" or spelt.startswith(("period", "interval", "map<")):
            _raise_bad_cell(name, spelt)
        if dtype.kind == "c":
            raise ValueError(f"{describe(name)}: Complex data not supported.")
    cell_types = {type(cell) for cell in cells_of(column)} - missing_types()
    if cell_types and all(issubclass(cell_type, LISTS) for cell_type in cell_types):
        return "list"
    _check_cell_types(cell_types, name)
    families = {level_family(cell_type) for cell_type in cell_types}
    return "number" if families <= {"number"} else "category"


def _bridged_kind(column: Any, name: str | int) -> Kind | None:
    """Return the kind that the type of a narwhals Series has, None for objects."""
    dtype = column.dtype
    if dtype.is_numeric():  # with decimals
        return "number"
    kind = type(dtype).__name__
    if kind in ("String", "Categorical", "Enum", "Boolean", "Binary"):
        return "category"
    if kind in ("List", "Array"):
        return "list"
    is_map = dtype_name(column).startswith("map<")  # Unknown to older narwhals
    if kind in ("Object", "Unknown") and not is_map:  # or a column without a cell
        return None
    _raise_bad_cell(name, dtype_name(column))


def cells_of(column: Column) -> list[Any]:
    """Return the cells of a column as Python objects."""
    if isinstance(column, list):
        return column
    return column.to_list() if is_bridged(column) else column.tolist()


def _check_cell_types(cell_types: Iterable[type], name: str | int) -> None:
    for cell_type in cell_types:
        if level_family(cell_type) is None:
            _raise_bad_cell(name, cell_type.__name__)


def _raise_bad_cell(name: str | int, what: str) -> NoReturn:
    remedy = "Drop the column or turn its cells into strings or numbers"
    if any(word in what.lower() for word in ("timedelta", "duration")):
        remedy = (
            "Replace the column by a number, e.g. .dt.total_seconds() in pandas and "
            "polars"
        )
    elif any(word in what.lower() for word in ("date", "time", "period")):
        remedy = (
            "Replace the column by numbers or categories that it holds, e.g. .dt.year, "
            ".dt.dayofweek and .dt.hour (in polars .dt.year() and so on), or the days "
            "since a date"
        )
    elif what.lower().startswith(LIST_NAMES):
        remedy += ", or, for several levels a cell, name it in multivalued_features"
    # The words "argument must be a string or a number" are those of scikit-learn.
    raise TypeError(
        f"{describe(name)} holds {what}, but each cell's argument must be a string or "
        f"a number. {remedy}."
    )


def level_family(cell_type: type) -> str | None:
    """Return "string", "bytes", "bool" or "number", or None for a type not taken."""
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
    """Return the types whose every value is a missing one."""
    pandas = sys.modules.get("pandas")  # its NA exists only where it is imported
    return {type(None)} | ({type(pandas.NA), type(pandas.NaT)} if pandas else set())


# Numbers ------------------------------------------------------------------------------


def to_float(column: Column, name: str | int) -> NDArray[np.float64]:
    """Return a column's numbers, missing ones as NaN.

    Raises
    ------
    ValueError
        If a cell is infinite, or a string that is no number.
    TypeError
        If a cell is no number.
    """
    if isinstance(column, list):
        values = _cells_to_float(column, name)
    elif is_bridged(column):
        values = _bridged_to_float(column, name)
    elif column.dtype.kind in "mM":
        _raise_bad_cell(name, str(column.dtype))
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
        _raise_bad_cell(name, dtype_name(column))
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
            _raise_bad_cell(name, type(cell).__name__)
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


# Categories ---------------------------------------------------------------------------


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
    spelt = str(column.dtype)
    kind = column.dtype.kind
    if kind in "mM":
        _raise_bad_cell(name, spelt)
    if spelt == "category":
        categories = column.cat.categories.tolist()
        _check_cell_types(set(map(type, categories)), name)
        return column.cat.codes.to_numpy().astype(np.intp), categories
    is_pandas_column = hasattr(column, "factorize")
    is_text = spelt == "str" or spelt.startswith("string")
    if is_text and getattr(column.dtype, "storage", None) == "pyarrow":
        # What pandas' own factorize does, without its copies.
        return _factorize_arrow(column.array.__arrow_array__())
    if (
        (kind in "OT" and not is_pandas_column)
        or spelt.startswith(("null", "list<"))  # pandas 2.2 would make NA a level
    ):
        return factorize_cells(column.tolist(), name)
    if is_pandas_column:
        try:
            codes, index = column.factorize()
        except (TypeError, NotImplementedError):  # a cell that can't be hashed; name it
            return factorize_cells(column.tolist(), name)
        if index.dtype.kind in "iu" and isinstance(index.dtype, np.dtype):
            return codes, index.to_numpy()
        levels = index.tolist()
        if spelt.startswith(("dictionary<", "double[", "float[", "halffloat[")):
            return _distinct(codes, levels, name)
    else:
        levels, codes = np.unique(column, return_inverse=True)
        if kind in "iu":
            return codes, levels
        levels = levels.tolist()
        if levels[-1] != levels[-1]:  # NaN sorts last, as one value
            codes[codes == len(levels) - 1] = -1
            levels.pop()
    if kind not in "fbUS":
        _check_cell_types(set(map(type, levels)), name)
    return codes, levels


def _factorize_bridged(column: Any, name: str | int) -> tuple[NDArray[Any], Levels]:
    kind = _bridged_kind(column, name)
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
    _check_cell_types(set(map(type, cells)) - missing, name)
    index: dict[Any, int] = {}
    codes = np.empty(len(cells), dtype=np.intp)
    for i, cell in enumerate(cells):
        if type(cell) in missing or cell != cell:  # None, NA, NaT, and NaN
            codes[i] = -1
        else:
            codes[i] = index.setdefault(cell, len(index))
    return codes, list(index)
