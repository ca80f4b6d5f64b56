"""The optimizers by name, and which parameters they decay."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from .lazy_adamw import AdamW

__all__ = ["OPTIMIZERS", "is_lazy", "parameter_groups"]


# Last names of the parameters that weight decay is for.
WEIGHTS = ("weight", "W", "W_g", "U", "V", "C", "G", "w")

OPTIMIZERS: dict[str, type[Optimizer]] = {
    "adamw": AdamW,
    "lazy_adamw": AdamW,
    "adam": torch.optim.Adam,
    "adagrad": torch.optim.Adagrad,
    "sgd": torch.optim.SGD,
}


def is_lazy(optimizer: Any) -> bool:
    """Tell whether an option of `optimizer` asks for gradients of the batch's ids."""
    return isinstance(optimizer, str) and optimizer.startswith("lazy_")


def parameter_groups(
    named_parameters: Iterable[tuple[str, nn.Parameter]],
) -> list[dict[str, Any]]:
    """Return the matrices of a network, and, exempt from weight decay, the rest.

    The rest are embeddings, biases and norms.
    """
    decayed: list[nn.Parameter] = []
    exempt: list[nn.Parameter] = []
    for name, parameter in named_parameters:
        is_weight = name.rsplit(".", 1)[-1] in WEIGHTS
        is_norm = ".norms." in name
        (decayed if is_weight and not is_norm else exempt).append(parameter)
    return [{"params": decayed}, {"params": exempt, "weight_decay": 0.0}]
