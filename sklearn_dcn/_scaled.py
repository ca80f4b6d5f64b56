"""Columns of numbers -> x_num: each normalised, then side by side in one table."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._numbers import NumberLevels, NumberScaler
from ._runtime import map_threads

__all__ = ["Scaled", "scale", "scale_all", "side_by_side"]

BLOCK = 4096  # rows; a third of the time of all at once


class Scaled(NamedTuple):
    """A column of numbers: normalised, the indicator of missing ones, ids of values."""

    z: NDArray[Any]
    missing: NDArray[Any] | None
    ids: NDArray[np.int32] | None


def side_by_side(columns: list[NDArray[Any]]) -> NDArray[Any]:
    """Return ``np.stack(columns, axis=1)``, by blocks of rows that fit in the cache."""
    table = np.empty((len(columns[0]), len(columns)), dtype=columns[0].dtype)

    def fill(start: int) -> None:
        rows = slice(start, start + BLOCK)
        for j, column in enumerate(columns):
            table[rows, j] = column[rows]

    map_threads(fill, range(0, len(table), BLOCK), len(table))
    return table


def scale(
    scaler: NumberScaler,
    x: NDArray[np.float64],
    dtype: Any,
    levels: NumberLevels | None = None,
) -> Scaled:
    """Return z of a column, and what else there is of it."""
    z = scaler.apply(x, dtype=dtype)
    missing = np.isnan(x).astype(dtype) if scaler.has_missing else None
    has_ids = levels is not None and len(levels.values)
    return Scaled(z, missing, levels.ids(x) if levels is not None and has_ids else None)


def scale_all(
    scalers: dict[str, NumberScaler], x: NDArray[np.float64], dtype: Any
) -> list[Scaled]:
    """Return the columns of `x`, each by its scaler."""
    return [
        scale(scaler, x_k, dtype)
        for scaler, x_k in zip(scalers.values(), x.T, strict=True)
    ]
