"""Fields of several ids a row: the weighted sum of their embeddings."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ._products import look_up
from .layout import weighted

__all__ = ["pool"]

Bag = tuple[Tensor, Tensor, Tensor]


def pool(
    table: Tensor,
    bag: Bag,
    sparse: bool,
    n_members: int | None = None,
    dim: int | None = None,
) -> Tensor:
    """Return the weighted sum of each row's embeddings.

    Parameters
    ----------
    table : tensor of shape (v, dim), or (v, dim + 1) with collision weights
        Of members one below the other, (n_members * v, dim).
    bag : (ids, offsets, weights)
        Ids and weights of all rows, (n_entries,), and where each row begins, with the
        end, (B + 1,). Members may have ids of their own, (n_members, n_entries).
    sparse : bool
        Whether the gradient of the table is to be sparse.
    n_members : int or None, default=None
        None for one network.
    dim : int or None, default=None
        None is the width of the table.

    Returns
    -------
    sums : tensor of shape (B, dim) or (n_members, B, dim)
    """
    if n_members is not None:
        bag = _side_by_side(bag, n_members, len(table) // n_members)
    ids, offsets, weights = bag
    if dim is not None and dim < table.shape[1]:
        # Of the entries one by one, each times its own c.
        table = weighted(look_up(table, ids, sparse), dim)
        ids, sparse = torch.arange(len(ids), device=ids.device), False
    sums = F.embedding_bag(
        ids,
        table,
        offsets,
        mode="sum",
        sparse=sparse,
        per_sample_weights=weights,
        include_last_offset=True,
    )
    return sums if n_members is None else sums.reshape(n_members, -1, sums.shape[-1])


def _side_by_side(bag: Bag, n_members: int, n_ids: int) -> Bag:
    """Return the bags of all members as one of n_members * B rows."""
    ids, offsets, weights = bag
    at = torch.arange(n_members, device=ids.device).unsqueeze(-1)
    ends = offsets[1:] + at * offsets[-1]
    return (
        (ids + at * n_ids).flatten(),
        torch.cat([offsets[:1], ends.flatten()]),
        weights.expand(n_members, -1).flatten(),
    )
