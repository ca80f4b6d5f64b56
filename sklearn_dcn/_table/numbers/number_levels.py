"""The values of a column of few distinct numbers -> ids."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._ids import MISSING_ID, N_RESERVED_IDS, UNKNOWN_ID
from .distinct import distinct
from .scaler import N_SAMPLE

__all__ = ["MAX_LEVELS", "NumberLevels"]


MIN_ROWS = 5  # of a number that gets an id of its own
MAX_LEVELS = 256  # distinct numbers of a column that "auto" gives an id each
MOST_OF_RANGE = 0.5  # that they must not fill then


class NumberLevels:
    """The values of a column of few distinct numbers -> integer ids.

    Counts, codes and amounts that repeat can have meanings of their own, such as 99,999
    for "no limit". A curve through the numbers, however fine its bins, smooths that
    away; an embedding for each value does not.

    Parameters
    ----------
    most : int
        The column gets no levels if it has more distinct values than this.

    Attributes
    ----------
    values : ndarray of shape (n_ids - 2,)
        The numbers that occur in at least 5 rows, in order; none if the column has too
        many distinct ones, or no more than two of those.
    counts : ndarray of shape (n_ids,)
        Weight of every id in `fit`: 0 of rarer and new numbers, 1 of missing ones.
    """

    def __init__(self, most: int) -> None:
        self.most = most

    def fit(
        self,
        x: NDArray[np.float64],
        weight: NDArray[np.float64],
        isolated: bool = False,
        stretch: NDArray[np.intp] | None = None,
    ) -> NumberLevels:
        """Learn the values of `x`, in rows weighted by `weight`.

        With `isolated` there are no levels if the values fill their range, and none
        for a value that only occurs in one `stretch` of the table, such as the name of
        a day: it is not likely to come again.
        """
        self.values = self.counts = np.empty(0)
        present = ~np.isnan(x)
        seen = present & (weight > 0)
        some = x[:N_SAMPLE][seen[:N_SAMPLE]]
        if len(np.unique(some)) > self.most:  # most columns are told by their head
            return self
        values, inverse = distinct(x[present])
        counts = np.bincount(inverse, weight[present], minlength=len(values))
        missing = float(weight[~present].sum())
        return self.fit_counts(values, counts, missing, isolated, x, stretch)

    def fit_counts(
        self,
        values: NDArray[Any],
        counts: NDArray[Any],
        missing: float,
        isolated: bool = False,
        x: NDArray[np.float64] | None = None,
        stretch: NDArray[np.intp] | None = None,
    ) -> NumberLevels:
        """Learn distinct values, in order, by the weight of each.

        Parameters
        ----------
        values, counts : ndarray of shape (n_distinct,)
        missing : float
            The weight of missing numbers.
        isolated : bool, default=False
            As of `fit`.
        x, stretch : ndarray of shape (n,) or None, default=None
            Numbers, perhaps of a sample of rows, and where these are.
        """
        self.values = self.counts = np.empty(0)
        kept = counts >= MIN_ROWS
        if isolated and _fill_their_range(values[counts > 0]):
            return self
        if isolated and x is not None and stretch is not None and len(values):
            at = _find(values, x)
            known = values[at] == x
            kept &= _come_again(at[known], stretch[known], len(values))
        if (counts > 0).sum() <= self.most and kept.sum() > 2:
            self.values = values[kept]
            self.counts = np.concatenate([[counts[~kept].sum(), missing], counts[kept]])
        return self

    @property
    def n_ids(self) -> int:
        """Number of ids, including those of other and missing numbers."""
        return N_RESERVED_IDS + len(self.values)

    def ids(self, x: NDArray[np.float64]) -> NDArray[np.int32]:
        """Return the id of every number.

        A number is also known if it equals a known one in single precision, or the
        reverse: 0.1 in one table is 0.10000000149011612 in another.
        """
        at = _find(self.values, x)
        ids = np.where(self.values[at] == x, at + N_RESERVED_IDS, UNKNOWN_ID)
        if (self.values != np.rint(self.values)).any():
            self._find_singles(x, ids)
        ids[np.isnan(x)] = MISSING_ID
        return ids.astype(np.int32)

    def _find_singles(self, x: NDArray[np.float64], ids: NDArray[Any]) -> None:
        """Set the ids of numbers with a fraction that are known in other precision."""
        rest = np.flatnonzero((ids == UNKNOWN_ID) & (x != np.rint(x)) & ~np.isnan(x))
        with np.errstate(over="ignore"):
            known, wanted = (v.astype(np.float32) for v in (self.values, x[rest]))
        at = _find(known, wanted)
        value, single = self.values[at], wanted.astype(np.float64)
        is_same = (known[at] == wanted) & (value != np.rint(value))
        is_same &= (single == x[rest]) | (single == value)
        ids[rest[is_same]] = at[is_same] + N_RESERVED_IDS


def _find(values: NDArray[Any], x: NDArray[Any]) -> NDArray[np.intp]:
    """Return the position of the first of sorted values from x on, or of the last."""
    return np.minimum(np.searchsorted(values, x), len(values) - 1)


def _come_again(
    code: NDArray[np.intp], stretch: NDArray[np.intp], n_values: int
) -> NDArray[np.bool_]:
    """Tell which values stand in several stretches of the table."""
    n = int(stretch.max(initial=0)) + 1
    cells = np.bincount(code * n + stretch, minlength=n_values * n)
    several: NDArray[np.bool_] = (cells.reshape(n_values, n) > 0).sum(axis=1) > 1
    return several


def _fill_their_range(values: NDArray[np.float64]) -> bool:
    """Tell whether sorted numbers are most of the multiples of their smallest step.

    Ages, hours and counts do, and their neighbours mean about the same; amounts that
    repeat and codes such as 99,999 do not.
    """
    if len(values) < 2:
        return False
    steps = (values[-1] - values[0]) / np.diff(values).min()
    return bool(len(values) > MOST_OF_RANGE * (1 + steps))
