"""Whether a table's ids are seen often enough to learn much of each."""

from __future__ import annotations

__all__ = ["is_seldom"]


def is_seldom(n_ids: int, n_rows: int) -> bool:
    """Tell whether a table's ids are seldom seen: over half as many as its rows.

    A fit then ends after an epoch or two, before it has learned curves of numbers or
    embeddings of their values (measured in docs/quality.md).

    Parameters
    ----------
    n_ids : int
        Ids of all columns together, reserved ones and buckets of a hash included.
    n_rows : int
        Rows to learn from.
    """
    return 2 * n_ids > n_rows
