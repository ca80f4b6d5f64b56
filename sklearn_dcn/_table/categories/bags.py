"""Fields of several levels a row: lists and separated strings.

Such a row is a bag of weighted embeddings: ids, their weights, and where each row
begins.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..reading import Levels, Lists, factorize, split_lists
from .category_levels import CategoryLevels
from .column_ids import spread
from .hashed_levels import HashedLevels

__all__ = ["Bag", "ListLevels", "POOLINGS", "level_cells"]


POOLINGS = ("mean", "sum")


class Bag(NamedTuple):
    """Weighted ids of n rows.

    Attributes
    ----------
    ids : int32 ndarray of shape (n_entries,)
    offsets : int64 ndarray of shape (n + 1,)
        Row i holds the entries from offsets[i] to the next.
    weights : ndarray of shape (n_entries,)
    """

    ids: NDArray[np.int32]
    offsets: NDArray[np.int64]
    weights: NDArray[Any]


def level_cells(
    column: Any, name: Any, weight: NDArray[np.float64], bag: ListLevels | None
) -> tuple[NDArray[Any], Levels, NDArray[np.float64]]:
    """Return the codes of a column or of its lists, the levels, and each weight."""
    if bag is None:
        return *factorize(column, name), weight
    lists = bag.split(column)
    return lists.codes, lists.levels, np.repeat(weight, np.diff(lists.offsets))


class ListLevels:
    """One column of lists of levels -> ids pooled by their mean or sum.

    A missing cell counts as a list of one missing level; an empty list pools to 0.
    Where cells are mappings, their values weigh the levels.

    Parameters
    ----------
    ids : CategoryLevels or HashedLevels
        The ids of the levels.
    separator : str or None, default=None
        The separator of the levels in a cell that is a string.
    pooling : {"mean", "sum"}, default="mean"
        How the embeddings of a row are combined.
    """

    levels: CategoryLevels | HashedLevels

    def __init__(
        self,
        ids: CategoryLevels | HashedLevels,
        separator: str | None = None,
        pooling: str = "mean",
    ) -> None:
        self.levels = ids
        self.name = ids.name
        self.separator = separator
        self.pooling = pooling

    @property
    def n_ids(self) -> int:
        """Number of ids, including those of unknown and missing levels."""
        return self.levels.n_ids

    def split(self, column: Any) -> Lists:
        """Return the levels of every cell."""
        return split_lists(column, self.name, self.separator)

    def fit_transform(
        self, column: Any, weight: NDArray[np.float64], dtype: Any
    ) -> Bag:
        """Learn the levels of a column, rows weighted by `weight`; return its bag."""
        lists = self.split(column)
        entry_weight = np.repeat(weight, np.diff(lists.offsets))
        id_of = self.levels.fit(
            lists.codes, lists.levels, entry_weight, total=weight.sum()
        )
        ids = spread(lists.codes, id_of)
        return self._pool(ids, lists.offsets, lists.weight, dtype)

    def transform(self, column: Any, dtype: Any) -> Bag:
        """Return the bag of a column.

        Raises
        ------
        TypeError, ValueError
            If a cell is not of a kind that `multivalued_features` asks for.
        """
        lists = self.split(column)
        ids = self.levels.ids(lists.codes, lists.levels)
        self.levels.check_families(ids, lists.levels)
        return self._pool(ids, lists.offsets, lists.weight, dtype)

    def _pool(
        self,
        ids: NDArray[np.int32],
        offsets: NDArray[np.int64],
        weight: NDArray[np.float64] | None,
        dtype: Any,
    ) -> Bag:
        weights = np.ones(len(ids)) if weight is None else weight
        if self.pooling == "mean":
            rows = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
            total = np.bincount(rows, np.abs(weights), minlength=len(offsets) - 1)[rows]
            weights = np.divide(weights, total, out=np.zeros(len(ids)), where=total > 0)
        return Bag(ids, offsets, weights.astype(dtype))
