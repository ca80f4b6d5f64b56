"""Checks of the cells of target and weight; errors name the source and the row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .base import SourceError

__all__ = ["check_target", "check_weights"]


def check_target(title: str, frame: Any, names: Sequence[str], start: int) -> None:
    """Raise a SourceError if a cell of the target is missing or infinite.

    Parameters
    ----------
    title : str
        The title of the source.
    frame : DataFrame
        Rows.
    names : list of str
        The columns of the target.
    start : int
        The number of the first row.
    """
    for name in names:
        missing = np.asarray(frame[name].isna())
        if missing.any():
            row = start + int(missing.argmax())
            raise SourceError(
                f"{title}: the target {name!r} is missing in row {row:,}, the first of "
                f"{int(missing.sum()):,} such rows in a block of {len(frame):,}. Leave "
                "such rows out: write a file without them, or scan a filtered query or "
                "data set."
            )
        if frame[name].dtype.kind == "f" and np.isinf(frame[name]).any():
            row = start + int(np.asarray(np.isinf(frame[name])).argmax())
            raise SourceError(
                f"{title}: the target {name!r} must be finite; it is infinite in row "
                f"{row:,}. Leave such rows out, or clip the target."
            )


def check_weights(title: str, weight: Any, start: int) -> None:
    """Raise a SourceError if a weight is not a number, negative or not finite."""
    try:
        values = np.asarray(weight, dtype=np.float64)
    except (TypeError, ValueError):
        raise SourceError(
            f"{title}: the weight {weight.name!r} must be a number; it is "
            f"{weight.dtype}. Cast it."
        ) from None
    bad = ~((values >= 0) & np.isfinite(values))
    if bad.any():
        at = int(bad.argmax())
        raise SourceError(
            f"{title}: the weight {weight.name!r} must be finite and not negative; it "
            f"is {values[at]} in row {start + at:,}. Weights of 0 leave rows out."
        )
