"""Nested containers with other objects at their leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["map_leaves"]


def map_leaves(cls: type, function: Callable[[Any], Any], state: Any) -> Any:
    """Return containers with the objects of a class in them replaced."""
    if isinstance(state, cls):
        return function(state)
    if isinstance(state, dict):
        return {key: map_leaves(cls, function, value) for key, value in state.items()}
    if isinstance(state, (list, tuple)):
        return type(state)(map_leaves(cls, function, value) for value in state)
    return state
