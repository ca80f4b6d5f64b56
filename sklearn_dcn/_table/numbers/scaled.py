"""A column of numbers, scaled, and what else there is of it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .number_levels import NumberLevels
from .scaler import NumberScaler

__all__ = ["Scaled", "scale", "scale_all"]


class Scaled(NamedTuple):
    """A column of numbers: normalised, the indicator of missing ones, ids of values."""

    z: NDArray[Any]
    missing: NDArray[Any] | None
    ids: NDArray[np.int32] | None


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
