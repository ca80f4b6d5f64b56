"""A fitted encoding that goes on with later rows.

What it knows of a target comes from earlier rows: a row that is encoded to train is
described first, and learned afterwards.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from .._ids import UNKNOWN_ID
from .categories import CategoryLevels, level_cells
from .first_rows import FirstRows
from .learning import LearnsTable
from .numbers import RecentNumbers, follow
from .reading import get_columns, to_float, to_vectors

__all__ = ["GoesOn", "refuse_sparse"]

# Of one column: its ids, the levels of later rows, their weights, that of no level.
Later = tuple[CategoryLevels, Any, NDArray[np.float64], float]


def refuse_sparse(X: Any) -> None:
    """Raise a TypeError if a table of columns is now a sparse matrix."""
    if issparse(X):
        raise TypeError(
            "X was a table of columns in fit, and is now a sparse matrix. Give it "
            "as a table, e.g. X.toarray()."
        )


class Unseen(NamedTuple):
    """Unknown levels of a column, and weights of cells."""

    n_levels: int
    unknown: float
    missing: float
    cells: float


class GoesOn(LearnsTable):
    """The part of a `TableEncoder` that later rows change."""

    new_levels: str
    statistics_decay: float | None

    def remember(
        self,
        X: Any,
        y: NDArray[Any],
        encoded: dict[str, Any],
        n_threads: int = 1,
    ) -> None:
        """Keep what `transform_again` must know about the rows of this fit.

        Parameters
        ----------
        X : checked table
        y : ndarray of shape (n,) or (n, n_outputs)
            The encoded target.
        encoded : dict
            What `fit_statistics` returned.
        n_threads : int, default=1
            As in `transform`.
        """
        if not self.has_target_statistics:
            return
        # Of numbers that networks have of their own the mean: it is of other rows too.
        is_own = "x_own" in encoded
        x = encoded["x_own"].mean(1) if is_own else encoded["x_num"]
        numbers = x if is_own else x[:, len(self.numbers) :]
        again = self.transform(X, x.dtype, n_threads)
        self.first_rows = FirstRows(again, y, numbers, self.cardinalities)

    def keep_numbers(self, X: Any, weight: NDArray[np.float64]) -> None:
        """Keep the numbers of this fit's rows, so that scalers can go on from them."""
        if self.statistics_decay is None or self.block is not None:
            return
        columns = self.spread(get_columns(X))
        self.edges = self.bin_edges
        self.recent = {
            j: RecentNumbers(to_float(columns[j], self.names[j]), weight)
            for j in self.numbers
        }

    def transform_again(
        self,
        X: Any,
        y: NDArray[Any],
        dtype: Any = np.float64,
        n_threads: int = 1,
        learns: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None,
    ) -> dict[str, Any]:
        """Encode rows that a fit goes on with: as `transform`, but by other rows.

        Rows that `remember` was given keep their statistics of the target; new rows get
        those of all rows until now.

        Parameters
        ----------
        X, dtype, n_threads
            As in `transform`.
        y : ndarray of shape (n,) or (n, n_outputs)
            The encoded target.
        learns : (weight, values) or None, default=None
            Weights (n,), and weights with the weighted targets (n, 1 + n_targets), of
            rows that the statistics learn from once the rows are encoded.
        """
        if self.block is not None:
            return self.transform(X, dtype, n_threads)
        refuse_sparse(X)
        if learns is not None and self.statistics_decay is not None:
            self._follow_numbers(X, learns[0])
        columns, statistics = self.encode_columns(X, dtype, n_threads)
        encoded = self.combine(columns, statistics, dtype, n_threads)
        is_new = np.ones(X.shape[0], dtype=bool)
        if self.first_rows is not None:
            encoded, is_known = self.first_rows.describe(encoded, y)
            is_new = ~is_known
        if learns is not None and self.crosses is not None and self.crosses.pairs:
            codes = self._codes(columns, self._cuts, self.crosses.columns)
            some = [code[is_new] if len(code) else code for code in codes]
            self.crosses.learn(some, learns[1][is_new], self.statistics_decay)
        return encoded

    def _follow_numbers(self, X: Any, weight: NDArray[np.float64]) -> None:
        assert self.statistics_decay is not None
        columns = self.spread(get_columns(X))
        for j, recent in self.recent.items():
            x = to_float(columns[j], self.names[j])
            follow(self.numbers[j], recent, x, weight, self.statistics_decay)

    def unseen(
        self, X: Any, weight: NDArray[np.float64] | None = None
    ) -> dict[int, Unseen]:
        """Return the unknown levels of other rows, by column.

        Parameters
        ----------
        X : checked table of n rows
        weight : ndarray of shape (n,) or None, default=None
            None is 1 each.
        """
        if self.block is not None:
            return {}
        weight = np.ones(X.shape[0]) if weight is None else weight
        found = {}
        columns = self.spread(get_columns(X))
        for j, (ids, levels, mass, missing) in self._later(columns, weight).items():
            is_new = (ids.find(levels) == UNKNOWN_ID) & (mass > 0)
            unknown = float(mass[is_new].sum())
            total = float(mass.sum()) + missing
            found[j] = Unseen(int(is_new.sum()), unknown, missing, total)
        return found

    def learn_levels(
        self, X: Any, weight: NDArray[np.float64]
    ) -> list[NDArray[np.intp]]:
        """Count the levels of later rows, and give ids to new levels that came often.

        Parameters
        ----------
        X : checked table of n rows
        weight : ndarray of shape (n,)
            Weight of each row, above 0.

        Returns
        -------
        fresh : list of ndarray
            Ids that stand for a new level from now on: for each column of `x_cat`, then
            for each bag.

        Raises
        ------
        TypeError
            If all cells of a column are of a type that it did not hold in `fit`.
        """
        none = np.empty(0, dtype=np.intp)
        if self.block is not None:  # whose columns stay as they are
            return [none]
        refuse_sparse(X)
        if self.seldom is None:  # which decides about the steps of the network
            self.seldom = self.is_seldom
        columns = self.spread(get_columns(X))
        for j in self.numbers:  # all that is wrong, before anything changes
            to_float(columns[j], self.names[j])
        for j, scaler in self.vectors.items():
            to_vectors(columns[j], self.names[j], scaler.width)
        later = self._later(columns, weight)
        fresh = {
            j: ids.learn(levels, mass, missing)
            for j, (ids, levels, mass, missing) in later.items()
        }
        if self.crosses is not None and self.crosses.pairs:
            n = len(self.categories)
            sizes = [levels.n_ids for levels in self.categories.values()]
            sizes += self.crosses.sizes[n:]
            by_column = enumerate(self.categories)
            found = {c: fresh[j] for c, j in by_column if len(fresh.get(j, none))}
            self.crosses.resize(sizes, found)
        fields = [*self.categories, *(None for _ in self.values), *self.lists]
        return [none if j is None else fresh.get(j, none) for j in fields]

    def _later(
        self, columns: list[Any], weight: NDArray[np.float64]
    ) -> dict[int, Later]:
        """Return what rows hold, by the columns whose levels may become more."""
        found: dict[int, Later] = {}
        bags = self.lists
        each = {**self.categories, **{j: bag.levels for j, bag in bags.items()}}
        for j, ids in each.items():
            name, bag = self.names[j], bags.get(j)
            codes, levels, of_cells = level_cells(columns[j], name, weight, bag)
            if isinstance(ids, CategoryLevels):
                ids.check_families(ids.find(levels), levels)
                mass = np.bincount(codes + 1, of_cells, minlength=len(levels) + 1)
                of_levels: NDArray[np.float64] = mass[1:].astype(np.float64)
                found[j] = ids, levels, of_levels, float(mass[0])
        return found

    @abstractmethod
    def transform(self, X: Any, dtype: Any = ..., n_threads: int = ...) -> Any:
        """Encode a checked table."""

    @abstractmethod
    def encode_columns(self, X: Any, dtype: Any, n_threads: int = ...) -> Any:
        """Return every column of a checked table by itself, and statistics of them."""

    @abstractmethod
    def combine(
        self,
        columns: list[Any],
        statistics: list[Any],
        dtype: Any,
        n_threads: int = ...,
    ) -> dict[str, Any]:
        """Return `transform`'s result from what `encode_columns` gives."""
