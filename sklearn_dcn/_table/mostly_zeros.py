"""A warning about dense tables that should be sparse matrices."""

from __future__ import annotations

import warnings
from collections.abc import Collection
from typing import Any

import numpy as np

from .reading import get_columns, take_rows, to_float

__all__ = ["warn_of_zeros"]

MOST_COLUMNS = 1000  # of numbers, up to which nothing is said
MOST_FILLED = 0.05  # share of cells that are not 0
N_ROWS = 256  # that are looked at


def warn_of_zeros(X: Any, numbers: Collection[int]) -> None:
    """Warn if a checked table has many columns of numbers, nearly all of them 0.

    Such columns are words, or one-hot encoded levels, and each would become fields of
    its own.

    Parameters
    ----------
    X : checked table
    numbers : collection of int
        Positions of its columns of numbers.
    """
    if len(numbers) <= MOST_COLUMNS:
        return
    n_rows = min(N_ROWS, X.shape[0])
    columns = get_columns(take_rows(X, np.arange(n_rows)))
    n_filled = sum(np.count_nonzero(to_float(columns[j], j)) for j in numbers)
    share = n_filled / (n_rows * len(numbers))
    if share <= MOST_FILLED:
        warnings.warn(
            f"X has {len(numbers):,} columns of numbers, each of which becomes a field "
            f"of the network, but {1 - share:.1%} of their cells are 0 (in the first "
            f"{n_rows} rows). Give categories as they are, without one-hot encoding. "
            "Give text and the like as a sparse matrix or, beside other columns, as "
            "one column: sklearn_dcn.preprocessing.BagColumn(TfidfVectorizer()) in a "
            "ColumnTransformer.",
            UserWarning,
            stacklevel=2,
        )
