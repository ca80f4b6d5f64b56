"""Columns of dates and of vectors -> the inputs that a graph has of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._table import (
    DateColumn,
    check_table,
    column_names,
    get_columns,
    to_levels,
    to_vectors,
)

__all__ = ["read_apart"]


def read_apart(
    X: Any, table: Mapping[str, Any], apart: Mapping[str, Any], missing_text: str
) -> dict[str, NDArray[Any]]:
    """Return the inputs that hold parts of a table's dates, and vectors, by names.

    Parameters
    ----------
    X : table
    table : mapping
        Its columns by name, as NumPy has them, which knows no zones.
    apart : mapping
        "dates": kind, zone and parts of each column of dates, as `fit` found them, and
        which of the inputs are texts; "vectors": the width of each.
    missing_text : str
        The text of a missing cell.
    """
    frame = check_table(X) if hasattr(X, "columns") else None
    names = None if frame is None else column_names(frame)
    if names is not None:
        table = dict(zip(names, get_columns(frame), strict=True))
    inputs: dict[str, NDArray[Any]] = {
        name: to_vectors(table[name], name, width).astype(np.float64)
        for name, width in apart.get("vectors", {}).items()
    }
    for name, (kind, zone, parts, are_texts) in apart.get("dates", {}).items():
        date = DateColumn(name, kind)
        date.zone, date.parts = zone, tuple(parts)
        found = zip(parts, date.names, date.read(table[name]), are_texts, strict=True)
        for part, title, x, is_text in found:
            inputs[title] = x
            if is_text:
                texts = to_levels(part, x).tolist()
                texts = [missing_text if text is None else text for text in texts]
                inputs[title] = np.array(texts, dtype=object)
    return inputs
