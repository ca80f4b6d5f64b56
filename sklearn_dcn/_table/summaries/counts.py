"""Counts of a column's levels, or of its numbers, that can be added up.

However a table is cut into blocks, and in whatever order these are added, the counts
are the same: counts of rows exactly, and weights to rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import compress
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from .spilled import SpilledCounts

__all__ = ["Counted", "LevelCounts", "NumberCounts"]

MAX_VALUES = 256  # distinct numbers that are counted one by one


class Counted(NamedTuple):
    """Some levels of a column: a list, or an array of integers; rows and weights."""

    levels: Any
    rows: NDArray[np.float64]
    weight: NDArray[np.float64]


class LevelCounts:
    """Rows and weight of every level of a column, and of its missing cells.

    Attributes
    ----------
    rare : list
        One level of each type among those that `cut` has left out.
    n_rare, rare_weight : float
        How many these were, and their weight.
    """

    def __init__(self) -> None:
        self._forget()
        self._spilled: list[SpilledCounts] = []
        self.n_missing = 0.0
        self.missing = 0.0  # their weight
        self.rare: list[Any] = []
        self.n_rare = 0
        self.rare_weight = 0.0

    def _forget(self) -> None:
        self._at: dict[Any, int] = {}
        self._rows = np.zeros(0)
        self._weight = np.zeros(0)

    @property
    def n_held(self) -> int:
        """Levels in memory."""
        return len(self._at)

    def spill(self, folder: str | None = None) -> None:
        """Move what was counted to a scratch file, which goes with the process.

        Parameters
        ----------
        folder : str or None, default=None
            Where; None is the system's for temporary files.
        """
        if self.n_held:
            counted = [*self._at], self.rows, self.weight
            self._spilled.append(SpilledCounts(*counted, folder))
            self._forget()

    def parts(self) -> Iterator[Counted]:
        """Yield the levels, each once: all of them, or a part of what was spilled."""
        if not self._spilled:
            yield Counted(self.levels, self.rows, self.weight)
            return
        self.spill()
        for k in range(SpilledCounts.N_PARTS):
            part = LevelCounts()
            for spilled in self._spilled:
                part._count(*spilled.read(k))
            yield Counted(part.levels, part.rows, part.weight)

    def add(
        self, codes: NDArray[Any], levels: Any, weight: NDArray[np.float64]
    ) -> None:
        """Count the cells of a factorised block; code -1 is a missing one."""
        n = len(levels)
        rows = np.bincount(codes + 1, minlength=n + 1).astype(np.float64)
        mass: NDArray[Any] = rows
        if len(weight) and (weight != 1).any():
            mass = np.bincount(codes + 1, weight, minlength=n + 1)
        self.n_missing += rows[0]
        self.missing += mass[0]
        cells = levels.tolist() if isinstance(levels, np.ndarray) else levels
        self._count(cells, rows[1:], mass[1:])

    def merge(self, other: LevelCounts) -> Self:
        """Add the counts of other rows."""
        self.n_missing += other.n_missing
        self.missing += other.missing
        self._count([*other._at], other.rows, other.weight)
        self._spilled += other._spilled
        self._leave_out(other.rare, other.n_rare, other.rare_weight)
        return self

    def split(self, owners: Callable[[list[Any]], NDArray[Any]], n: int) -> list[Self]:
        """Return the counts in n parts; `owners` says which part each level is in.

        The first one has the missing cells.
        """
        parts = [type(self)() for _ in range(n)]
        parts[0].n_missing, parts[0].missing = self.n_missing, self.missing
        for levels, rows, weight in self.parts():
            cells = levels.tolist() if isinstance(levels, np.ndarray) else levels
            owner = owners(cells)
            for k, part in enumerate(parts):
                at = np.flatnonzero(owner == k)
                part._count([cells[i] for i in at.tolist()], rows[at], weight[at])
        return parts

    def cut(self, least: float, unit: float) -> None:
        """Leave out levels whose weight, in the given unit, is below the least one."""
        is_rare = self.weight / unit < least
        if not is_rare.any():
            return
        cells, rows, weight = [*self._at], self.rows, self.weight
        rare = list(compress(cells, is_rare.tolist()))
        kept = list(compress(cells, (~is_rare).tolist()))
        self._forget()
        self._count(kept, rows[~is_rare], weight[~is_rare])
        n_rare = int(np.count_nonzero(weight[is_rare]))
        self._leave_out(rare, n_rare, float(weight[is_rare].sum()))

    def _leave_out(self, rare: list[Any], n: int, weight: float) -> None:
        kinds = {type(level): level for level in [*rare, *self.rare]}
        self.rare, self.n_rare = [*kinds.values()], self.n_rare + n
        self.rare_weight += weight

    def _count(
        self, levels: Sequence[Any], rows: NDArray[Any], mass: NDArray[Any]
    ) -> None:
        known = self._at
        at = [known.setdefault(level, len(known)) for level in levels]
        lacking = len(known) - len(self._rows)
        if lacking > 0:  # with room for more, so that the copies stay few
            room = np.zeros(lacking + len(known) // 2)
            self._rows = np.append(self._rows, room)
            self._weight = np.append(self._weight, room)
        # Levels of a block need not be distinct: 1 and True are one here.
        np.add.at(self._rows, at, rows)
        np.add.at(self._weight, at, mass)

    @property
    def levels(self) -> Any:
        """The levels in memory: a list, or an array if they are integers."""
        levels = [*self._at]
        if levels and set(map(type, levels)) == {int}:
            found = np.array(levels)
            return found if found.dtype == np.int64 else levels
        return levels

    @property
    def rows(self) -> NDArray[np.float64]:
        """The rows of each of them."""
        return self._rows[: len(self._at)]

    @property
    def weight(self) -> NDArray[np.float64]:
        """The weight of each of them."""
        return self._weight[: len(self._at)]


class NumberCounts:
    """Extremes of a column of numbers, and row counts of its values while few."""

    def __init__(self) -> None:
        self.n = 0
        self.low, self.high = np.inf, -np.inf
        self.is_whole = True
        self.total = 0.0  # weight of all cells
        self.missing = 0.0  # and of those without a number
        self.has_missing = False
        self.values: dict[float, float] | None = {}  # their weight; None if too many

    def add(self, x: NDArray[np.float64], weight: NDArray[np.float64]) -> None:
        """Count a block of numbers, NaN where missing."""
        is_missing = np.isnan(x)
        self.total += float(weight.sum())
        if is_missing.any():
            self.has_missing = True
            self.missing += float(weight[is_missing].sum())
            x, weight = x[~is_missing], weight[~is_missing]
        if not len(x):
            return
        self.n += len(x)
        self.low = min(self.low, float(x.min()))
        self.high = max(self.high, float(x.max()))
        self.is_whole = self.is_whole and bool((x == np.rint(x)).all())
        if self.values is None:
            return
        if len(np.unique(x[:1000])) > MAX_VALUES:  # most columns
            self.values = None
            return
        values, inverse = np.unique(x, return_inverse=True)
        mass = np.bincount(inverse, weight, minlength=len(values))
        self._count(dict(zip(values.tolist(), mass.tolist(), strict=True)))

    def merge(self, other: NumberCounts) -> Self:
        """Add what is known of other rows."""
        self.n += other.n
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)
        self.is_whole = self.is_whole and other.is_whole
        self.total += other.total
        self.missing += other.missing
        self.has_missing = self.has_missing or other.has_missing
        if other.values is None:
            self.values = None
        elif self.values is not None:
            self._count(other.values)
        return self

    def _count(self, more: dict[float, float]) -> None:
        assert self.values is not None
        for value, mass in more.items():
            self.values[value] = self.values.get(value, 0.0) + mass
        if len(self.values) > MAX_VALUES:
            self.values = None
