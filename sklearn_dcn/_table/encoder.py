"""The encoding: a table -> x_num (floats), x_cat (ids), x_bag (lists), x_vec."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from scipy.sparse import issparse

from .assembling import take_slice
from .going_on import GoesOn, refuse_sparse
from .learning import EncodedColumn
from .numbers import Scaled, scale, scale_all, scale_cell
from .reading import get_cells, get_columns, to_float, to_sparse, to_vectors
from .target_statistics import copy_unfitted
from .threads import map_threads

__all__ = ["TableEncoder"]

# Rows that are encoded at a time in a prediction, whole batches of the network.
BLOCK = 1 << 16


class TableEncoder(GoesOn):
    """Columns by kind; category -> id, list and text -> bag, number -> float, vector.

    It is made of encoders of single columns; what it learned is in the attributes of
    `TableFields`.

    Parameters
    ----------
    categorical_features, multivalued_features, vector_features, text_features, \
pooling, category_encoder, min_frequency, max_categories, hashing, numeric_transform
        As in the estimators.
    numeric_levels : {"auto"}, int or None, default=None
        As in the estimators; here "auto" does not depend on the number of rows.
    datetime_parts : {"auto"} or list of str, default="auto"
        As in the estimators.
    memorized_crosses : {"auto"}, int, list of pairs or None, default=None
        As in the estimators; here "auto" does not depend on the number of rows.
    new_levels : {"unknown", "learn"}, default="unknown"
        As in the estimators.
    statistics_decay : float or None, default=None
        As in the estimators.
    """

    def __init__(
        self,
        *,
        categorical_features: Any = "from_dtype",
        multivalued_features: Any = "from_dtype",
        vector_features: Any = "from_dtype",
        text_features: Any = None,
        pooling: Any = "mean",
        category_encoder: Any = None,
        min_frequency: float | None = None,
        max_categories: int | None = None,
        hashing: Any = None,
        numeric_transform: str | None = "quantile",
        numeric_levels: int | str | None = None,
        datetime_parts: Any = "auto",
        memorized_crosses: Any = None,
        new_levels: str = "unknown",
        statistics_decay: float | None = None,
    ) -> None:
        self.categorical_features = categorical_features
        self.multivalued_features = multivalued_features
        self.vector_features = vector_features
        self.text_features = text_features
        self.pooling = pooling
        self.category_encoder = copy_unfitted(category_encoder)
        self.min_frequency = min_frequency
        self.max_categories = max_categories
        self.hashing = hashing
        self.numeric_transform = numeric_transform
        self.numeric_levels = numeric_levels
        self.datetime_parts = datetime_parts
        self.memorized_crosses = memorized_crosses
        self.new_levels = new_levels
        self.statistics_decay = statistics_decay

    def transform(
        self, X: Any, dtype: Any = np.float64, n_threads: int = 1
    ) -> dict[str, Any]:
        """Encode a checked table.

        Parameters
        ----------
        X : checked table
        dtype : dtype, default=float64
            That of the numbers; they are computed in float64.
        n_threads : int, default=1
            Columns of a long table that are encoded at a time.

        Returns
        -------
        encoded : dict
            "x_num" of shape (n, n_num), "x_cat", int32 of shape (n, n_cat), "x_bag", a
            list of `Bag`, and "x_vec" of shape (n, sum of `vector_widths`); each only
            where the table has such columns.
        """
        if self.block is not None:
            return {"x_bag": [self.block.transform(to_sparse(X), dtype)]}
        refuse_sparse(X)
        columns, statistics = self.encode_columns(X, dtype, n_threads)
        return self.combine(columns, statistics, dtype, n_threads)

    def transform_in_blocks(
        self, X: Any, dtype: Any = np.float64, n_threads: int = 1
    ) -> Iterator[dict[str, Any]]:
        """Yield what `transform` gives, block by block of rows, in their order.

        The columns themselves are small compared to what crosses and the network make
        of them, so the latter is held for one block at a time.
        """
        n_rows = X.shape[0]
        if self.block is not None or issparse(X) or n_rows <= BLOCK:
            yield self.transform(X, dtype, n_threads)
            return
        columns, statistics = self.encode_columns(X, dtype, n_threads)
        for start in range(0, n_rows, BLOCK):
            rows = slice(start, start + BLOCK)
            parts = [take_slice(column, rows) for column in columns]
            numbers = [take_slice(column, rows) for column in statistics]
            yield self.combine(parts, numbers, dtype, n_threads)

    def encode_columns(
        self, X: Any, dtype: Any, n_threads: int = 1
    ) -> tuple[list[EncodedColumn], list[Scaled]]:
        """Return every column of a checked table by itself, and their statistics.

        The statistics are the numbers of the `category_encoder`.
        """
        columns = self.spread(get_cells(X) or get_columns(X))
        statistics: list[Scaled] = []
        if self.statistics is not None:
            ids, x = self.statistics.transform([columns[j] for j in self.categories])
            self._put_ids(ids, columns)
            statistics = scale_all(self.statistics.scalers, x, dtype)

        def encode(j: int) -> EncodedColumn:
            column = columns[j]
            if j in self.categories:
                return self.categories[j].transform(column)
            if j in self.lists:
                return self.lists[j].transform(column, dtype)
            if j in self.vectors:
                scaler = self.vectors[j]
                vectors = to_vectors(column, self.names[j], scaler.width)
                return scaler.apply(vectors, dtype)
            if isinstance(column, list) and len(column) == 1 and j not in self.values:
                scaled = scale_cell(self.numbers[j], column[0], dtype)
                if scaled is not None:
                    return scaled
            x = to_float(column, self.names[j])
            return scale(self.numbers[j], x, dtype, self.values.get(j))

        encoded = map_threads(encode, range(len(columns)), X.shape[0], n_threads)
        return encoded, statistics

    def codes_of(self, encoded: list[Any], of: Sequence[int]) -> list[Any]:
        """Return the codes that crosses take, of the columns at `of`; others are empty.

        `encoded` are the columns that `encode_columns` gives, and positions are those
        among the categories and then the numbers.
        """
        return self._codes(encoded, self._cuts, of)

    def combine(
        self,
        columns: list[Any],
        statistics: list[Scaled],
        dtype: Any,
        n_threads: int = 1,
    ) -> dict[str, Any]:
        """Return `transform`'s result from what `encode_columns` gives."""
        if self.crosses is not None and self.crosses.pairs:
            x = self.crosses.transform(
                self._codes(columns, self._cuts, self.crosses.columns)
            )
            statistics = statistics + scale_all(self.crosses.scalers, x, dtype)
        return self._assemble(columns, statistics, n_threads)
