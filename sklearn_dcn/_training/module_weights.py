"""Weights of a module: room for them, those of a state, and what is asked of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..network import DeepCrossNetwork
from ..network.ensemble import Network
from ..network.parts import keep_part

__all__ = [
    "add_l2_of_tables",
    "allocate",
    "assign",
    "count_products",
    "id_tables",
    "is_finite",
    "scale_outputs",
    "without_storage",
]


def without_storage(
    kind: type[Network], arguments: dict[str, Any], part: tuple[int, int] | None
) -> Network:
    """Return a network on the meta device, perhaps with a part of its tables' rows.

    Raises
    ------
    ValueError
        If it is to have a part, but is not one network that learns a batch's rows.
    """
    with torch.device("meta"):
        module = kind(**arguments)
        if part is None:
            return module
        if len(module.members) > 1 or not module.members[0].embedding.sparse:
            raise ValueError(
                "tables='sharded' is for one network that learns the rows of a batch. "
                "Set n_members=1 and optimizer='lazy_adamw'."
            )
        keep_part(module.members[0].embedding, *part)
        return module


def allocate(module: nn.Module, dtype: torch.dtype) -> None:
    """Give a module on the meta device room on the CPU, its floats as `dtype`."""
    # As module.to(dtype).to_empty(device="cpu"), for which torch imports sympy: half a
    # second of the first fit in a process.
    for part in module.modules():
        parameters = part.named_parameters(recurse=False)
        for name, meta in (*parameters, *part.named_buffers(recurse=False)):
            room = torch.empty(meta.shape, dtype=_kind(meta, dtype), device="cpu")
            if isinstance(meta, nn.Parameter):
                room = nn.Parameter(room, meta.requires_grad)
            setattr(part, name, room)


def assign(module: nn.Module, weights: dict[str, Tensor], dtype: torch.dtype) -> None:
    """Give a module on the meta device the weights of a state, without a copy.

    Raises
    ------
    ValueError, RuntimeError
        If they are not those that `allocate` would make room for.
    """
    for name, meta in module.state_dict().items():
        kind = _kind(meta, dtype)
        if name in weights and weights[name].dtype != kind:
            raise ValueError(
                f"weight {name!r} must be of {kind}; got {weights[name].dtype}."
            )
    module.load_state_dict(weights, assign=True)


def _kind(meta: Tensor, dtype: torch.dtype) -> torch.dtype:
    return dtype if meta.is_floating_point() else meta.dtype


@torch.no_grad()
def scale_outputs(
    members: Sequence[DeepCrossNetwork], factors: NDArray[np.float64]
) -> None:
    """Let outputs start nearer to their bias, or at it, where a loss of 0 leaves them.

    Parameters
    ----------
    members : sequence of DeepCrossNetwork
    factors : ndarray of shape (d_out,)
        Of all but the bias; 0 for the bias alone.
    """
    for member in members:
        member.scale_logits(torch.from_numpy(factors).to(member.head.weight))


@torch.no_grad()
def add_l2_of_tables(module: Network, factor: float) -> None:
    """Add to gradients of tables those of factor / 2 times all embeddings, squared."""
    for member in module.members:
        for table, dim in member.embedding.widths_of_tables():
            if table.grad is not None:  # of embeddings, not of collision weights
                table.grad[:, :dim].add_(table[:, :dim], alpha=factor)


def id_tables(module: Network) -> list[nn.Parameter]:
    """Return the tables of embeddings of ids, those of all members."""
    stacks = [member.embedding for member in module.members]
    return [table for e in stacks for table in (*e.tables, *e.bag_tables)]


def count_products(module: Network) -> int:
    """Return how many products a row has behind the embeddings of one network."""
    first = module.members[0]
    layers = [*first.crosses, *([] if first.deep is None else [first.deep])]
    return sum(p.numel() for part in layers for p in part.parameters() if p.ndim > 1)


def is_finite(module: nn.Module) -> bool:
    """Tell whether all weights are finite."""
    # By the ends: isfinite would take a quarter of a large table's memory, and more.
    return all(
        bool(torch.stack(torch.aminmax(p)).isfinite().all())
        for p in module.parameters()
    )
