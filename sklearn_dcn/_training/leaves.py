"""Tensors <-> arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["to_numpy", "to_tensor"]


def to_numpy(tensor: Tensor) -> NDArray[Any]:
    """Return a tensor as an array, without a copy on the CPU."""
    return tensor.detach().cpu().numpy()


def to_tensor(array: NDArray[Any]) -> Tensor:
    """Return an array as a tensor that may be written to."""
    # joblib may map them from a file, which training must not change.
    is_shared = isinstance(array, np.memmap) or not array.flags.writeable
    return torch.from_numpy(np.array(array) if is_shared else array)
