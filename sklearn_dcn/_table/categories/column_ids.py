"""What both kinds of ids share: a factorised column -> ids."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._ids import MISSING_ID, N_RESERVED_IDS
from ..reading import UNKNOWN_LEVEL, Levels, factorize, level_family

__all__ = ["ColumnIds", "families", "spread"]


class ColumnIds(ABC):
    """What both kinds of ids share: a factorised column -> ids."""

    name: str | int
    # What has an id of its own, in the order of the ids.
    vocabulary: Sequence[Any]

    @property
    def n_ids(self) -> int:
        """Number of ids, including those of unknown and missing levels."""
        return N_RESERVED_IDS + len(self.vocabulary)

    @property
    def levels(self) -> list[Any]:
        """The known levels, or buckets, in the order of their ids."""
        return list(self.vocabulary)

    @abstractmethod
    def fit(
        self,
        codes: NDArray[Any],
        levels: Levels,
        weight: NDArray[Any],
        total: float | None = None,
    ) -> NDArray[np.int32]:
        """Learn the levels of a factorised column; return their ids.

        Parameters
        ----------
        codes : ndarray of int of shape (n,)
            Position in `levels` of each cell, -1 where missing.
        levels : list, or array of integers
            The distinct levels.
        weight : ndarray of shape (n,)
            Weight of each cell. Levels without weight get no id.
        total : float or None, default=None
            What `min_frequency` is a fraction of; None is the total weight.

        Returns
        -------
        ids : int32 ndarray of shape (len(levels),)
            What `find` gives for the levels.
        """

    @abstractmethod
    def find(self, levels: Levels) -> NDArray[np.int32]:
        """Return the ids of levels."""

    def fit_transform(
        self, column: Any, weight: NDArray[np.float64], keep_lone: bool = False
    ) -> NDArray[np.int32]:
        """Learn the levels of a column, rows weighted by `weight`; return their ids.

        `keep_lone` keeps levels that occur in a single row: see `CategoryLevels`.
        """
        codes, levels = factorize(column, self.name)
        return spread(codes, self.fit(codes, levels, weight))

    def transform(self, column: Any) -> NDArray[np.int32]:
        """Return the id of every cell.

        Raises
        ------
        TypeError
            If the column holds, e.g., numbers where it held strings in `fit`.
        """
        return self.ids(*factorize(column, self.name))

    def ids(self, codes: NDArray[Any], levels: Levels) -> NDArray[np.int32]:
        """Return the ids of a factorised column."""
        return spread(codes, self.find(levels))


# Cells at a time where there are many: what is made on the way stays in the cache.
BLOCK = 1 << 15


def spread(codes: NDArray[Any], id_of: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the ids of cells from those of levels; code -1 is a missing cell."""
    id_of = np.append(id_of, np.int32(MISSING_ID))
    ids = np.empty(len(codes), dtype=np.int32)
    for start in range(0, len(codes), BLOCK):
        ids[start : start + BLOCK] = id_of[codes[start : start + BLOCK]]
    return ids


def families(levels: Iterable[Any]) -> set[str | None]:
    """Return the families of levels, except that of the unknown level."""
    if isinstance(levels, np.ndarray):
        return {"number"} if len(levels) else set()
    types = set(map(type, levels))
    if str in types and all(
        level == UNKNOWN_LEVEL for level in levels if type(level) is str
    ):
        types.remove(str)
    return {level_family(cell_type) for cell_type in types}
