"""What each row is for in a fit: which fold it is in, which network it validates.

Rows are put in an order by their numbers and a seed, the same wherever they are read,
and dealt out in that order. The parts are even, so a role depends on how many rows, and
of which classes or groups, there are.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._sorting import argsort

__all__ = [
    "GroupRoles",
    "HashRoles",
    "LONG",
    "LastRoles",
    "MAX_HELD_OUT",
    "Mask",
    "N_FOLDS",
    "RandomRoles",
    "Roles",
    "uniform",
]

# Rows of a table whose roles are dealt out evenly; those of more follow from hashes.
LONG = 200_000
MAX_HELD_OUT = 100_000  # rows that validate, of those

N_FOLDS = 5  # of rows that describe each other, and stretches that judge a choice

Mask = NDArray[np.bool_]
Positions = NDArray[np.float64]

# Odd constants of splitmix64, which turn any two neighbouring integers into unlike
# ones (Steele et al., "Fast splittable pseudorandom number generators", 2014).
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MIX_1, MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def uniform(rows: NDArray[np.integer[Any]], seed: int) -> Positions:
    """Return for each row's number a float in [0, 1), unlike for any two."""
    return _at_random(rows, seed).astype(np.float64) / 2.0**53


def _at_random(rows: NDArray[np.integer[Any]], seed: int) -> NDArray[np.uint64]:
    """Return `uniform` as an integer below 2**53."""
    with np.errstate(over="ignore"):
        z = (rows.astype(np.uint64) + np.uint64(1)) * GOLDEN
        z += np.uint64(seed) * MIX_1
        z = (z ^ (z >> np.uint64(30))) * MIX_1
        z = (z ^ (z >> np.uint64(27))) * MIX_2
        z ^= z >> np.uint64(31)
    return z >> np.uint64(11)


class Roles(ABC):
    """Roles of the rows of a table.

    Parameters
    ----------
    n_rows : int
        Number of rows.
    """

    # For rows in an order of time the time of each, in which only those before it may
    # describe a row; None where there is no order.
    rank: NDArray[np.intp] | None = None

    def __init__(self, n_rows: int) -> None:
        self.n_rows = n_rows

    def training(self, fraction: float, n_members: int, seed: int) -> Mask:
        """Return which rows train which network; the others validate it.

        Parameters
        ----------
        fraction : float
            Share of the rows that a network holds out. By chance or by group these are
            in a window of its own, half of which it shares with the next one: rows that
            two networks have not seen tell how much these differ.
        n_members : int
            Number of networks.
        seed : int

        Returns
        -------
        trains : bool ndarray of shape (n_rows, n_members)

        Raises
        ------
        ValueError
            If there is nothing to split.
        """
        if self.n_rows < 2:
            raise ValueError(
                "Early stopping needs at least 2 rows to split; got 1 sample. Set "
                "early_stopping=False or pass X_val and y_val."
            )
        # A row at least, and one to train on.
        share = min(max(fraction, 1 / self.n_rows), 1 - 1 / self.n_rows)
        return self._training(share, n_members, seed)

    def newest(self, trains: Mask) -> Mask | None:
        """Return which held-out rows have the mean of what is to come, if any know.

        Parameters
        ----------
        trains : bool ndarray of shape (n_rows, n_members)
            What `training` returned.
        """
        return None

    @abstractmethod
    def folds(self, n_folds: int, seed: int) -> NDArray[np.intp]:
        """Return the fold of each row, in [0, n_folds)."""

    def stretches(self, n_folds: int, seed: int) -> NDArray[np.intp]:
        """Return the folds by which it is judged what is worth learning.

        What helps in a fold when it is learned from the others is to help new rows.
        """
        return self.folds(n_folds, seed)

    @abstractmethod
    def _training(self, share: float, n_members: int, seed: int) -> Mask:
        """As `training`, of a share that leaves rows to both parts."""


