"""Levels that a member of an ensemble has not seen.

Every member holds out rows of its own, so that the ensemble as a whole learns from all,
and early stopping is told by the held-out rows of all members together. Levels are
common to them, and learned from all rows. So a held-out row may have some that no
training row of its member has; to the member they are unknown, in validation as in
prediction.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from .._ids import N_RESERVED_IDS, UNKNOWN_ID
from .._roles import Mask
from ..network import DeepCrossNetwork, EmbeddingStack
from .batches import Encoded

__all__ = ["forget_unseen", "hide_unseen"]


def hide_unseen(x: Encoded, trains: Mask, stack: EmbeddingStack) -> Encoded:
    """Return the encoded rows, with unknown levels where they validate a member.

    Parameters
    ----------
    x : dict
        Encoded rows; they are not changed.
    trains : bool ndarray of shape (n_rows, n_members)
    stack : EmbeddingStack
        That of any member.
    """
    hidden = _with_own_ids(x)
    fields = [ids for ids, _, _ in _fields(hidden, stack)]
    for k in range(trains.shape[1]):
        validates = torch.from_numpy(~trains[:, k])
        for ids, (given, rows, n_ids) in zip(fields, _fields(x, stack), strict=True):
            is_unseen = ~_seen(given[~validates[rows]], n_ids)
            ids.masked_fill_(is_unseen[given.long()] & validates[rows], UNKNOWN_ID)
    return hidden


def _with_own_ids(x: Encoded) -> Encoded:
    """Return encoded rows whose ids may be written to; all else is shared."""
    copied = dict(x)
    if "x_cat" in x:
        copied["x_cat"] = x["x_cat"].clone()
    if "x_bag" in x:
        copied["x_bag"] = [[ids.clone(), *rest] for ids, *rest in x["x_bag"]]
    return copied


def forget_unseen(
    members: Sequence[DeepCrossNetwork], x: Encoded, trains: Mask
) -> None:
    """Set the embeddings of levels that a member has not seen to the unknown one's."""
    for member, column in zip(members, trains.T, strict=True):
        is_training = torch.from_numpy(column)
        for c, (ids, rows, n_ids) in enumerate(_fields(x, member.embedding)):
            weight = member.embedding.column_weight(c)
            is_unseen = ~_seen(ids[is_training[rows]], n_ids)
            with torch.no_grad():
                weight[is_unseen.to(weight.device)] = weight[UNKNOWN_ID].clone()


def _fields(x: Encoded, stack: EmbeddingStack) -> Iterator[tuple[Tensor, Tensor, int]]:
    """Yield, for every field of ids, its ids, the row of each, how many it may be."""
    if "x_cat" in x:
        rows = torch.arange(len(x["x_cat"]))
        for c, n_ids in enumerate(stack.cardinalities):
            yield x["x_cat"][:, c], rows, n_ids
    bags = x.get("x_bag", [])
    for (ids, offsets, _), n_ids in zip(bags, stack.bag_cardinalities, strict=True):
        lengths = offsets.diff()
        rows = torch.repeat_interleave(torch.arange(len(lengths)), lengths)
        yield ids, rows, n_ids


def _seen(ids: Tensor, n_ids: int) -> Tensor:
    """Return which of a field's ids are there, or reserved."""
    seen = torch.zeros(n_ids, dtype=torch.bool)
    seen[:N_RESERVED_IDS] = True
    seen[ids.long()] = True
    return seen
