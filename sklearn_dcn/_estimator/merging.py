"""Merges what each process of a fit has learned from its rows into that of all rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from .._table import BlockEncoder, TableSummary
from .._training import SeenLevels, TensorTable
from .._world import World

__all__ = [
    "check_alike",
    "merge_crosses",
    "merge_held",
    "merge_masses",
    "merge_seen",
    "merged",
    "places",
]


def merged(world: World, summary: TableSummary) -> TableSummary:
    """Return the summary of the rows of all processes.

    A level's hash selects the process that adds it up, and leaves it out if it is below
    `min_frequency`. So each of the many rare levels goes to one process only.
    """
    if world.size == 1:
        return summary
    places = world.gather(summary.sample.places())
    summary.sample.keep_least(np.concatenate(places))
    shares = summary.split_levels(world.size)
    whole, *others = world.gather(summary)
    for other in others:
        whole.merge(other)
    mine, *more = world.exchange(shares)
    for share in more:
        for j, counts in share.items():
            mine[j].merge(counts)
    whole.cut_rare(mine)
    for part in world.gather(mine):
        whole.add_levels(part)
    found: TableSummary = whole
    return found


def merge_masses(world: World, mass: dict[Any, float]) -> dict[Any, float]:
    """Return the weight of each class in the rows of all processes, in order."""
    whole: dict[Any, float] = {}
    for part in world.gather(mass):
        for label, more in part.items():
            whole[label] = whole.get(label, 0.0) + more
    return dict(sorted(whole.items()))


def merge_crosses(world: World, encoder: BlockEncoder) -> None:
    """Merge the sums of crosses over the rows of all processes.

    The sums are exact, in any order.
    """
    world.agree(False)  # sums do not wait for long, and a pass may take long
    for part in encoder.parts():
        world.total(torch.from_numpy(part))


def check_alike(world: World, what: Any) -> None:
    """Raise a RuntimeError if processes have different columns or networks."""
    if len(set(map(repr, world.gather(what)))) > 1:
        raise RuntimeError(
            "The processes have prepared the table in different ways, because machines "
            "of different kinds may round differently. Use machines of one kind, or "
            "set what 'auto' leaves open, e.g. memorized_crosses=None."
        )


def merge_seen(world: World, seen: SeenLevels) -> None:
    """Tell every process the levels in the training rows of all processes."""
    if world.size > 1:
        for part in world.gather(seen.seen):
            for own, other in zip(seen.seen, part, strict=True):
                own |= other


def places(world: World, blocks: list[tuple[int, int]]) -> tuple[torch.Tensor, int]:
    """Return where the rows of this process are among those of all, and their number.

    Parameters
    ----------
    world : World
    blocks : list of (start, n)
        For each block of this process, the number of its first row and its length.
    """
    by_rank = world.gather(blocks)
    every = sorted(
        (start, rank, n) for rank, part in enumerate(by_rank) for start, n in part
    )
    found, n_rows = [torch.empty(0, dtype=torch.int64)], 0
    for _, rank, n in every:
        if rank == world.rank:
            found.append(torch.arange(n_rows, n_rows + n))
        n_rows += n
    return torch.cat(found), n_rows


def merge_held(world: World, held: list[TensorTable]) -> list[TensorTable]:
    """Return the rows that validate, of all processes."""
    return [table for part in world.gather(held) for table in part]