class RandomRoles(Roles):
    """Rows are dealt out at random, every stratum evenly.

    Parameters
    ----------
    n_rows : int
    strata : ndarray of shape (n_rows,) or None
        Classes that keep their proportions in each part. The only row of a class
        trains every network.
    time : ndarray of shape (n_rows,) or None
        What rows may be in the order of, as an array that can be sorted; of rows of one
        time, and of all where it is None, in that of the table. It is of `stretches`.
    """

    def __init__(
        self,
        n_rows: int,
        strata: NDArray[Any] | None = None,
        time: NDArray[Any] | None = None,
    ) -> None:
        super().__init__(n_rows)
        self.strata = strata
        self.time = time

    def stretches(self, n_folds: int, seed: int) -> NDArray[np.intp]:
        """Return the stretch of the table, or of time, that each row is in.

        If rows are in no order, these are as random as any folds; and if they are in
        that of time, what names a day tells nothing of another stretch.
        """
        place = np.arange(self.n_rows)
        if self.time is not None:
            order = np.argsort(self.time, kind="stable")
            place[order] = np.arange(self.n_rows)
        return place * n_folds // self.n_rows

    @cached_property
    def code(self) -> NDArray[np.intp]:
        """The stratum of each row: of rows that have no role nobody asks it."""
        if self.strata is None:
            return np.zeros(self.n_rows, dtype=np.intp)
        return np.unique(self.strata, return_inverse=True)[1]

    def folds(self, n_folds: int, seed: int) -> NDArray[np.intp]:
        """Return the fold of each row: of any two that are next, in turn."""
        return self._turn(seed) % n_folds

    def _training(self, share: float, n_members: int, seed: int) -> Mask:
        # Each row moves on by a step on a circle, on which networks have windows: of
        # one step for a single network, else of two.
        step = share if n_members == 1 else share / 2
        turn = self._turn(seed).astype(np.float64)
        place = ((turn + 0.5) * step) % 1.0
        trains = _outside_windows(place, share, n_members)
        for k in range(n_members):  # few rows, many networks
            if trains[:, k].all() or not trains[:, k].any():
                trains[:, k] = turn != k % self.n_rows
        only = np.bincount(self.code)[self.code] < 2
        for k in range(n_members):
            if (~trains[:, k] & ~only).any():
                trains[only, k] = True
        return trains

    def _turn(self, seed: int) -> NDArray[np.intp]:
        """Return the rank of each row in a random order, class after class."""
        order = argsort(_at_random(np.arange(self.n_rows), seed))
        if self.strata is not None:
            order = order[argsort(self.code[order])]
        turn = np.empty(self.n_rows, dtype=np.intp)
        turn[order] = np.arange(self.n_rows)
        return turn


class HashRoles(Roles):
    """Each row's role follows from its number alone, of however many rows.

    So they are the same wherever a row is read, and take no room. Strata are as even as
    chance makes them, which is enough where rows are many.

    Parameters
    ----------
    rows : ndarray of shape (n,)
        Numbers of the rows that are asked about.
    n_rows : int
        All rows of the table.
    time : ndarray of shape (n,) or None
        As of `RandomRoles`.
    """

    def __init__(
        self, rows: NDArray[np.intp], n_rows: int, time: NDArray[Any] | None = None
    ) -> None:
        super().__init__(len(rows))
        self.rows, self.n_all, self.time = rows, n_rows, time

    def folds(self, n_folds: int, seed: int) -> NDArray[np.intp]:
        """Return the fold of each row."""
        return (uniform(self.rows, seed) * n_folds).astype(np.intp)

    def stretches(self, n_folds: int, seed: int) -> NDArray[np.intp]:
        """Return the stretch of the table, or of time, that each row is in."""
        if self.time is None:
            return self.rows * n_folds // self.n_all
        return RandomRoles(self.n_rows, None, self.time).stretches(n_folds, seed)

    def _training(self, share: float, n_members: int, seed: int) -> Mask:
        # All networks hold out the same rows: these are many enough for all.
        trains = uniform(self.rows, seed) >= share
        return np.repeat(trains[:, None], n_members, axis=1)


