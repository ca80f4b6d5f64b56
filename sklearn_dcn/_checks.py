"""Argument checks of the network's constructors: name, rule, what arrived."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from numbers import Integral, Real
from typing import Any

__all__ = ["check_count", "check_option", "check_rate", "check_sizes"]


def check_count(name: str, value: Any, *, minimum: int, also: str = "") -> int:
    """Return `value` as an int of at least `minimum`.

    Raises
    ------
    TypeError
        If `value` is no integer.
    ValueError
        If it is below `minimum`.
    """
    rule = f"an integer of at least {minimum}" + (f" or {also}" if also else "")
    if isinstance(value, bool) or not isinstance(value, Integral):
        error = ValueError if isinstance(value, str) and also else TypeError
        raise error(f"{name} must be {rule}; got {value!r}.")
    if value < minimum:
        raise ValueError(f"{name} must be {rule}; got {value!r}.")
    return int(value)


def check_sizes(name: str, values: Any) -> list[int]:
    """Return `values` as a list of positive ints; an empty one is fine.

    One integer is a list of it, and a string has integers with commas between, as
    "128,64", which is how Optuna can store them.

    Raises
    ------
    TypeError
        If `values` is none of these.
    ValueError
        If one is below 1.
    """
    if isinstance(values, Integral) and not isinstance(values, bool):
        values = [values]
    elif isinstance(values, str) and re.fullmatch(r"\s*\d+\s*(,\s*\d+\s*)*", values):
        values = [int(part) for part in values.split(",")]
    elif isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise TypeError(
            f"{name} must be a sequence of integers, an integer, or a string as "
            f"'128,64'; got {values!r}."
        )
    return [check_count(f"each of {name}", value, minimum=1) for value in values]


def check_option(name: str, value: Any, options: Collection[Any]) -> None:
    """Raise a ValueError unless `value` is one of `options` (strings or None)."""
    if not (value is None or isinstance(value, str)) or value not in options:
        allowed = ", ".join(repr(option) for option in options)
        raise ValueError(f"{name} must be one of {allowed}; got {value!r}.")


def check_rate(name: str, value: Any) -> float:
    """Return `value` as a float in [0, 1).

    Raises
    ------
    TypeError
        If `value` is no number.
    ValueError
        If it lies outside [0, 1).
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number in [0, 1); got {value!r}.")
    if not 0.0 <= float(value) < 1.0:
        raise ValueError(f"{name} must be a number in [0, 1); got {value!r}.")
    return float(value)
