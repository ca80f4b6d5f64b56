"""A column of numbers: scaled, with its indicator and ids."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .number_levels import NumberLevels
from .scaler import NumberScaler

__all__ = ["Scaled", "fit_scalers", "scale", "scale_all", "scale_cell"]


class Scaled(NamedTuple):
    """A column of numbers: normalised, the indicator of missing ones, ids of values.

    All of shape (n,), or numbers that each network has of its own (n, n_members).
    """

    z: NDArray[Any]
    missing: NDArray[Any] | None
    ids: NDArray[np.int32] | None


def scale(
    scaler: NumberScaler,
    x: NDArray[np.float64],
    dtype: Any,
    levels: NumberLevels | None = None,
) -> Scaled:
    """Return z of a column, with its indicator and ids if it has them."""
    z = scaler.apply(x, dtype=dtype)
    missing = np.isnan(x).astype(dtype) if scaler.has_missing else None
    has_ids = levels is not None and len(levels.values)
    return Scaled(z, missing, levels.ids(x) if levels is not None and has_ids else None)


def scale_cell(scaler: NumberScaler, cell: Any, dtype: Any) -> Scaled | None:
    """Return what `scale` gives for a single cell; None if `scale` must do it.

    It must for anything but a finite float.
    """
    if not isinstance(cell, float) or not isfinite(cell):
        return None
    z = scaler.apply_to_one(float(cell))
    if z is None:
        return None
    missing = np.zeros(1, dtype=dtype) if scaler.has_missing else None
    return Scaled(np.array([z], dtype=dtype), missing, None)


def fit_scalers(
    names: Sequence[str],
    x: NDArray[np.float64],
    weight: NDArray[np.float64],
    transform: str | None,
) -> dict[str, NumberScaler]:
    """Return fitted scalers by name of numbers of shape (n, n_members, n_names)."""
    weights = np.repeat(weight, x.shape[1])
    return {
        name: NumberScaler(transform).fit(x[:, :, k].ravel(), weights)
        for k, name in enumerate(names)
    }


def scale_all(
    scalers: dict[str, NumberScaler], x: NDArray[np.float64], dtype: Any
) -> list[Scaled]:
    """Return the columns of `x`, each by its scaler.

    Parameters
    ----------
    scalers : dict of {str: NumberScaler}
    x : ndarray of shape (n, len(scalers)) or (n, n_members, len(scalers))
    dtype : dtype
        That of the result.
    """
    if x.ndim == 3 and x.shape[1] == 1:  # one network, or the same for all
        x = x[:, 0]
    columns = []
    for k, scaler in enumerate(scalers.values()):
        part = x[..., k]
        z, missing, _ = scale(scaler, np.ascontiguousarray(part).ravel(), dtype)
        if missing is not None:
            missing = missing.reshape(part.shape)
        columns.append(Scaled(z.reshape(part.shape), missing, None))
    return columns
