"""A column whose levels get ids after the fit, and may lose them again."""

from __future__ import annotations

from abc import abstractmethod
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._ids import MISSING_ID, N_RESERVED_IDS, UNKNOWN_ID
from ..reading import UNKNOWN_LEVEL, Levels
from .column_ids import ColumnIds, families
from .new_levels import NewLevels
from .vocabulary import Vocabulary

__all__ = ["GrowingLevels"]

HALF_LIFE = 10  # rows for each id in which counts of known levels halve


class GrowingLevels(ColumnIds):
    """The part of `CategoryLevels` that learns from later rows."""

    vocabulary: Vocabulary
    counts: NDArray[np.float64]
    min_frequency: float | None
    max_categories: int | None
    folds_lone = False
    new: NewLevels | None = None
    _families: set[str | None]

    @abstractmethod
    def check_families(self, ids: NDArray[Any], levels: Levels) -> None:
        """Raise a TypeError if all levels are unknown and none is of a type of fit."""

    def learn(
        self, levels: Levels, weight: NDArray[np.float64], missing: float
    ) -> NDArray[np.intp]:
        """Count the levels of more rows; give ids to new levels that came often enough.

        Often enough is `min_frequency`, or once if it is None. If `max_categories`
        leaves no room, a new level takes the id of the least used level, if that is
        used less. For this, counts of known levels halve in `HALF_LIFE` rows per id.

        Parameters
        ----------
        levels : list, or array of integers
            The distinct levels.
        weight : ndarray of shape (len(levels),)
            Weight of the rows of each level.
        missing : float
            Weight of missing cells.

        Returns
        -------
        fresh : ndarray
            The ids that stand for a new level from now on.

        Raises
        ------
        TypeError
            If no level is known, and none has a type that occurred in `fit`.
        """
        if self.new is None:
            self.new = NewLevels()
        levels = levels.tolist() if isinstance(levels, np.ndarray) else levels
        ids = self.find(levels)
        self.check_families(ids, levels)
        if self.max_categories is not None:
            rows = HALF_LIFE * self.max_categories
            self.counts *= 0.5 ** ((weight.sum() + missing) / rows)
        np.add.at(self.counts, ids, weight)
        self.counts[MISSING_ID] += missing
        at = [k for k in np.flatnonzero(ids == UNKNOWN_ID) if weight[k] > 0]
        at = [k for k in at if levels[k] != UNKNOWN_LEVEL]
        self.new.add([levels[k] for k in at], weight[at].tolist())
        return self._admit(*self.new.take(self._least()))

    def _least(self) -> float:
        """Return the weight from which on a new level has an id."""
        if self.min_frequency is None:  # a second row, where all have levels of one
            return 1.5 if self.folds_lone else 0.0
        if isinstance(self.min_frequency, Integral):
            return float(self.min_frequency)
        return float(self.min_frequency * self.counts.sum())

    def _admit(self, levels: list[Any], counts: NDArray[np.float64]) -> NDArray[Any]:
        """Give levels ids: free ones, then those of known levels that are used less."""
        n_known, n = len(self.vocabulary), len(levels)
        n_free = n
        if self.max_categories is not None:  # of which the unknown level is one
            n_free = min(n, max(0, self.max_categories - 1 - n_known))
        fresh = [*range(self.n_ids, self.n_ids + n_free)]
        for level in levels[:n_free]:
            self.vocabulary.append(level)
        self.counts = np.append(self.counts, counts[:n_free])
        known = self.counts[N_RESERVED_IDS : N_RESERVED_IDS + n_known]
        rivals = np.argsort(known, kind="stable")[: n - n_free]
        for k, position in enumerate(rivals.tolist(), n_free):
            if counts[k] < known[position]:
                break
            self.vocabulary.replace(position, levels[k])
            known[position] = counts[k]
            fresh.append(position + N_RESERVED_IDS)
        self._families |= families([levels[k] for k in range(len(fresh))])
        assert self.new is not None
        self.new.put_back(levels[len(fresh) :], counts[len(fresh) :])
        self.counts[UNKNOWN_ID] -= min(
            self.counts[UNKNOWN_ID], counts[: len(fresh)].sum()
        )
        return np.array(fresh, dtype=np.intp)
