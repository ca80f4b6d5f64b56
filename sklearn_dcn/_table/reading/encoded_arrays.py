"""Arrays of numbers that say which of their columns are ids, and of what."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["check_ids", "mark_ids", "marked_levels"]


# An array that holds ids among numbers says so in the metadata of its dtype, which
# goes along with its rows: {position: levels in the order of their ids}.
MARK = "sklearn_dcn_levels"


def mark_ids(X: NDArray[Any], levels: dict[int, Any]) -> NDArray[Any]:
    """Return a view of an array that says which of its columns are ids of what."""
    mark = {MARK: levels, "n_columns": X.shape[1]}
    return X.view(np.dtype(X.dtype.type, metadata=mark))


def marked_levels(X: Any) -> dict[int, Any]:
    mark = X.dtype.metadata or {}
    if MARK in mark and mark["n_columns"] != X.shape[1]:
        raise ValueError(
            f"X has {X.shape[1]} of the {mark['n_columns']} columns of an encoded "
            "array, so it is not known which hold ids. Choose columns before encoding, "
            "or encode with set_output(transform='pandas')."
        )
    return mark.get(MARK, {})


def check_ids(column: NDArray[Any], j: int, n_levels: int) -> NDArray[np.int64]:
    ids = column.astype(np.int64)
    if (ids != column).any() or ids.min() < 0 or ids.max() >= n_levels + 2:
        raise ValueError(
            f"Column {j} of an encoded array must hold ids in [0, {n_levels + 1}]; got "
            f"{column[(ids != column) | (ids < 0) | (ids >= n_levels + 2)][0]}. Change "
            "columns before encoding, not afterwards."
        )
    return ids