class LastRoles(Roles):
    """The last rows validate; folds are stretches of time.

    The first network holds out the last rows, the next one those before them, and so
    on: together they have learned from all, and stop by what was to come.

    Parameters
    ----------
    n_rows : int
    time : ndarray of shape (n_rows,) or None
        When each row was; None is the order of the rows. Rows of one time stay
        together where that leaves rows to either part.
    """

    rank: NDArray[np.intp]

    def __init__(self, n_rows: int, time: NDArray[Any] | None = None) -> None:
        super().__init__(n_rows)
        self.rank = np.arange(n_rows)
        if time is not None:  # rows of one time have one rank, that of the first
            ordered, self.rank = np.unique(time, return_inverse=True)
            counts = np.bincount(self.rank, minlength=len(ordered))
            self.rank = (np.cumsum(counts) - counts)[self.rank]

    def folds(self, n_folds: int, seed: int) -> NDArray[np.intp]:
        """Return the fold of each row, the earliest first."""
        return self.rank * n_folds // self.n_rows

    def _training(self, share: float, n_members: int, seed: int) -> Mask:
        n_out = math.ceil(share * self.n_rows)
        # Wide windows of many networks overlap: each leaves as many rows before it.
        step = n_out
        if n_members > 1:
            step = min(n_out, (self.n_rows - n_out) // n_members)
        trains = np.empty((self.n_rows, n_members), dtype=bool)
        trains[:, 0] = self._before_the_last(n_out)
        for k in range(1, n_members):
            stop = self.n_rows - k * step
            trains[:, k] = (self.rank < stop - n_out) | (self.rank >= stop)
            if trains[:, k].all():  # the window is within one time
                trains[:, k] = trains[:, 0]
        return trains

    def newest(self, trains: Mask) -> Mask:
        """Return the last rows, which the first network holds out."""
        return ~trains[:, 0]

    def _before_the_last(self, n_out: int) -> Mask:
        """Return which rows are before the last ones, at least one."""
        n_train = self.n_rows - n_out
        before = self.rank < n_train
        if before.all():  # the last time has more rows than the share
            before = self.rank < self.rank.max()
        if not before.any():  # there is but one time: by order
            before = np.arange(self.n_rows) < n_train
        return before


class GroupRoles(Roles):
    """Groups are dealt out at random, as wholes.

    Parameters
    ----------
    groups : ndarray of shape (n_rows,)
        The group of each row.
    """

    def __init__(self, groups: NDArray[Any]) -> None:
        super().__init__(len(groups))
        self.code = np.unique(groups, return_inverse=True)[1]
        self.sizes = np.bincount(self.code)

    def folds(self, n_folds: int, seed: int) -> NDArray[np.intp]:
        """Return the fold of each row, that of its group."""
        return (self._place(seed) * n_folds).astype(np.intp)[self.code]

    def _training(self, share: float, n_members: int, seed: int) -> Mask:
        if len(self.sizes) < 2:
            raise ValueError(
                "validation='groups' needs at least 2 groups, one to train on and one "
                "to validate; validation_groups has 1. Use validation='random'."
            )
        place = self._place(seed)
        trains = _outside_windows(place, share, n_members)
        for k in np.flatnonzero(trains.all(axis=0)):  # a window between two groups
            centre = (k + 1) * share / 2 % 1.0
            trains[np.abs(place - centre).argmin(), k] = False
        for k in np.flatnonzero(~trains.any(axis=0)):  # few groups, a wide window
            trains[self.sizes.argmax(), k] = True
        return trains[self.code]

    def _place(self, seed: int) -> Positions:
        """Return where each group's middle row is, of the rows in a random order."""
        order = np.argsort(uniform(np.arange(len(self.sizes)), seed), kind="stable")
        place = np.empty(len(self.sizes))
        place[order] = np.cumsum(self.sizes[order]) - self.sizes[order] / 2
        return place / self.n_rows


def _outside_windows(place: Positions, share: float, n_members: int) -> Mask:
    """Return (n, n_members): whether a place on a circle is outside of a window."""
    starts = np.arange(n_members) * share / 2
    return (place[:, None] - starts) % 1.0 >= share
