"""One column of vectors -> a matrix of floats, missing cells as rows of NaN."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from itertools import chain
from numbers import Real
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from .columns import Column, cells_of, describe, is_bridged, missing_types

__all__ = ["are_vectors", "of_floats", "to_vectors"]

Matrix = NDArray[np.floating[Any]]

LOOKED_AT = 8  # entries of a list that tell whether it is one of floats
BLOCK = 1 << 14  # rows whose numbers are looked at together


def of_floats(column: Column) -> bool:
    """Tell whether a column's type is that of lists or arrays of floats."""
    if is_bridged(column):
        inner = getattr(column.dtype, "inner", None)
        return inner is not None and bool(inner.is_float())
    inner = getattr(getattr(column.dtype, "pyarrow_dtype", None), "value_type", None)
    return str(inner) in ("halffloat", "float", "double")


def are_vectors(cells: Iterable[Any]) -> bool:
    """Tell whether cells are lists or arrays of numbers, some of them floats.

    Integers alone are ids, and sets and mappings have no order.
    """
    seen: set[type] = set()  # of entries; each type is asked about once
    for cell in cells:
        if isinstance(cell, (list, tuple)):
            types = set(map(type, cell[:LOOKED_AT]))
        elif isinstance(cell, np.ndarray):
            if cell.ndim != 1:
                return False
            is_object = cell.dtype.kind == "O"
            types = set(map(type, cell[:LOOKED_AT])) if is_object else {cell.dtype.type}
        elif isinstance(cell, (Mapping, Set)):
            return False
        else:  # missing
            continue
        for entry in types - seen:
            if issubclass(entry, bool) or not issubclass(entry, (Real, type(None))):
                return False
        seen |= types
    return any(issubclass(entry, (float, np.floating)) for entry in seen)


def to_vectors(column: Column, name: str | int, width: int | None = None) -> Matrix:
    """Return the vectors of a column, float32 where it has these, else float64.

    Parameters
    ----------
    column : column
    name : str or int
        What it is called, for errors.
    width : int or None, default=None
        The number of entries of each vector, where it is known.

    Returns
    -------
    vectors : ndarray of shape (n, width)
        Missing cells are rows of NaN. The array may share memory with the column.

    Raises
    ------
    ValueError
        If vectors have different widths or a single number, if there are no vectors,
        or if a number is infinite.
    TypeError
        If a cell is not a list of numbers.
    """
    array = _to_arrow(column)
    if array is None:
        vectors = _from_cells(cells_of(column), name, width)
    else:
        vectors = _from_arrow(array, name, width)
    if vectors.dtype not in (np.float32, np.float64):
        vectors = vectors.astype(np.float32 if vectors.itemsize < 4 else np.float64)
    for start in range(0, len(vectors), BLOCK):
        is_infinite = np.isinf(vectors[start : start + BLOCK]).any(axis=1)
        if is_infinite.any():
            raise ValueError(
                f"{describe(name)} contains infinity (first in row "
                f"{start + int(is_infinite.argmax())}), but the numbers of a vector "
                "must be finite, or the cell missing. Replace it."
            )
    return vectors


def _to_arrow(column: Column) -> Any:
    """Return a column of lists of arrow, or of polars, as an array; None for others."""
    if isinstance(column, list):
        return None
    if is_bridged(column):
        if type(column.dtype).__name__ not in ("List", "Array"):
            return None
        try:
            array = column.to_native()
            if not hasattr(array, "num_chunks"):
                array = column.to_arrow()
        except ImportError:  # no pyarrow beside polars
            return None
    elif str(column.dtype).startswith(("list<", "large_list<", "fixed_size_list<")):
        array = column.array.__arrow_array__()
    else:
        return None
    if hasattr(array, "num_chunks"):  # one is not copied
        is_one = array.num_chunks == 1
        array = array.chunk(0) if is_one else array.combine_chunks()
    is_numeric = str(array.type.value_type).startswith(
        ("halffloat", "float", "double", "int", "uint")
    )
    return array if is_numeric else None  # else the cells tell what is wrong


