"""Weights of the rows, checked."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_array

__all__ = ["check_weight"]


def check_weight(weight: Any, n_rows: int, name: str) -> NDArray[np.float64]:
    """Return row weights, ones for None."""
    if weight is None:
        return np.ones(n_rows)
    weight = np.array(weight)
    if weight.dtype.kind not in "biufO":
        raise ValueError(f"{name} must hold numbers; got dtype {weight.dtype}.")
    if weight.ndim:
        weight = check_array(weight, ensure_2d=False, dtype=np.float64, input_name=name)
    if weight.shape != (n_rows,):
        raise ValueError(
            f"{name} must be 1-D with one weight a row, shape ({n_rows},); got shape "
            f"{weight.shape}."
        )
    if (weight < 0).any():
        row = int((weight < 0).argmax())
        raise ValueError(
            f"{name} must not be negative; got {weight[row]} in row {row}."
        )
    if not weight.any():
        raise ValueError(
            f"{name} must have a positive weight; got only zeros: all the weights are "
            "zero."
        )
    return weight
