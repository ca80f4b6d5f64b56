"""A sparse matrix as one field: its columns are the levels of a row."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .bags import Bag
from .category_levels import CategoryLevels

__all__ = ["SparseBlock"]


TINY = np.finfo(np.float64).tiny


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
        As in :class:`CategoryLevels`: a column is a level of the rows in which it is
        not 0.
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
        """Number of ids, including those of unknown and missing levels."""
        return self.levels.n_ids

    @property
    def n_empty(self) -> int:
        """Number of columns without a non-zero in `fit`."""
        return int((~self._is_known).sum())

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
