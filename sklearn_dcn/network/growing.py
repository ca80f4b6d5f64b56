"""Tables of embeddings that get more rows, as columns get more ids.

A column that has outgrown its rows gets half as many more as it needs, and its table is
laid out anew. So a table is copied seldom, and an id costs the same on average however
many there are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .embedding import EmbeddingStack

__all__ = ["grow", "laid_out", "used_rows"]

SLACK = 1.5  # rows for each id, where a table is laid out anew


@torch.no_grad()
def grow(
    stack: EmbeddingStack,
    cardinalities: Sequence[int],
    bag_cardinalities: Sequence[int] = (),
) -> dict[nn.Parameter, Tensor]:
    """Give the columns of a stack more ids.

    Parameters
    ----------
    stack : EmbeddingStack
        It is changed. Rows of new ids are zeros.
    cardinalities, bag_cardinalities : sequence of int
        The numbers of ids from now on, none of them less than before.

    Returns
    -------
    laid_out : dict of {nn.Parameter: tensor}
        Of the tables that were laid out anew, which row each row was before; -1 is for
        a new one.
    """
    moved = {}
    for p, n_ids in zip(stack.bag_tables, bag_cardinalities, strict=True):
        if n_ids > len(p):
            moved[p] = _source([(0, len(p), math.ceil(SLACK * n_ids))])
    starts = [stack._rows[c].start for c in range(len(cardinalities))]
    before = stack.capacities
    stack.capacities = [
        room if n_ids <= room else math.ceil(SLACK * n_ids)
        for n_ids, room in zip(cardinalities, before, strict=True)
    ]
    stack.cardinalities = [*cardinalities]
    stack.bag_cardinalities = [*bag_cardinalities]
    for p, columns in zip(stack.tables, stack._groups.values(), strict=True):
        row = 0
        for c in columns:
            stack._rows[c] = slice(row, row + cardinalities[c])
            row += stack.capacities[c]
        if row > len(p):
            moved[p] = _source(
                [(starts[c], before[c], stack.capacities[c]) for c in columns]
            )
    for p, source in moved.items():
        p.data = laid_out(p.data, source.to(p.device))
    stack.fill_positions()
    return moved


def _source(columns: Sequence[tuple[int, int, int]]) -> Tensor:
    """Return which row each was, of columns by where they began, and their rooms."""
    parts = []
    for start, before, now in columns:
        parts += [torch.arange(start, start + before), torch.full((now - before,), -1)]
    return torch.cat(parts)


def laid_out(rows: Tensor, source: Tensor) -> Tensor:
    """Return rows in another layout, zeros where one is new."""
    is_old = source >= 0
    found = rows.new_zeros(len(source), *rows.shape[1:])
    found[is_old] = rows[source[is_old]]
    return found


def used_rows(stack: EmbeddingStack) -> dict[nn.Parameter, Tensor]:
    """Return the rows that have an id, of the tables that have others as well."""
    found = {}
    for p, columns in zip(stack.tables, stack._groups.values(), strict=True):
        rows = [torch.arange(len(p))[stack._rows[c]] for c in columns]
        found[p] = torch.cat(rows)
    for p, n_ids in zip(stack.bag_tables, stack.bag_cardinalities, strict=True):
        found[p] = torch.arange(n_ids)
    return {p: rows for p, rows in found.items() if len(rows) < len(p)}
