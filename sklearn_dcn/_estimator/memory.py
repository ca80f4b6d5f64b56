"""When memory runs out in a fit: an error that says what to change."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

__all__ = ["naming_memory"]

# How torch says so on Linux, Windows and MPS, and of sizes beyond 64 bits.
OUT_OF_MEMORY = re.compile(
    "can't allocate memory|not enough memory|out of memory|Storage size calculation"
)

# Parameters that say how much memory a fit takes.
NAMES = (
    "cross",
    "numeric_embedding",
    "embedding_dim",
    "n_members",
    "max_categories",
    "batch_size",
    "hidden_layer_sizes",
)


@contextmanager
def naming_memory(estimator: Any) -> Iterator[None]:
    """Turn out-of-memory errors into one that says what to change."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not (
            isinstance(error, (MemoryError, torch.OutOfMemoryError))
            or OUT_OF_MEMORY.search(str(error))
        ):
            raise
        now = ", ".join(f"{name}={getattr(estimator, name)!r}" for name in NAMES)
        raise MemoryError(
            f"Memory ran out ({error}). For many columns: cross='low_rank' or 'vector' "
            "(the weights of 'matrix' grow with the square of the columns), "
            "numeric_embedding=None, n_members=1. For many levels: lower "
            "embedding_dim, or limit levels by max_categories, min_frequency or "
            "hashing. For a batch: lower batch_size or hidden_layer_sizes. For many "
            "rows: fit fewer, or give "
            f"them in parts to partial_fit. Now {now}."
        ) from error
