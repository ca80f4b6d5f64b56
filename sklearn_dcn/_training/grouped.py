"""Batches of whole groups of rows, as queries with their answers."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["whole_groups"]


def whole_groups(
    group: Tensor,
    size: int,
    shuffle: bool = False,
    generator: torch.Generator | None = None,
) -> list[Tensor]:
    """Return the positions of the rows of each batch, of about `size` rows.

    A batch ends with the group that reaches the next multiple of `size`, so a group of
    more rows is a batch, or the end of one. A last batch of one row joins another.

    Parameters
    ----------
    group : integer tensor of shape (n,)
        The group of each row, ascending.
    size : int
    shuffle : bool, default=False
        Whether groups, and the rows in each, are in a new order.
    generator : torch.Generator or None, default=None
        Source of the order.
    """
    if not len(group):
        return []
    device, group = group.device, group.cpu()  # the same order wherever the rows are
    at = torch.arange(len(group))
    is_new = torch.zeros_like(group)
    is_new[1:] = group.diff() != 0
    code = is_new.cumsum(0)
    sizes = torch.bincount(code)
    if shuffle:
        turn = torch.randperm(len(sizes), generator=generator)
        at = torch.randperm(len(group), generator=generator)
        at = at[torch.argsort(turn[code[at]], stable=True)]
        sizes = sizes[torch.argsort(turn)]
    starts = sizes.cumsum(0) - sizes
    is_cut = torch.div(starts, size, rounding_mode="floor").diff() > 0
    cuts = starts[1:][is_cut].tolist()
    if cuts and len(group) - cuts[-1] == 1:
        cuts.pop()
    return list(torch.tensor_split(at.to(device), cuts))
