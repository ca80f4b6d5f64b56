"""Learn a table's columns, then those that are statistics of the target."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from .._ids import N_RESERVED_IDS
from .assembling import assemble
from .assigning import assign_block, assign_columns, find_beside
from .categories import Bag
from .fields import TableFields
from .mostly_zeros import warn_of_zeros
from .numbers import Scaled, Target, are_codes, scale, scale_all
from .reading import IdColumn, get_columns, resolve_pairs, to_float, to_vectors
from .target_statistics import (
    ColumnStatistics,
    CrossStatistics,
    Supervision,
    TargetRows,
    Tell,
    bin_codes,
    cuts_of,
    do_nothing,
    loss_by_order,
)
from .threads import map_threads

__all__ = ["ENCODING", "EncodedColumn", "LearnsTable"]

# The parameters, which are the estimators' of the same names.
ENCODING = (
    "categorical_features",
    "multivalued_features",
    "vector_features",
    "text_features",
    "pooling",
    "category_encoder",
    "min_frequency",
    "max_categories",
    "hashing",
    "numeric_transform",
    "numeric_levels",
    "datetime_parts",
    "memorized_crosses",
    "new_levels",
    "statistics_decay",
)

# Those that say what a column is, and how it alone is encoded.
OTHERS = ("category_encoder", "memorized_crosses", "new_levels", "statistics_decay")
ASSIGNING = tuple(name for name in ENCODING if name not in OTHERS)

# Columns, drawn from more, by which an order of the rows is seen.
MAX_ASKED = 64

# A column by itself: ids of a category, vectors, the bag of a list, or a number scaled.
EncodedColumn = NDArray[Any] | Bag | Scaled


class LearnsTable(TableFields):
    """The fit of a `TableEncoder`."""

    category_encoder: Any
    numeric_levels: int | str | None
    numeric_transform: str | None
    memorized_crosses: Any
    new_levels: str
    statistics_decay: float | None
    # Of numbers whose order was asked about: crosses are asked next.
    _bins: dict[int, NDArray[Any]]

    def fit_transform(
        self,
        X: Any,
        names: Sequence[str] | None,
        weight: NDArray[np.float64],
        dtype: Any = np.float64,
        supervision: Supervision | None = None,
        n_threads: int = 1,
    ) -> dict[str, Any]:
        """Return `fit_statistics` of what `fit_columns` makes of a checked table."""
        columns = self.fit_columns(X, names, weight, dtype, n_threads)
        return self.fit_statistics(columns, X, weight, dtype, supervision, n_threads)

    def fit_columns(
        self,
        X: Any,
        names: Sequence[str] | None,
        weight: NDArray[np.float64],
        dtype: Any = np.float64,
        n_threads: int = 1,
        target: Target | None = None,
        in_parts: bool = False,
        tell: Tell = do_nothing,
        stretch: NDArray[np.intp] | None = None,
    ) -> list[EncodedColumn]:
        """Learn every column of a checked table by itself.

        Parameters
        ----------
        X : checked table of n rows
        names : sequence of str or None
            Names of the columns.
        weight : ndarray of shape (n,)
            Weight of each row.
        dtype : dtype, default=float64
            That of the numbers; they are computed in float64.
        n_threads : int, default=1
            Columns of a long table that are encoded at a time.
        target : callable or None, default=None
            Returns a number for each of given rows, which tells codes from numbers.
        in_parts : bool, default=False
            Whether more rows are to come: a level that occurs once may come again.
        tell : callable, default=do_nothing
            Is told what is done, and which share of it.
        stretch : ndarray of shape (n,) or None, default=None
            In which part of the table, or of time, each row is.

        Returns
        -------
        columns : list
            Each encoded: what `fit_statistics` takes.
        """
        self._begin(X, names)
        if issparse(X):
            self.block = assign_block(vars(self))
            return [self.block.fit_transform(X, weight, dtype)]
        options = {name: getattr(self, name) for name in ASSIGNING}
        assigned = assign_columns(
            get_columns(X), self.names, **options, in_parts=in_parts, beside=self.beside
        )
        columns, self.names, self.dates, *_ = assigned
        self.categories, self.lists, self.numbers, *_ = assigned[3:]
        self.values, self.vectors = assigned.values, assigned.vectors
        sources, dated = self.sources, self.dated
        warn_of_zeros(X, [sources[k] for k in self.numbers if k not in dated])
        if self.category_encoder is not None:
            self._begin_statistics(columns, weight)
        how = (dtype, n_threads, target, in_parts, tell, stretch)
        encoded = self._fit_columns(columns, weight, *how)
        self._choose_values()
        return encoded

    def fit_statistics(
        self,
        columns: list[EncodedColumn],
        X: Any,
        weight: NDArray[np.float64],
        dtype: Any = np.float64,
        supervision: Supervision | None = None,
        n_threads: int = 1,
        tell: Tell = do_nothing,
    ) -> dict[str, Any]:
        """Learn the statistics of the target that describe the columns.

        Parameters
        ----------
        columns : list
            What `fit_columns` returned.
        X, weight, dtype, n_threads, tell
            As there.
        supervision : Supervision or None, default=None
            The target of the rows, where there is a `category_encoder` or there are
            crosses to memorise.

        Returns
        -------
        encoded : dict
            As `transform`, but each row is described only by others. If networks train
            on different rows, "x_own" of shape (n, n_members, n_own) has, for each
            network, what follows the columns of "x_num".
        """
        bins = self.__dict__.pop("_bins", {})
        if self.block is not None:
            return {"x_bag": columns}
        statistics: list[Scaled] = []
        if self.statistics is not None and not self.statistics.gives_ids:
            assert supervision is not None
            raw = self.spread(get_columns(X))
            x = self.statistics.fit_transform(
                [raw[j] for j in self.categories], weight, supervision
            )
            statistics = scale_all(self.statistics.scalers, x, dtype)
        given = columns, weight, dtype, supervision, bins
        statistics += self._fit_crosses(*given, tell)
        return self._assemble(columns, statistics, n_threads)

    def find_time(self, X: Any) -> tuple[Any, NDArray[Any] | None]:
        """Return the name of the first column of dates, and its dates, if any is."""
        columns = get_columns(X) if self.dates else []
        for j, dates in self.dates.items():
            if dates.kind == "date":
                return dates.name, dates.times(columns[j])
        return None, None

    def loss_by_order(
        self,
        columns: list[EncodedColumn],
        weight: NDArray[np.float64],
        supervision: Supervision,
    ) -> float:
        """Return the share by which coming last raises the loss; 0 if by chance.

        Parameters
        ----------
        columns : list
            What `fit_columns` returned.
        weight : ndarray of shape (n,)
        supervision : Supervision
            Its stretches belong to the order in question.
        """
        cells = [*self.categories, *self.numbers]
        if self.block is not None or not cells:
            return 0.0
        rng = np.random.RandomState(supervision.seed)
        asked = rng.permutation(len(cells))[:MAX_ASKED].tolist()
        self._bins = {}
        codes = self._codes(columns, self._find_cuts(), asked, self._bins)
        some = [codes[c] for c in asked]
        return loss_by_order(TargetRows(some, weight, supervision))

    # The steps of a fit ---------------------------------------------------------------

    def _begin(self, X: Any, names: Sequence[str] | None) -> None:
        """Forget what an earlier fit has found."""
        self.names = [*range(X.shape[1])] if names is None else [*names]
        self.categories, self.lists, self.numbers, self.values = {}, {}, {}, {}
        self.dates, self.vectors = {}, {}
        self.beside = find_beside(self.left_out, self.names)
        self.statistics = self.crosses = self.block = self.first_rows = None
        self.field_slices, self.codes = None, []
        self.recent, self.seldom, self.edges = {}, None, None

    def _begin_statistics(
        self, columns: list[Any], weight: NDArray[np.float64]
    ) -> None:
        """Prepare the `category_encoder`; if it gives ids, put them into columns."""
        names = [self.names[j] for j in self.categories]
        self.statistics = ColumnStatistics(
            self.category_encoder, names, self.numeric_transform
        )
        if self.statistics.gives_ids:
            categories = [columns[j] for j in self.categories]
            self._put_ids(self.statistics.fit_ids(categories, weight), columns)

    def _fit_columns(
        self,
        columns: list[Any],
        weight: NDArray[np.float64],
        dtype: Any,
        n_threads: int,
        target: Target | None,
        in_parts: bool,
        tell: Tell,
        stretch: NDArray[np.intp] | None,
    ) -> list[EncodedColumn]:
        """Learn and encode each column by itself; find numbers that may be codes."""
        # Who named the categories has answered for the rest.
        asks, dated = isinstance(self.categorical_features, str), self.dated
        codes: list[int] = []

        def encode(j: int) -> EncodedColumn:
            if j in self.categories:
                return self.categories[j].fit_transform(columns[j], weight, in_parts)
            if j in self.lists:
                return self.lists[j].fit_transform(columns[j], weight, dtype)
            if j in self.vectors:
                vectors = to_vectors(columns[j], self.names[j])
                return self.vectors[j].fit(vectors, weight).apply(vectors, dtype)
            x = to_float(columns[j], self.names[j])
            self.numbers[j].fit(x, weight)
            if asks and j not in dated and are_codes(self.names[j], x, target):
                codes.append(j)
            if j in self.values:
                self.values[j].fit(x, weight, self.numeric_levels == "auto", stretch)
            return scale(self.numbers[j], x, dtype, self.values.get(j))

        n = len(columns)

        def after(n_done: int) -> None:
            tell(f"columns: {n_done:,} of {n:,}", n_done / n)

        encoded = map_threads(encode, range(n), len(weight), n_threads, after)
        self.codes = sorted(codes)
        return encoded

    def _choose_values(self) -> None:
        """Keep the numbers whose values have ids: by "auto" none of a rare table's."""
        if self.numeric_levels == "auto" and self.is_seldom:
            self.values = {}
        self.values = {j: v for j, v in self.values.items() if len(v.values)}

    def _fit_crosses(
        self,
        encoded: list[Any],
        weight: NDArray[np.float64],
        dtype: Any,
        supervision: Supervision | None,
        bins: dict[int, NDArray[Any]],
        tell: Tell,
    ) -> list[Scaled]:
        """Memorise crosses of the columns of one level or number a cell, if any do."""
        self.crosses = self.make_crosses()
        if self.crosses is None:
            return []
        assert supervision is not None
        codes = self._codes(encoded, self._cuts, None, bins)
        n = len(self.categories)
        x = self.crosses.fit_transform(codes, weight, supervision, tell, n)
        return scale_all(self.crosses.scalers, x, dtype)

    def make_crosses(self) -> CrossStatistics | None:
        """Return unlearned statistics of pairs, if any are wanted."""
        wanted = self.memorized_crosses
        columns = [*self.categories, *self.numbers]
        if wanted is None:
            return None
        if not isinstance(wanted, (str, Integral)):
            wanted = resolve_pairs(wanted, self.names, columns, self.sources)
        if not columns:
            return None
        self._cuts = self._find_cuts()
        sizes = [levels.n_ids for levels in self.categories.values()]
        sizes += [len(cuts) + 1 + N_RESERVED_IDS for cuts in self._cuts.values()]
        names = [self.names[j] for j in columns]
        goes_on = self.new_levels == "learn" or self.statistics_decay is not None
        return CrossStatistics(wanted, names, sizes, self.numeric_transform, goes_on)

    # The steps of both ----------------------------------------------------------------

    def _put_ids(self, ids: dict[str, IdColumn], columns: list[Any]) -> None:
        """Put ids of the `category_encoder` in place of columns."""
        for j in self.categories:
            columns[j] = ids.get(str(self.names[j]), columns[j])

    def _find_cuts(self) -> dict[int, NDArray[np.float64]]:
        """Return where each number is cut into bins."""
        return {j: cuts_of(scaler) for j, scaler in self.numbers.items()}

    def _codes(
        self,
        encoded: list[Any],
        cuts: dict[int, NDArray[np.float64]],
        of: Sequence[int] | None = None,
        bins: dict[int, NDArray[Any]] | None = None,
    ) -> list[NDArray[Any]]:
        """Return ids of categories and bins of numbers, perhaps of some columns alone.

        The others are empty. `bins` are those of numbers that are known, and get more.
        """
        columns = [*self.categories, *self.numbers]
        codes: list[NDArray[Any]] = [np.empty(0, dtype=np.int32)] * len(columns)
        bins = {} if bins is None else bins
        for c in range(len(columns)) if of is None else of:
            j = columns[c]
            if j in self.categories:
                codes[c] = encoded[j]
                continue
            if j not in bins:
                bins[j] = bin_codes(encoded[j], cuts[j])
            codes[c] = bins[j]
        return codes

    def _assemble(
        self, columns: list[Any], statistics: list[Scaled], n_threads: int
    ) -> dict[str, Any]:
        ids = [columns[j] for j in self.categories]
        ids += [columns[j].ids for j in self.values]
        bags = [columns[j] for j in self.lists]
        vectors = [columns[j] for j in self.vectors]
        numbers = [*(columns[j] for j in self.numbers), *statistics]
        return assemble(ids, bags, vectors, numbers, n_threads)
