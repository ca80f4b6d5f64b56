"""Which rows are held out for validation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit

__all__ = ["train_validation_split"]


def train_validation_split(
    n_rows: int, strata: NDArray[Any] | None, fraction: float, seed: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Split rows at random, keeping the proportions of `strata`.

    Classes of a single row stay in the training rows; where there are fewer held-out
    rows than classes, the split is not stratified.

    Returns
    -------
    training, validation : ndarray of int
        Positions of the rows.

    Raises
    ------
    ValueError
        If there is only one row.
    """
    if n_rows < 2:
        raise ValueError(
            "Early stopping needs at least 2 rows to split; got 1 sample. Set "
            "early_stopping=False or pass X_val and y_val."
        )
    if strata is not None:
        _, code, counts = np.unique(strata, return_inverse=True, return_counts=True)
        single = counts[code] < 2
        rows = np.flatnonzero(~single)
        if min(fraction, 1 - fraction) * len(rows) >= max(1, (counts >= 2).sum()):
            splitter = StratifiedShuffleSplit(1, test_size=fraction, random_state=seed)
            a, b = next(splitter.split(rows, strata[rows]))
            return np.concatenate([rows[a], np.flatnonzero(single)]), rows[b]
    n_held_out = min(math.ceil(fraction * n_rows), n_rows - 1)  # one row to train on
    splitter = ShuffleSplit(1, test_size=n_held_out, random_state=seed)
    return next(splitter.split(np.empty(n_rows)))
