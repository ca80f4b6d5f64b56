"""Tables of users, items and interactions: checked, and their ids found."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._table import cells_of, check_table, column_names

__all__ = ["check_frame", "ids_of", "index_of", "native", "positions"]


def check_frame(X: Any, what: str) -> Any:
    """Return a frame with named columns, as a checked table.

    Raises
    ------
    TypeError
        If it is not a frame, or its columns have no names.
    ValueError
        If it has no row.
    """
    is_frame = hasattr(X, "columns")
    if is_frame and not len(X):
        raise ValueError(f"{what} must have a row; got none.")
    table = check_table(X) if is_frame else X
    if column_names(table) is None:
        raise TypeError(
            f"{what} must be a DataFrame whose columns have names; got "
            f"{type(X).__name__}. Make it one, e.g. with pandas.DataFrame."
        )
    return table


def native(table: Any) -> Any:
    """Return a checked table as other libraries know it."""
    return table.to_native() if hasattr(table, "to_native") else table


def ids_of(table: Any, name: Any, what: str, parameter: str) -> Any:
    """Return a column of ids as a Series of pandas.

    Raises
    ------
    ValueError
        If there is no such column, or an id is missing.
    """
    import pandas

    names = list(table.columns)
    if name not in names:
        raise ValueError(
            f"{parameter}={name!r} must be a column of {what}; its columns are {names}."
        )
    column = table[name]
    if not hasattr(column, "iloc"):
        column = pandas.Series(cells_of(column), name=name)
    column = column.reset_index(drop=True)
    if column.isna().any():
        raise ValueError(
            f"Column {name!r} of {what} must have an id in each row; "
            f"{int(column.isna().sum()):,} are missing. Leave these rows out."
        )
    return column


def index_of(ids: Any, what: str) -> Any:
    """Return ids, each of which occurs once, as an Index of pandas.

    Raises
    ------
    ValueError
        If one occurs twice.
    """
    import pandas

    index = pandas.Index(ids)
    if not index.is_unique:
        twice = index[index.duplicated()][0]
        raise ValueError(
            f"{what} must have one row for each id; {index.name!r} {twice!r} occurs "
            f"{int((index == twice).sum())} times. Use "
            f"{what}.drop_duplicates({index.name!r})."
        )
    return index


def positions(ids: Any, index: Any, where: str, what: str) -> NDArray[np.intp]:
    """Return where ids are in an Index, -1 for those that are not.

    Raises
    ------
    TypeError
        If none is found, because they are of another type.
    """
    found: NDArray[np.intp] = index.get_indexer(ids)
    if len(found) and len(index) and (found < 0).all():
        kinds = [type(np.asarray(of[:1]).tolist()[0]) for of in (ids.to_numpy(), index)]
        if kinds[0] is not kinds[1]:
            raise TypeError(
                f"Column {ids.name!r} must have the same type of ids in {where} and in "
                f"{what}; got {kinds[0].__name__} and {kinds[1].__name__}. Convert "
                "one, e.g. with astype(str)."
            )
    return found
