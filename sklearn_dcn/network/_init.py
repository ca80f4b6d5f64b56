"""Fresh weights, drawn from a generator of the caller's."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

__all__ = ["he_normal_", "normal_", "xavier_normal_"]


def normal_(weight: Tensor, std: float, generator: torch.Generator | None) -> None:
    """Fill `weight` from N(0, std^2)."""
    # A module is first built without storage, and there is nothing to fill; asked to,
    # torch would import its compiler, which takes a second.
    if not weight.is_meta:
        nn.init.normal_(weight, std=std, generator=generator)


def xavier_normal_(
    weight: Tensor, fan_in: int, fan_out: int, generator: torch.Generator | None
) -> None:
    """Fill `weight` so that a linear map keeps the scale of its input."""
    # The fans are arguments because torch reads those of a stack (K, d, r) wrongly
    # (d * r and K * r), which leaves the experts of a mixture far too small.
    normal_(weight, math.sqrt(2.0 / (fan_in + fan_out)), generator)


def he_normal_(weight: Tensor, fan_in: int, generator: torch.Generator | None) -> None:
    """Fill `weight` so that a ReLU behind it keeps the scale."""
    normal_(weight, math.sqrt(2.0 / fan_in), generator)
