"""One column of several levels a cell -> flat codes, levels and offsets."""

from __future__ import annotations

import math
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .columns import (
    LISTS,
    Column,
    Levels,
    cells_of,
    describe,
    is_bridged,
    level_family,
    missing_types,
)
from .factorize import factorize, factorize_cells
from .kinds import present_types

__all__ = ["Lists", "split_lists", "to_lists"]


class Lists(NamedTuple):
    """A column of lists, flat: row i holds the levels from offsets[i] to the next.

    Attributes
    ----------
    codes : ndarray of shape (n_entries,)
        Position in `levels` of every entry, -1 where missing.
    levels : list
        The distinct levels.
    offsets : int64 ndarray of shape (n + 1,)
        Where each row begins, and the end.
    weight : float64 ndarray of shape (n_entries,) or None
        Weight of every entry; None where no cell was a mapping.
    """

    codes: NDArray[np.intp]
    levels: Levels
    offsets: NDArray[np.int64]
    weight: NDArray[np.float64] | None


def split_lists(column: Column, name: str | int, separator: str | None) -> Lists:
    """Return the lists of a column, flat.

    A missing cell is a list of one missing level. Strings are split at the separator,
    without the white space around their parts; empty parts are left out.

    Raises
    ------
    TypeError
        If a cell is a single number, or a string and there is no separator.
    ValueError
        If the weight in a mapping is not a finite number.
    """
    if isinstance(column, list) or _may_hold_lists(column):
        cells = cells_of(column)
        if is_bridged(column) and type(column.dtype).__name__ == "Struct":
            # What polars makes of mappings: every cell has the keys of all.
            cells = [cell and _without_none(cell) for cell in cells]
        if present_types(cells) != {str}:
            return _flatten(cells, name, separator)
    # Strings: each distinct one is split once.
    codes, strings = factorize(column, name)
    parts = _flatten([*strings, None], name, separator)
    lengths = np.diff(parts.offsets)
    offsets = np.concatenate([[0], np.cumsum(lengths[codes])])
    entries = np.repeat(parts.offsets[:-1][codes] - offsets[:-1], lengths[codes])
    entries += np.arange(offsets[-1])
    return Lists(parts.codes[entries], parts.levels, offsets, None)


def to_lists(column: Column, name: str | int, separator: str | None) -> list[Any]:
    """Return the cells of a column, each a list, a mapping or, where missing, None.

    Raises
    ------
    TypeError
        As `split_lists`.
    """
    missing = missing_types()
    cells = []
    for cell in cells_of(column):
        entries = _to_list(cell, name, separator, missing)
        if hasattr(entries, "items"):
            cells.append(entries)
        else:
            cells.append(None if entries == (None,) else [*entries])
    return cells


def _may_hold_lists(column: Column) -> bool:
    if is_bridged(column):
        return type(column.dtype).__name__ not in ("String", "Categorical", "Enum")
    spelt = str(column.dtype)
    return column.dtype.kind == "O" and spelt not in ("str", "string", "category")


def _flatten(cells: list[Any], name: str | int, separator: str | None) -> Lists:
    missing = missing_types()
    lists = [
        # Lists of strings, which most are, stay as they are.
        cell
        if type(cell) is list and cell and type(cell[0]) is str
        else _to_list(cell, name, separator, missing)
        for cell in cells
    ]
    lengths = np.fromiter(map(len, lists), dtype=np.int64, count=len(lists))
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    weight = None
    if any(hasattr(kind, "items") for kind in set(map(type, lists))):
        weights = [
            [*entry.values()] if hasattr(entry, "values") else [1.0] * len(entry)
            for entry in lists
        ]
        weight = _check_entry_weights([*chain.from_iterable(weights)], name)
    codes, levels = factorize_cells([*chain.from_iterable(lists)], name)
    return Lists(codes, levels, offsets, weight)


def _to_list(
    cell: Any, name: str | int, separator: str | None, missing: set[type]
) -> Any:
    if type(cell) in missing:
        return (None,)
    if isinstance(cell, np.ndarray):
        return cell.tolist()
    if isinstance(cell, list) and cell and all(map(_is_pair, cell)):
        return dict(cell)  # a map of arrow comes as a list of pairs
    if isinstance(cell, LISTS) or hasattr(cell, "items"):
        return cell
    if level_family(type(cell)) == "number" and cell != cell:
        return (None,)  # NaN
    if isinstance(cell, str):
        if separator is not None:
            return [part for part in map(str.strip, cell.split(separator)) if part]
        raise TypeError(
            f"{describe(name)} is in multivalued_features and holds the string "
            f"{cell!r}, but no separator is given. Name it, e.g. "
            f"multivalued_features={{{name!r}: '|'}}."
        )
    raise TypeError(
        f"{describe(name)} is in multivalued_features, so a cell must be a list, a "
        "tuple, a mapping of levels to weights or, with a separator, a string; got "
        f"{type(cell).__name__} {cell!r}. Take it out of multivalued_features."
    )


def _without_none(cell: dict[str, Any]) -> dict[str, Any]:
    return {level: weight for level, weight in cell.items() if weight is not None}


def _is_pair(entry: Any) -> bool:
    return isinstance(entry, tuple) and len(entry) == 2


def _check_entry_weights(weights: list[Any], name: str | int) -> NDArray[np.float64]:
    for weight in weights:
        if not _is_finite(weight):
            raise ValueError(
                f"{describe(name)}: the weights of a cell's levels must be finite "
                f"numbers; got {weight!r}."
            )
    return np.array(weights, dtype=np.float64)


def _is_finite(weight: Any) -> bool:
    try:
        return math.isfinite(weight)
    except (TypeError, ValueError, OverflowError):  # no number, or beyond floats
        return False
