"""Rows grouped by the level of a column or a pair, and sums over other rows."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..._sorting import argsort

__all__ = ["EarlierRows", "Floats", "Groups", "Keys", "OtherFolds", "Single"]

Keys = NDArray[np.int64]
Floats = NDArray[np.float64]
Single = NDArray[np.float32]

# Keys of a range so much longer than the rows have a table; others are sorted.
TABLE = 16


class Groups(NamedTuple):
    """Rows grouped by the level of a column or of a pair.

    Attributes
    ----------
    keys : ndarray of shape (n_levels,)
        The levels that occur, in order.
    codes : ndarray of shape (n,)
        Position in `keys` of each row's level.
    """

    keys: Keys
    codes: NDArray[np.intp]

    @classmethod
    def of(cls, key: NDArray[np.integer[Any]]) -> Groups:
        """Return the groups of rows with these keys."""
        low, width = _range(key)
        shifted = key.astype(np.intp) - low
        if width <= TABLE * (len(key) + 64):
            present = np.zeros(width, dtype=bool)
            present[shifted] = True
            keys = np.flatnonzero(present)
            position = np.empty(width, dtype=np.int32)
            position[keys] = np.arange(len(keys), dtype=np.int32)
            return cls(keys + low, position[shifted].astype(np.intp))
        order = argsort(shifted)
        in_order = shifted[order]
        is_new = np.append(True, in_order[1:] != in_order[:-1])
        codes = np.empty(len(key), dtype=np.intp)
        codes[order] = np.cumsum(is_new) - 1
        return cls(in_order[is_new] + low, codes)

    @classmethod
    def loose(cls, key: NDArray[np.integer[Any]], n_folds: int) -> Groups:
        """Return groups, of which some may have no row, if their folds are few.

        This saves the search for groups that occur.
        """
        low, width = _range(key)
        if width * n_folds > len(key):
            return cls.of(key)
        return cls(np.arange(low, low + width), key.astype(np.intp) - low)


def _range(key: NDArray[np.integer[Any]]) -> tuple[int, int]:
    """Return the lowest key, and how many there are up to the highest."""
    if not len(key):
        return 0, 0
    low = int(key.min())
    return low, int(key.max()) - low + 1


class OtherFolds:
    """Sums over the rows of each row's level that are in other folds.

    The sums are the same for all rows of a level and fold. If such cells are fewer than
    the rows, results are computed cell by cell, and `spread` at the end.

    Parameters
    ----------
    groups : Groups
    fold : ndarray of shape (n,)
        The fold of each row.
    """

    def __init__(self, groups: Groups, fold: NDArray[np.intp]) -> None:
        self._shape = int(fold.max(initial=0)) + 1, len(groups.keys)
        self._cell = fold * len(groups.keys) + groups.codes
        self._by_cell = self._shape[0] * self._shape[1] <= len(fold)

    def sums(self, values: Floats) -> Floats:
        """Return the sums of these values (n,), which must still be `spread`."""
        n_folds, n_levels = self._shape
        inside = np.bincount(self._cell, values, n_folds * n_levels)
        inside = inside.reshape(self._shape)
        others = (inside.sum(axis=0) - inside).ravel()
        return others if self._by_cell else others[self._cell]

    def spread(self, found: Floats) -> Floats:
        """Return for each row what was computed from the sums."""
        return found[self._cell] if self._by_cell else found


class EarlierRows:
    """Sums over the rows of each row's level that came before the row.

    Parameters
    ----------
    groups : Groups
    rank : ndarray of shape (n,)
        When each row was; rows of one time have one rank.
    """

    def __init__(self, groups: Groups, rank: NDArray[np.intp]) -> None:
        by_time = argsort(rank)
        self._order = by_time[argsort(groups.codes[by_time])]
        level, time = groups.codes[self._order], rank[self._order]
        new_level = np.append(True, level[1:] != level[:-1])
        new_time = new_level | np.append(True, time[1:] != time[:-1])
        at = np.arange(len(rank))
        self._level = np.maximum.accumulate(np.where(new_level, at, 0))
        self._time = np.maximum.accumulate(np.where(new_time, at, 0))

    def sums(self, values: Floats) -> Floats:
        """Return for each row the sum of these values (n,) over those earlier rows."""
        before = np.append(0.0, np.cumsum(values[self._order]))
        sums = np.empty(len(values))
        sums[self._order] = before[self._time] - before[self._level]
        return sums

    def spread(self, found: Floats) -> Floats:
        """Return what was made of the sums, which are those of each row."""
        return found
