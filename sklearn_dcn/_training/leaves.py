"""Tensors <-> arrays, wherever they are in nested containers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["map_leaves", "to_numpy", "to_tensor"]


def to_numpy(tensor: Tensor) -> NDArray[Any]:
    """Return a tensor as an array, without a copy on the CPU."""
    return tensor.detach().cpu().numpy()


def to_tensor(array: NDArray[Any]) -> Tensor:
    """Return an array as a tensor that may be written to."""
    # joblib may map them from a file, which training must not change.
    is_shared = isinstance(array, np.memmap) or not array.flags.writeable
    return torch.from_numpy(np.array(array) if is_shared else array)


def map_leaves(cls: type, function: Callable[[Any], Any], state: Any) -> Any:
    """Return containers with the objects of a class in them replaced."""
    if isinstance(state, cls):
        return function(state)
    if isinstance(state, dict):
        return {key: map_leaves(cls, function, value) for key, value in state.items()}
    if isinstance(state, (list, tuple)):
        return type(state)(map_leaves(cls, function, value) for value in state)
    return state
