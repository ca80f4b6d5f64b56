"""The rules that values in a file are checked by."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from .._files import Check

__all__ = [
    "a",
    "array",
    "each",
    "is_floats",
    "is_name",
    "is_names",
    "is_plain",
    "mapping",
    "none",
    "number",
    "one_of",
    "optional",
    "rises",
    "whole",
]


SCALARS = (type(None), bool, int, float, str, bytes, np.generic, torch.device)


def a(*classes: type) -> Check:
    """Return the rule of an object of exactly one of some classes."""
    return lambda value: type(value) in classes


def none(value: Any) -> bool:
    """Tell whether a value is None."""
    return value is None


def optional(rule: Check) -> Check:
    """Return the rule of None or what another rule takes."""
    return lambda value: value is None or rule(value)


def one_of(*options: Any) -> Check:
    """Return the rule of strings or None."""
    return lambda value: isinstance(value, (str, type(None))) and value in options


def whole(minimum: int) -> Check:
    """Return the rule of an integer of at least `minimum`."""
    return lambda value: type(value) is int and value >= minimum


def number(low: float = -np.inf, high: float = np.inf) -> Check:
    """Return the rule of a finite number between two others."""
    return lambda value: (
        type(value) in (int, float) and np.isfinite(value) and low <= value <= high
    )


def each(rule: Check) -> Check:
    """Return the rule of a list whose items are all so."""
    return lambda value: type(value) is list and all(map(rule, value))


def mapping(key: Check, entry: Check) -> Check:
    """Return the rule of a dict of such keys and such values."""
    return lambda value: (
        type(value) is dict and all(map(key, value)) and all(map(entry, value.values()))
    )


def array(dtype: Any, n_axes: int = 1) -> Check:
    """Return the rule of a finite array of so many axes."""
    return lambda value: (
        type(value) is np.ndarray
        and value.dtype == dtype
        and value.ndim == n_axes
        and (value.dtype.kind == "O" or np.isfinite(value).all())
    )


def is_plain(value: Any) -> bool:
    """Tell whether a value is of plain types alone, with no object of this package."""
    if type(value) in (list, tuple, set):
        return all(map(is_plain, value))
    if type(value) is dict:
        return all(map(is_plain, value)) and all(map(is_plain, value.values()))
    return isinstance(value, (*SCALARS, np.ndarray, np.random.RandomState))


def is_names(value: Any) -> bool:
    """Tell whether a value is an array of strings, as `feature_names_in_`."""
    return array(object)(value) and all(type(name) is str for name in value)


def rises(values: Any) -> bool:
    """Tell whether an array is strictly increasing."""
    return bool((values[1:] > values[:-1]).all())


is_name = a(str, int)
is_floats = array(np.float64)
