"""Weights of the rows, checked, in units of their mean."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_array

__all__ = ["check_weight", "mean_weight", "to_mean_one"]

# Bits of a weight in units of the least one, and of the factor from there to mean 1.
WEIGHT_BITS = 32
FACTOR_BITS = 24
LEAST_FLOAT = 5e-324
LEAST = 2.0**-500  # of the largest weight; the unit is not below it


def check_weight(
    weight: Any, n_rows: int, name: str, can_vanish: bool = False
) -> NDArray[np.float64]:
    """Return row weights, ones for None; with `can_vanish` all may be zero."""
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
    if not (can_vanish or weight.any()):
        raise ValueError(
            f"{name} must have a positive weight; got only zeros: all the weights are "
            "zero."
        )
    return weight


def mean_weight(weight: NDArray[np.float64]) -> float:
    """Return the mean of the non-zero weights: the unit that `to_mean_one` takes."""
    largest = weight.max()
    if weight.min() == largest:
        return float(largest)
    mean = (weight[weight > 0] / largest).mean()  # no sum overflows
    return max(float(mean * largest), LEAST_FLOAT)


def to_mean_one(weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return weights in units of the mean of the non-zero ones.

    Weights times any constant give the same result, mostly to the bit, because it is
    rounded. Whole multiples of one weight stay whole multiples, and have exact sums: a
    tie of two levels or at a quantile stays a tie, whatever the unit of the weights.
    """
    if weight.min() == weight.max():
        return np.ones_like(weight)
    weight = np.ldexp(weight, -np.frexp(weight.max())[1])  # no sum overflows
    is_some = weight > 0
    weight = _round(weight / max(weight[is_some].min(), LEAST), WEIGHT_BITS)
    factor = np.count_nonzero(is_some) / weight[is_some].sum()
    # Upwards: what has the weight of five rows must not fall short of them.
    return weight * _round(factor, FACTOR_BITS, np.ceil)


def _round(x: Any, bits: int, to_whole: Any = np.rint) -> Any:
    """Return numbers with so many leading bits."""
    mantissa, exponent = np.frexp(x)
    return np.ldexp(to_whole(np.ldexp(mantissa, bits)), exponent - bits)
