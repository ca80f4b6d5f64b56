"""Rows that are dicts by column name."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

__all__ = ["is_records", "records_to_array"]


def is_records(X: Any) -> bool:
    """Tell whether `X` is a row, or a list of rows, that are dicts by column name."""
    if isinstance(X, (list, tuple)):
        return len(X) > 0 and isinstance(X[0], dict)
    return isinstance(X, dict) and not issparse(X)  # scipy 1.11 has a dict of keys


def records_to_array(X: Any, names: Any, lists: Collection[Any] = ()) -> NDArray[Any]:
    """Return rows that are dicts as an array of objects with the columns `names`.

    Parameters
    ----------
    X : dict or sequence of dict
    names : mapping
        The names of the columns as keys, in order.
    lists : collection
        Names of the columns whose cells may be lists.

    Raises
    ------
    ValueError
        If a row lacks a column or has one that is not among `names`.
    TypeError
        If a row is not a dict, or a dict holds columns.
    """
    records = [X] if isinstance(X, dict) else X
    if isinstance(X, dict):
        for name, cell in X.items():
            if name not in lists and (
                isinstance(cell, (list, tuple)) or len(getattr(cell, "shape", ()))
            ):
                raise TypeError(
                    f"X as one dict is one row, but its cell {name!r} is a "
                    f"{type(cell).__name__}. If the dict holds columns, use "
                    "pandas.DataFrame(X)."
                )
    array = np.empty((len(records), len(names)), dtype=object)
    for i, record in enumerate(records):
        if not isinstance(record, dict):
            raise TypeError(
                f"The rows of X must all be dicts, like the first; row {i} is of type "
                f"{type(record).__name__}."
            )
        if record.keys() != names.keys():
            lacking = [name for name in names if name not in record]
            unknown = [name for name in record if name not in names]
            raise ValueError(
                f"Row {i} of X must have the columns of fit; it lacks {lacking} and "
                f"has the unknown {unknown}. Give None for a missing cell."
            )
        for j, name in enumerate(names):
            array[i, j] = record[name]
    return array
