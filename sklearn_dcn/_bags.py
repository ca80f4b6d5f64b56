"""Fields of several levels a row: lists, separated strings, rows of a sparse matrix.

Such a row is a bag of weighted embeddings: ids, their weights, and where each row
begins.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._categories import CategoryLevels, HashedLevels, spread
from ._lists import split_lists

__all__ = ["POOLINGS", "Bag", "ListLevels", "SparseBlock"]

POOLINGS = ("mean", "sum")

TINY = np.finfo(np.float64).tiny


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


class ListLevels:
    """One column of lists of levels -> ids pooled by their mean or sum.

    A missing cell counts as a list of one missing level; an empty list pools to 0.
    Where cells are mappings, their values weigh the levels.

    Parameters
    ----------
    ids : CategoryLevels or HashedLevels
        The ids of the levels.
    separator : str or None, default=None
        What stands between the levels of a cell that is a string.
    pooling : {"mean", "sum"}, default="mean"
        How the embeddings of a row become one.
    """

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
        """Number of ids, with those of unknown and missing levels."""
        return self.levels.n_ids

    def fit_transform(
        self, column: Any, weight: NDArray[np.float64], dtype: Any
    ) -> Bag:
        """Learn the levels of a column, rows weighted by `weight`; return its bag."""
        lists = split_lists(column, self.name, self.separator)
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
            If a cell is not such as `multivalued_features` asks for.
        """
        lists = split_lists(column, self.name, self.separator)
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


class SparseBlock:
    r"""A sparse matrix as one field: a linear projection of its rows.

    A row becomes :math:`\sum_j v_j e_j` over its non-zeros, with the embedding
    :math:`e_j` of column j. Columns too rare by `min_frequency` and `max_categories`
    share the embedding of id 0; those without a non-zero in `fit` count as 0.

    Values are divided by the root mean square of their column's non-zeros, then
    clipped smoothly at 3, so that a count of a thousand is as harmless as an outlier
    of a number; 0 stays 0.

    Parameters
    ----------
    min_frequency, max_categories
        As of :class:`CategoryLevels`, a column being a level of the rows in which it
        is not 0.
    numeric_transform : str or None
        "standard" does not clip; None leaves the values as they are.

    Attributes
    ----------
    levels : CategoryLevels
        The ids of the columns.
    """

    def __init__(
        self,
        min_frequency: float | None = None,
        max_categories: int | None = None,
        numeric_transform: str | None = "quantile",
    ) -> None:
        self.levels = CategoryLevels("X", min_frequency, max_categories)
        self.numeric_transform = numeric_transform

    @property
    def n_ids(self) -> int:
        """Number of ids, with those of unknown and missing levels."""
        return self.levels.n_ids

    def fit_transform(self, X: Any, weight: NDArray[np.float64], dtype: Any) -> Bag:
        """Learn the columns of a csr matrix, rows weighted; return its bag."""
        n_columns = X.shape[1]
        entry_weight = np.repeat(weight, np.diff(X.indptr)) * (X.data != 0)
        self._id_of = self.levels.fit(
            X.indices, np.arange(n_columns), entry_weight, total=weight.sum()
        )
        mass = np.bincount(X.indices, entry_weight, minlength=n_columns)
        size = np.where(entry_weight > 0, np.abs(X.data.astype(np.float64)), 0.0)
        largest = np.zeros(n_columns)  # squares neither overflow nor vanish
        np.maximum.at(largest, X.indices, size)
        largest[largest == 0] = 1.0
        squares = (size / largest[X.indices]) ** 2 * entry_weight
        total = np.bincount(X.indices, squares, minlength=n_columns)
        mean = total / np.maximum(mass, TINY)
        scale = np.maximum(np.sqrt(mean) * largest, TINY)
        self._scale = np.where(mean > 0, scale, 1.0)
        self._is_known = mass > 0
        return self.transform(X, dtype)

    def transform(self, X: Any, dtype: Any) -> Bag:
        """Return the bag of a csr matrix."""
        u = np.asarray(X.data, dtype=np.float64)
        if self.numeric_transform is not None:
            scale = self._scale[X.indices]
            if self.numeric_transform != "standard":  # u / sqrt(1 + (u/3)^2), halves
                u, scale = u / 2, np.hypot(scale / 2, u / 6)  # of which don't overflow
            u = u / scale
        u = np.where(self._is_known[X.indices], u, 0.0)
        ids = self._id_of[X.indices]
        return Bag(ids, X.indptr.astype(np.int64), u.astype(dtype))
