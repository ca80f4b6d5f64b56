"""Tables that several processes share, each with some of the rows."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from ._init import normal_

__all__ = ["draw_tables", "keep_part", "table_rows"]

BLOCK = 65_536  # rows of a table that are drawn at a time
AT_ONCE = 16  # numbers that torch draws together, and fewer in another way


def table_rows(stack: Any) -> list[int]:
    """Return the rows of `tables` and `bag_tables`, wherever they are.

    Parameters
    ----------
    stack : EmbeddingStack
    """
    fused = [sum(stack.capacities[c] for c in g) for g in stack._groups.values()]
    return [*fused, *stack.bag_cardinalities]


def keep_part(stack: Any, first: int, step: int) -> None:
    """Have rows first, first + step, ... of the tables alone, not yet drawn."""
    stack.part = first, step
    for tables in (stack.tables, stack.bag_tables):
        for k, table in enumerate(tables):
            tables[k] = nn.Parameter(torch.empty_like(table[first::step]))


def draw_tables(stack: Any, std: float, generator: torch.Generator | None) -> None:
    """Draw the rows of all tables that are here from N(0, std^2).

    They are the same as where the tables are whole, which they never are here.
    """
    first, step = stack.part
    tables = [*stack.tables, *stack.bag_tables]
    for table, n in zip(tables, table_rows(stack), strict=True):
        if step == 1 or table.is_meta:
            normal_(table, std, generator)
        else:
            _draw_part(table, n, first, step, std, generator)


@torch.no_grad()
def _draw_part(
    part: Tensor, n_rows: int, first: int, step: int, std: float, generator: Any
) -> None:
    """Draw a table of so many rows, a block at a time, and keep those of `part`."""
    starts = [*range(0, n_rows, BLOCK)]
    if len(starts) > 1 and (n_rows - starts[-1]) * part.shape[1] < AT_ONCE:
        del starts[-1]
    at = 0
    for start, stop in pairwise([*starts, n_rows]):
        rows = torch.empty(stop - start, part.shape[1], dtype=part.dtype)
        normal_(rows, std, generator)
        own = rows[(first - start) % step :: step]
        part[at : at + len(own)] = own
        at += len(own)
