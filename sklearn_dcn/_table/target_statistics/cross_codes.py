"""Numbers as codes, so that they can be crossed: the bins that they fall into."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._ids import MISSING_ID, N_RESERVED_IDS
from ..numbers import NumberScaler, Scaled

__all__ = ["bin_codes", "cuts_of"]


def cuts_of(scaler: NumberScaler) -> NDArray[np.float64]:
    """Return where a column is cut, in units of z.

    Cuts are half-way between the edges of bins, which are values of the column: if
    there are few, such as 0 and 1, each has its own bin, and none is at a cut.
    """
    edges = np.array(scaler.bin_edges())
    return (edges[1:] + edges[:-1]) / 2


def bin_codes(column: Scaled, cuts: NDArray[np.float64]) -> NDArray[Any]:
    """Return the bin of each cell: 1 for missing ones, 2 and above for the others."""
    bins = np.searchsorted(cuts, column.z) + N_RESERVED_IDS
    if column.missing is not None:
        bins[column.missing > 0] = MISSING_ID
    return bins.astype(np.int16)