def _from_arrow(array: Any, name: str | int, width: int | None) -> Matrix:
    is_present = array.is_valid().to_numpy(zero_copy_only=False)
    n_present = int(np.count_nonzero(is_present))
    if hasattr(array.type, "list_size"):
        size = array.type.list_size
        widths = np.full(n_present, size)
        if n_present == 0 and width is None:
            width = size
    else:
        lengths = array.value_lengths().to_numpy(zero_copy_only=False)
        widths = lengths[is_present].astype(np.int64)
    width = _check_widths(widths, np.flatnonzero(is_present), name, width)
    # Without the entries of missing cells, and with those of the array alone.
    values = array.flatten().to_numpy(zero_copy_only=False)
    vectors = values.reshape(n_present, width)
    return vectors if n_present == len(array) else _spread(vectors, is_present)


def _from_cells(cells: list[Any], name: str | int, width: int | None) -> Matrix:
    missing = missing_types()
    is_present = np.array(
        [
            not (type(c) in missing or (isinstance(c, Real) and bool(c != c)))
            for c in cells
        ],
        dtype=bool,
    )
    rows = np.flatnonzero(is_present)
    present = cells if len(rows) == len(cells) else [cells[i] for i in rows.tolist()]
    for i, cell in zip(rows.tolist(), present, strict=True):
        if not isinstance(cell, (list, tuple, np.ndarray)):
            _raise_no_vector(name, cell, i)
    widths = np.fromiter(map(len, present), dtype=np.int64, count=len(present))
    width = _check_widths(widths, rows, name, width)
    if present and all(
        isinstance(c, np.ndarray) and c.ndim == 1 and c.dtype.kind in "fiu"
        for c in present
    ):
        vectors = np.stack(present)
    else:
        vectors = _from_entries(present, rows, name).reshape(len(present), width)
    return vectors if len(rows) == len(cells) else _spread(vectors, is_present)


def _from_entries(
    present: list[Any], rows: NDArray[np.intp], name: str | int
) -> NDArray[Any]:
    """Return the numbers of all cells, one after the other."""
    try:
        flat = np.array([*chain.from_iterable(present)])
    except ValueError:  # lists among the entries
        flat = np.empty(0, dtype=object)
    if flat.ndim == 1 and flat.dtype.kind in "fiu":
        return flat
    for i, cell in zip(rows.tolist(), present, strict=True):
        for entry in cell:
            is_number = isinstance(entry, Real) and not isinstance(entry, bool)
            if not (entry is None or is_number):
                _raise_no_vector(name, cell, i)
    entries = chain.from_iterable(present)
    return np.array([np.nan if e is None else float(e) for e in entries])


def _check_widths(
    widths: NDArray[np.int64], rows: NDArray[np.intp], name: str | int, width: Any
) -> int:
    """Return the one width of vectors in these rows."""
    if width is None:
        if not len(widths):
            raise ValueError(
                f"{describe(name)} must hold vectors, but no cell has one, so their "
                "width is not known. Drop the column, or give rows that have vectors."
            )
        width = int(widths[0])
        if width < 2 and (widths == width).all():
            raise ValueError(
                f"{describe(name)} holds vectors, which must have at least 2 numbers; "
                f"got {width}. Take the number out of its list; or, if the lists "
                f"hold levels, use multivalued_features=[{name!r}]."
            )
        since = f"of {width} in row {int(rows[0])}"
        remedy = (
            "Pad them to one width; or, if the lists hold levels, use "
            f"multivalued_features=[{name!r}]."
        )
    else:
        since = f"of {width} in fit"
        remedy = "Make them in the same way as in fit, e.g. by the same model."
    if (widths != width).any():
        k = int((widths != width).argmax())
        raise ValueError(
            f"{describe(name)} holds vectors, whose widths must all be the same; got "
            f"one of {int(widths[k])} in row {int(rows[k])}, and one {since}. {remedy}"
        )
    return int(width)


def _raise_no_vector(name: str | int, cell: Any, i: int) -> NoReturn:
    raise TypeError(
        f"{describe(name)} holds vectors, so a cell must be a list, a tuple or an "
        f"array of numbers, or missing; got {type(cell).__name__} {_short(cell)} in "
        f"row {i}. Convert it, or take the column out of vector_features."
    )


def _short(cell: Any) -> str:
    text = repr(cell)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _spread(vectors: NDArray[Any], is_present: NDArray[np.bool_]) -> Matrix:
    """Return vectors in their rows, those of missing cells NaN."""
    is_float = vectors.dtype in (np.float32, np.float64)
    dtype = vectors.dtype if is_float else np.dtype(np.float64)
    found = np.full((len(is_present), vectors.shape[1]), np.nan, dtype=dtype)
    found[is_present] = vectors
    return found
