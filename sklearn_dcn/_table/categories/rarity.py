"""Whether the levels of a column occur often enough to learn much about each."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._ids import N_RESERVED_IDS

__all__ = ["is_seldom"]

FEW_ROWS = 2.5  # that a level has which is seldom seen: one or two
SHARE = 0.2  # of the cells that hold such levels


def is_seldom(counts: NDArray[Any]) -> bool:
    """Tell whether a fifth of a column's cells hold levels that are seldom seen.

    One such column is enough for the network to learn the training rows by heart within
    an epoch or two, before it has learned curves of numbers or embeddings of their
    values (measured in docs/quality.md).

    Parameters
    ----------
    counts : ndarray of shape (n_ids,)
        Weight of every id, those of unknown and missing levels first. Empty buckets of
        a hash do not count.
    """
    known = counts[N_RESERVED_IDS:]
    seldom = known[known < FEW_ROWS].sum()
    return bool(seldom > 0 and seldom >= SHARE * np.sum(counts))
