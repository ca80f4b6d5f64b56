"""Sums of the values that belong to the same id, in three passes without a sort."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["sum_by_row"]


def sum_by_row(
    ids: Tensor, values: Tensor, slot: Tensor, compact: bool | None = None
) -> tuple[Tensor, Tensor]:
    """Add up the values that belong to the same id.

    Three passes over the ids, without a sort: each writes its position into its
    id's slot, and the one that finds its own there speaks for the id.

    Parameters
    ----------
    ids : int64 tensor of shape (n,)
        Ids, with repetitions.
    values : tensor of shape (n, d)
        Their values.
    slot : int64 tensor of shape (n_ids,)
        Room to work in; its content does not matter before or after.
    compact : bool or None, default=None
        Whether every id comes out once. Else it does so as often as it came in, each
        time with its whole sum: that needs no number of ids, for which a CUDA device
        would have to be waited for. None is True on a CPU alone.

    Returns
    -------
    rows : int64 tensor of shape (n_rows,)
        The ids.
    sums : tensor of shape (n_rows, d)
        Their sums.
    """
    positions = torch.arange(len(ids), device=ids.device)
    slot.scatter_(0, ids, positions)
    owners = slot.index_select(0, ids)
    if compact is None:
        compact = ids.device.type == "cpu"
    if not compact:
        sums = torch.zeros_like(values).index_add_(0, owners, values)
        return ids, sums.index_select(0, owners)
    rows = ids.index_select(0, (owners == positions).nonzero().squeeze(1))
    slot.scatter_(0, rows, positions[: len(rows)])
    sums = values.new_zeros(len(rows), values.shape[1])
    return rows, sums.index_add_(0, slot.index_select(0, ids), values)
