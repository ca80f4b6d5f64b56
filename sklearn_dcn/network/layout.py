"""Where fields stand in x_0, and columns of ids in their tables."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import Any

from torch import Tensor

__all__ = ["lay_out", "weighted"]


def lay_out(stack: Any, other_dims: list[int]) -> None:
    """Decide where each field stands in x_0, and each column in its table.

    Parameters
    ----------
    stack : EmbeddingStack
    other_dims : list of int
        Widths of the fields that are not of ids.
    """
    # NOTE[DIFF] The paper stacks the embeddings in the order of the columns. Here
    # columns of one width stand together, the widest first, so that a group of them is
    # one gather; field_slices says where each column is. Those with collision weights
    # are a group of their own.
    n_cat, dims = len(stack.cardinalities), stack.embedding_dims
    keys = [(dims[c], c in stack.collision_weighted) for c in range(n_cat)]
    stack._groups = {
        key: [c for c in range(n_cat) if keys[c] == key]
        for key in sorted(set(keys), reverse=True)
    }
    slices: dict[int, slice] = {}
    stack._rows = {}  # of each column in its fused table
    start = 0
    for (dim, _), columns in stack._groups.items():
        row = 0
        for c in columns:
            slices[c] = slice(start, start + dim)
            stack._rows[c] = slice(row, row + stack.cardinalities[c])
            start += dim
            row += stack.capacities[c]
    stack.field_slices = [slices[c] for c in range(n_cat)]
    for width in [*dims[n_cat:], *other_dims]:
        stack.field_slices.append(slice(start, start + width))
        start += width
    stops = list(accumulate(map(len, stack._groups.values())))
    stack._column_slices = [slice(a, b) for a, b in pairwise([0, *stops])]


def weighted(rows: Tensor, dim: int) -> Tensor:
    """Return rows (..., dim), times the c of rows (..., dim + 1) that have one."""
    if rows.shape[-1] == dim:
        return rows
    e, c = rows[..., :dim], rows[..., dim:]
    return c * e  # e'_v = c_v e_v
