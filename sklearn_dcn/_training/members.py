"""Levels that a member of an ensemble has not seen.

Every member holds out rows of its own, so that the ensemble as a whole learns from all,
and early stopping is told by the held-out rows of all members together. Levels are
common to them, and learned from all rows. So a held-out row may have some that no
training row of its member has; to the member they are unknown, in validation as in
prediction.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .._ids import N_RESERVED_IDS, UNKNOWN_ID
from .._roles import Mask
from ..network import DeepCrossNetwork, EmbeddingStack
from .batches import Encoded

__all__ = ["SeenLevels", "forget_unseen", "hide_unseen"]


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
    for ids, (given, rows, n_ids) in zip(fields, _fields(x, stack), strict=True):
        cells, own = given.numpy().astype(np.intp), ids.numpy()
        for trains_k in trains.T:
            is_unseen = _unseen(cells, _entries(trains_k, rows), n_ids)
            if is_unseen.any():  # few have such levels
                at = _entries(~trains_k, rows)
                own[at[is_unseen[cells[at]]]] = UNKNOWN_ID
    return hidden


class SeenLevels:
    """Which levels the training rows of all members hold, found block by block.

    Parameters
    ----------
    stack : EmbeddingStack
        That of any member.
    """

    def __init__(self, stack: EmbeddingStack) -> None:
        self.stack = stack
        sizes = [*stack.cardinalities, *stack.bag_cardinalities]
        self.seen = [np.zeros(n, dtype=bool) for n in sizes]
        for seen in self.seen:
            seen[:N_RESERVED_IDS] = True

    def add(self, x: Encoded) -> None:
        """Look at rows that train."""
        for seen, (ids, _, _) in zip(self.seen, _fields(x, self.stack), strict=True):
            seen[ids.numpy()] = True

    def hide(self, x: Encoded) -> Encoded:
        """Return rows that validate, with unknown levels where they were not seen."""
        if all(seen.all() for seen in self.seen):
            return x
        hidden = _with_own_ids(x)
        for seen, (ids, _, _) in zip(
            self.seen, _fields(hidden, self.stack), strict=True
        ):
            cells = ids.numpy()
            cells[~seen[cells]] = UNKNOWN_ID
        return hidden

    def forget(self, members: Sequence[DeepCrossNetwork]) -> None:
        """Set the embeddings of levels that were not seen to the unknown one's."""
        for c, seen in enumerate(self.seen):
            if not seen.all():
                for member in members:
                    _forget(member, c, ~seen)


def _forget(member: DeepCrossNetwork, c: int, is_unseen: NDArray[np.bool_]) -> None:
    table, rows = member.embedding.place_of(c)
    with torch.no_grad():
        weight = table[rows]
        at = torch.from_numpy(is_unseen).to(weight.device)
        weight[at] = weight[UNKNOWN_ID].clone()


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
    for c, (ids, rows, n_ids) in enumerate(_fields(x, members[0].embedding)):
        cells = ids.numpy().astype(np.intp)
        for member, trains_k in zip(members, trains.T, strict=True):
            is_unseen = _unseen(cells, _entries(trains_k, rows), n_ids)
            if is_unseen.any():
                _forget(member, c, is_unseen)


def _fields(
    x: Encoded, stack: EmbeddingStack
) -> Iterator[tuple[Tensor, NDArray[np.intp] | None, int]]:
    """Yield, for every field of ids, its ids, the row of each, how many it may be.

    The rows are None where every row has one id.
    """
    if "x_cat" in x:
        for c, n_ids in enumerate(stack.cardinalities):
            yield x["x_cat"][:, c], None, n_ids
    bags = x.get("x_bag", [])
    for (ids, offsets, _), n_ids in zip(bags, stack.bag_cardinalities, strict=True):
        lengths = offsets.diff().numpy()
        yield ids, np.repeat(np.arange(len(lengths)), lengths), n_ids


def _entries(
    mask: NDArray[np.bool_], rows: NDArray[np.intp] | None
) -> NDArray[np.intp]:
    """Return the positions of a field's ids in the rows of a mask."""
    return np.flatnonzero(mask if rows is None else mask[rows])


def _unseen(
    cells: NDArray[np.intp], at: NDArray[np.intp], n_ids: int
) -> NDArray[np.bool_]:
    """Return which of a field's ids are not at these positions, nor reserved."""
    is_unseen = np.ones(n_ids, dtype=bool)
    is_unseen[:N_RESERVED_IDS] = False
    is_unseen[cells[at]] = False
    return is_unseen
