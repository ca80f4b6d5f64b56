"""Encoded columns -> what the network takes: x_num, x_cat, x_bag and x_vec."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .categories import Bag
from .numbers import Scaled
from .threads import map_threads

__all__ = ["assemble", "side_by_side", "take_slice"]

BLOCK = 4096  # rows; a third of the time of all at once


def assemble(
    ids: list[NDArray[np.int32]],
    bags: list[Any],
    vectors: list[NDArray[Any]],
    numbers: list[Scaled],
    n_threads: int = 1,
) -> dict[str, Any]:
    """Return those of "x_num", "x_cat", "x_bag" and "x_vec" that are not empty.

    Numbers come before the indicators of their missing cells. If each network has
    numbers of its own, of shape (n, n_members), these and all numbers after them are in
    "x_own", of shape (n, n_members, n_own).
    """
    encoded: dict[str, Any] = {}
    missing = [column.missing for column in numbers if column.missing is not None]
    z = [*(column.z for column in numbers), *missing]
    own = [k for k, column in enumerate(z) if column.ndim == 2]
    if own:
        shape = z[own[0]].shape
        last = [np.broadcast_to(c.T, shape[::-1]).T for c in z[own[0] :]]
        encoded["x_own"] = np.stack(last, axis=2)
        z = z[: own[0]]
    if z:
        encoded["x_num"] = side_by_side(z, n_threads)
    if ids:
        encoded["x_cat"] = side_by_side(ids, n_threads)
    if bags:
        encoded["x_bag"] = bags
    if vectors:
        is_one = len(vectors) == 1  # without a copy, as vectors are long
        encoded["x_vec"] = vectors[0] if is_one else np.concatenate(vectors, axis=1)
    return encoded


def take_slice(column: Any, rows: slice) -> Any:
    """Return some rows of an encoded column: ids, vectors, a `Bag` or a `Scaled`."""
    if isinstance(column, Bag):
        offsets = column.offsets[rows.start : rows.stop + 1]
        entries = slice(offsets[0], offsets[-1])
        return Bag(column.ids[entries], offsets - offsets[0], column.weights[entries])
    if isinstance(column, Scaled):
        z, missing, ids = column
        return Scaled(
            z[rows],
            None if missing is None else missing[rows],
            None if ids is None else ids[rows],
        )
    return column[rows]


def side_by_side(columns: list[NDArray[Any]], n_threads: int = 1) -> NDArray[Any]:
    """Return ``np.stack(columns, axis=1)``, by blocks of rows that fit in the cache."""
    if len(columns[0]) == 1:
        return np.concatenate(columns)[None]
    table = np.empty((len(columns[0]), len(columns)), dtype=columns[0].dtype)

    def fill(start: int) -> None:
        rows = slice(start, start + BLOCK)
        for j, column in enumerate(columns):
            table[rows, j] = column[rows]

    map_threads(fill, range(0, len(table), BLOCK), len(table), n_threads)
    return table
