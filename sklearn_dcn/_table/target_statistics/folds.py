"""What statistics of the target are learned from, and the folds that they leave out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["N_FOLDS", "Supervision", "Tell", "assign_folds", "do_nothing"]

Tell = Callable[[str, float], None]  # of what is done, and which share of it

N_FOLDS = 5


class Supervision(NamedTuple):
    """What encoders that learn from the target are given of a table's rows.

    Attributes
    ----------
    targets : dict of {str: ndarray of shape (n,)}
        What to learn, by what follows the name of the statistic: nothing if there is
        one target, else the class, of which it is the indicator, or output.
    strata : ndarray of shape (n,) or None
        Classes that the folds keep in proportion.
    seed : int
        That of the folds, and of encoders that have a random state.
    """

    targets: dict[str, NDArray[Any]]
    strata: NDArray[Any] | None
    seed: int


def do_nothing(what: str, done: float) -> None:
    """Tell nobody."""


def assign_folds(
    n_rows: int, strata: NDArray[Any] | None, seed: int
) -> NDArray[np.intp]:
    """Return the fold of each row, drawn at random, strata spread evenly over folds.

    Rows are dealt out in turn, so any two folds differ by at most one row, also of one
    stratum, and two rows of a stratum are never in one fold while another has none.
    """
    order = np.random.RandomState(seed).permutation(n_rows)
    if strata is not None:
        _, codes = np.unique(strata, return_inverse=True)
        order = order[np.argsort(codes[order], kind="stable")]
    fold = np.empty(n_rows, dtype=np.intp)
    fold[order] = np.arange(n_rows) % N_FOLDS
    return fold
