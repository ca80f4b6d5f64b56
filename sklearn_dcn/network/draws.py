"""Random numbers for a batch, parts of which other processes may compute."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

__all__ = ["Draws", "Source", "bernoulli", "uniform"]


class Draws(NamedTuple):
    """Draws for the whole batch, and keeps what belongs to some of its rows.

    So a row has the same numbers wherever it is computed.

    Attributes
    ----------
    generator : torch.Generator
        In the same state in every process.
    places : int64 tensor of shape (n,)
        Of the rows in the batch.
    n_rows : int
        Of the batch.
    entries : list of (places, n_entries)
        The same of the ids of each column of lists; empty where all rows are here.
    n_members : int
        Networks for which numbers are drawn.
    members : slice
        Those that are computed.
    """

    generator: torch.Generator
    places: Tensor
    n_rows: int
    entries: Sequence[tuple[Tensor, int]] = ()
    n_members: int | None = None
    members: slice = slice(None)


Source = torch.Generator | Draws | None  # None is torch's own generator


def bernoulli(x: Tensor, p: float, source: Source) -> Tensor:
    """Return ones with probability `p`, else zeros, for each entry of x (..., B, d)."""
    if not isinstance(source, Draws):
        return torch.empty_like(x).bernoulli_(p, generator=source)
    members = x.shape[:-2] if source.n_members is None else (source.n_members,)
    whole = x.new_empty(*members, source.n_rows, x.shape[-1])
    whole.bernoulli_(p, generator=source.generator)
    mine = whole if source.n_members is None else whole[source.members]
    return mine.index_select(-2, source.places)


def uniform(
    ids: Tensor, members: tuple[int, ...], source: Source, bag: int | None
) -> Tensor:
    """Return numbers in [0, 1), of shape (*members, *ids.shape).

    Parameters
    ----------
    ids : integer tensor of shape (B, n_columns), or (n_entries,) of a bag
    members : tuple of int
    source : torch.Generator, Draws or None
    bag : int or None
        Which bag it is.
    """
    how: dict[str, Any] = {"device": ids.device, "dtype": torch.float32}
    if not isinstance(source, Draws):
        return torch.rand(*members, *ids.shape, generator=source, **how)
    if source.n_members is not None:
        whole = torch.rand(
            source.n_members, *ids.shape, generator=source.generator, **how
        )
        return whole[source.members]
    places, n = source.places, source.n_rows
    if bag is not None:
        places, n = source.entries[bag]
    shape = (*members, n, *ids.shape[1:])
    whole = torch.rand(*shape, generator=source.generator, **how)
    return whole.index_select(len(members), places)
