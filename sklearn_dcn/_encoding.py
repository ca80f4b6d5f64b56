"""The encoding: a table -> x_num (floats), x_cat (ids), x_bag (lists of ids)."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from ._bags import ListLevels, SparseBlock
from ._categories import CategoryLevels, HashedLevels
from ._columns import IdColumn, to_float
from ._crosses import CrossStatistics
from ._features import find_kinds, resolve_lists, resolve_options, resolve_pairs
from ._numbers import MAX_LEVELS, NumberLevels, NumberScaler
from ._runtime import is_seldom, map_threads
from ._scaled import Scaled, scale, scale_all, side_by_side
from ._schema import ColumnSchema, as_call, as_html, as_text, get_schema
from ._statistics import ColumnStatistics, Supervision, copy_unfitted
from ._table import get_cells, get_columns, to_sparse
from .network.embedding import MISSING_ID, N_RESERVED_IDS, auto_embedding_dim

__all__ = ["ENCODING", "TableEncoder"]

# The parameters, which are the estimators' of the same names.
ENCODING = (
    "categorical_features",
    "multivalued_features",
    "pooling",
    "category_encoder",
    "min_frequency",
    "max_categories",
    "hashing",
    "numeric_transform",
    "numeric_levels",
    "memorized_crosses",
)

BLOCK_DIM = 64  # the most that embedding_dim="auto" gives a sparse matrix


class TableEncoder:
    """Columns by kind; category -> id, list -> bag of ids, number -> float.

    Parameters
    ----------
    categorical_features, multivalued_features, pooling, category_encoder, \
min_frequency, max_categories, hashing, numeric_transform
        As of the estimators.
    numeric_levels : {"auto"}, int or None, default=None
        As of the estimators; here "auto" does not depend on the number of rows.
    memorized_crosses : {"auto"}, int, list of pairs or None, default=None
        As of the estimators; here "auto" does not depend on the number of rows.

    Attributes
    ----------
    names : list of str or int
        Name, or without names the position, of every column.
    categories : dict of {int: CategoryLevels or HashedLevels}
        The categorical columns by position.
    lists : dict of {int: ListLevels}
        The multi-valued columns by position.
    block : SparseBlock or None
        A sparse matrix, which is one field.
    numbers : dict of {int: NumberScaler}
        The numeric columns by position.
    values : dict of {int: NumberLevels}
        Those of them whose values have ids, too.
    crosses : CrossStatistics or None
        The memorised crosses.
    statistics : ColumnStatistics or None
        The `category_encoder` and the numbers that it makes of categorical columns.
    field_slices : list of slice or None
        Where the network has each field in x_0; None before there is a network.
    """

    field_slices: list[slice] | None = None

    def __init__(
        self,
        *,
        categorical_features: Any = "from_dtype",
        multivalued_features: Any = "from_dtype",
        pooling: Any = "mean",
        category_encoder: Any = None,
        min_frequency: float | None = None,
        max_categories: int | None = None,
        hashing: Any = None,
        numeric_transform: str | None = "quantile",
        numeric_levels: int | str | None = None,
        memorized_crosses: Any = None,
    ) -> None:
        self.categorical_features = categorical_features
        self.multivalued_features = multivalued_features
        self.pooling = pooling
        self.category_encoder = copy_unfitted(category_encoder)
        self.min_frequency = min_frequency
        self.max_categories = max_categories
        self.hashing = hashing
        self.numeric_transform = numeric_transform
        self.numeric_levels = numeric_levels
        self.memorized_crosses = memorized_crosses

    # What it found --------------------------------------------------------------------

    def schema(self) -> list[ColumnSchema]:
        """Return what `fit` found of every column, in the table's order."""
        return get_schema(self)

    def __repr__(self) -> str:
        try:
            return as_text(self)
        except AttributeError:  # not fitted, or not to the end
            return as_call(self)

    def _repr_html_(self) -> str | None:
        try:
            return as_html(self)
        except AttributeError:
            return None  # which makes a notebook show the text

    # What the network needs to know -------------------------------------------------

    @property
    def cardinalities(self) -> list[int]:
        """Number of ids of each column of `x_cat`: categories, then values."""
        fields = [*self.categories.values(), *self.values.values()]
        return [levels.n_ids for levels in fields]

    @property
    def bags(self) -> list[ListLevels | SparseBlock]:
        """The fields of several ids a row."""
        return [*self.lists.values()] if self.block is None else [self.block]

    @property
    def n_ids(self) -> int:
        """Number of ids of all fields."""
        return sum(self.cardinalities) + sum(bag.n_ids for bag in self.bags)

    @property
    def n_num(self) -> int:
        """Number of columns of `x_num`: numbers, then indicators of missing ones."""
        return len(self.scalers) + len(self._with_indicator())

    @property
    def scalers(self) -> dict[Any, NumberScaler]:
        """The numbers of `x_num`: columns by position, then statistics by name."""
        statistics = {} if self.statistics is None else self.statistics.scalers
        crosses = {} if self.crosses is None else self.crosses.scalers
        return {**self.numbers, **statistics, **crosses}

    @property
    def field_names(self) -> list[str]:
        """Names of the fields: those of `x_cat`, bags, then those of `x_num`."""
        names = [str(self.names[j]) for j in self.categories]
        names += [f"{self.names[j]} as a level" for j in self.values]
        names += [str(self.names[j]) for j in self.lists]
        if self.block is not None:
            names.append(f"sparse block of {len(self.names)} columns")
        for keys, what in ((self.scalers, ""), (self._with_indicator(), " is missing")):
            for key in keys:
                name = key if isinstance(key, str) else self.names[key]
                names.append(f"{name}{what}")
        return names

    @property
    def bin_edges(self) -> list[list[float]]:
        """Edges of bins of equal weight of every number of the table."""
        return [scaler.bin_edges() for scaler in self.numbers.values()]

    def resolve_dims(self, embedding_dim: Any) -> Any:
        """Return `embedding_dim` with a dict turned into one entry a field.

        Raises
        ------
        ValueError
            If the dict names a column that is neither categorical nor multi-valued.
        """
        if self.block is not None and embedding_dim == "auto":
            # One field in place of many, so wider than that of a column.
            return [auto_embedding_dim(self.block.n_ids, most=BLOCK_DIM)]
        if not isinstance(embedding_dim, dict):
            return embedding_dim
        position = {self.names[j]: j for j in (*self.categories, *self.lists)}
        for name in embedding_dim:
            if name not in position:
                raise ValueError(
                    f"embedding_dim names {name!r}, which is no categorical column; "
                    f"categorical are {list(position)}."
                )
        fields = [*self.categories.items(), *self.values.items(), *self.lists.items()]
        return [
            embedding_dim.get(self.names[j], auto_embedding_dim(field.n_ids))
            for j, field in fields
        ]

    # Fitting and applying -----------------------------------------------------------

    def fit_transform(
        self,
        X: Any,
        names: Sequence[str] | None,
        weight: NDArray[np.float64],
        dtype: Any = np.float64,
        supervision: Supervision | None = None,
    ) -> dict[str, Any]:
        """Learn every column of a checked table.

        Parameters
        ----------
        X : checked table of n rows
        names : sequence of str or None
            Names of the columns.
        weight : ndarray of shape (n,)
            Weight of each row.
        dtype : dtype, default=float64
            That of the numbers; they are computed in float64.
        supervision : Supervision or None, default=None
            The target of the rows, where there is a `category_encoder`.

        Returns
        -------
        encoded : dict
            As `transform`.
        """
        self.names: list[Any] = [*range(X.shape[1])] if names is None else [*names]
        self.categories: dict[int, CategoryLevels | HashedLevels] = {}
        self.lists: dict[int, ListLevels] = {}
        self.numbers: dict[int, NumberScaler] = {}
        self.values: dict[int, NumberLevels] = {}
        self.statistics: ColumnStatistics | None = None
        self.crosses: CrossStatistics | None = None
        self.block: SparseBlock | None = None
        self.field_slices = None
        if issparse(X):
            self.block = self._make_block()
            return {"x_bag": [self.block.fit_transform(X, weight, dtype)]}
        columns = get_columns(X)
        self._assign(columns)
        statistics: list[Scaled] = []
        if self.category_encoder is not None:
            assert supervision is not None
            self.statistics = ColumnStatistics(
                self.category_encoder,
                [self.names[j] for j in self.categories],
                self.numeric_transform,
            )
            made = self.statistics.fit_transform(
                [columns[j] for j in self.categories], weight, supervision
            )
            statistics = self._take_in(made, columns, dtype)

        def encode(j: int) -> Any:
            if j in self.categories:
                return self.categories[j].fit_transform(columns[j], weight)
            if j in self.lists:
                return self.lists[j].fit_transform(columns[j], weight, dtype)
            x = to_float(columns[j], self.names[j])
            self.numbers[j].fit(x, weight)
            if self.numeric_levels is not None:
                self.values[j].fit(x, weight, self.numeric_levels == "auto")
            return scale(self.numbers[j], x, dtype, self.values.get(j))

        encoded = map_threads(encode, range(len(columns)), X.shape[0])
        found, self.values = self.values, {}
        if self.numeric_levels != "auto" or not is_seldom(self.n_ids, X.shape[0]):
            self.values = {j: v for j, v in found.items() if len(v.values)}
        if self.memorized_crosses is not None:
            assert supervision is not None
            self._start_crosses()
            if self.crosses is not None:
                codes = self._codes(encoded)
                x = self.crosses.fit_transform(codes, weight, supervision)
                statistics += scale_all(self.crosses.scalers, x, dtype)
        return self._stack(encoded, statistics)

    def transform(self, X: Any, dtype: Any = np.float64) -> dict[str, Any]:
        """Encode a checked table.

        Parameters
        ----------
        X : checked table
        dtype : dtype, default=float64
            That of the numbers; they are computed in float64.

        Returns
        -------
        encoded : dict
            "x_num" of shape (n, n_num), "x_cat", int32 of shape (n, n_cat), and
            "x_bag", a list of `Bag`; each only where the table has such columns.
        """
        if self.block is not None:
            return {"x_bag": [self.block.transform(to_sparse(X), dtype)]}
        if issparse(X):
            raise TypeError(
                "X was a table of columns in fit, and is now a sparse matrix. Give it "
                "as a table, e.g. X.toarray()."
            )
        columns, statistics = self.encode_columns(X, dtype)
        return self.combine(columns, statistics, dtype)

    def encode_columns(self, X: Any, dtype: Any) -> tuple[list[Any], list[Scaled]]:
        """Return every column of a checked table by itself, and statistics of them.

        Ids of a category, the `Bag` of a list, or the `Scaled` of a number; then the
        numbers of the `category_encoder`.
        """
        columns = get_cells(X) or get_columns(X)
        statistics: list[Scaled] = []
        if self.statistics is not None:
            made = self.statistics.transform([columns[j] for j in self.categories])
            statistics = self._take_in(made, columns, dtype)

        def encode(j: int) -> Any:
            if j in self.categories:
                return self.categories[j].transform(columns[j])
            if j in self.lists:
                return self.lists[j].transform(columns[j], dtype)
            x = to_float(columns[j], self.names[j])
            return scale(self.numbers[j], x, dtype, self.values.get(j))

        return map_threads(encode, range(len(columns)), X.shape[0]), statistics

    def combine(
        self, columns: list[Any], statistics: list[Scaled], dtype: Any
    ) -> dict[str, Any]:
        """Return `transform`'s result from what `encode_columns` gives."""
        if self.crosses is not None and self.crosses.pairs:
            x = self.crosses.transform(self._codes(columns, self.crosses.columns))
            statistics = statistics + scale_all(self.crosses.scalers, x, dtype)
        return self._stack(columns, statistics)

    def _take_in(
        self,
        made: tuple[dict[str, IdColumn], NDArray[np.float64]],
        columns: list[Any],
        dtype: Any,
    ) -> list[Scaled]:
        """Put ids of the `category_encoder` in place of columns; scale its numbers."""
        ids, x = made
        for j in self.categories:
            columns[j] = ids.get(str(self.names[j]), columns[j])
        scalers = {} if self.statistics is None else self.statistics.scalers
        return scale_all(scalers, x, dtype)

    def _stack(self, columns: list[Any], statistics: list[Scaled]) -> dict[str, Any]:
        encoded: dict[str, Any] = {}
        scaled: list[Scaled] = [*(columns[j] for j in self.numbers), *statistics]
        if scaled:
            missing = [
                column.missing for column in scaled if column.missing is not None
            ]
            encoded["x_num"] = side_by_side(
                [*(column.z for column in scaled), *missing]
            )
        ids = [columns[j] for j in self.categories]
        ids += [columns[j].ids for j in self.values]
        if ids:
            encoded["x_cat"] = side_by_side(ids)
        if self.lists:
            encoded["x_bag"] = [columns[j] for j in self.lists]
        return encoded

    def _with_indicator(self) -> list[int | str]:
        return [key for key, scaler in self.scalers.items() if scaler.has_missing]

    # Crosses ------------------------------------------------------------------------

    def _start_crosses(self) -> None:
        """Make what crosses the columns of one level or number a cell, if any do."""
        columns = [*self.categories, *self.numbers]
        wanted = self.memorized_crosses
        if not isinstance(wanted, (str, Integral)):
            wanted = resolve_pairs(wanted, self.names, columns)
        if not columns:
            return
        # Half-way between the edges of bins, which are values of the column: few
        # distinct ones, such as 0 and 1, have a bin each, and none is at a cut.
        edges = {j: np.array(scaler.bin_edges()) for j, scaler in self.numbers.items()}
        self._cuts = {j: (e[1:] + e[:-1]) / 2 for j, e in edges.items()}
        sizes = [levels.n_ids for levels in self.categories.values()]
        sizes += [len(cuts) + 1 + N_RESERVED_IDS for cuts in self._cuts.values()]
        names = [self.names[j] for j in columns]
        self.crosses = CrossStatistics(wanted, names, sizes, self.numeric_transform)

    def _codes(self, encoded: list[Any], of: Sequence[int] | None = None) -> list[Any]:
        """Return ids of categories and bins of numbers, perhaps of some columns alone.

        The others are empty.
        """
        columns = [*self.categories, *self.numbers]
        codes = [np.empty(0, dtype=np.int32)] * len(columns)
        for c in range(len(columns)) if of is None else of:
            j = columns[c]
            if j in self.categories:
                codes[c] = encoded[j]
                continue
            bins = np.searchsorted(self._cuts[j], encoded[j].z) + N_RESERVED_IDS
            if encoded[j].missing is not None:
                bins[encoded[j].missing > 0] = MISSING_ID
            codes[c] = bins.astype(np.int16)
        return codes

    # Which column is what -----------------------------------------------------------

    def _assign(self, columns: Sequence[Any]) -> None:
        """Give every column an encoder of its kind."""
        separators = resolve_lists(self.multivalued_features, self.names)
        poolings = resolve_options("pooling", self.pooling, self.names)
        buckets = resolve_options("hashing", self.hashing, self.names)
        kinds = find_kinds(columns, self.names, self.categorical_features, separators)
        for j, kind in enumerate(kinds):
            if kind == "number":
                self.numbers[j] = NumberScaler(self.numeric_transform)
                if self.numeric_levels is not None:
                    most = self.numeric_levels
                    most = MAX_LEVELS if isinstance(most, str) else most
                    self.values[j] = NumberLevels(most)
                continue
            ids = self._make_levels(self.names[j], buckets.pop(j, None))
            if kind == "category":
                self.categories[j] = ids
            else:
                pooling = poolings.pop(j, "mean")
                self.lists[j] = ListLevels(ids, (separators or {}).get(j), pooling)
        for parameter, rest, what in (
            ("hashing", buckets, "categorical"),
            ("pooling", poolings if isinstance(self.pooling, dict) else {}, "lists"),
        ):
            for j in rest:
                raise ValueError(
                    f"{parameter} names {self.names[j]!r}, which is not {what} but "
                    f"{kinds[j]}. Take it out."
                )

    def _make_levels(
        self, name: Any, n_buckets: int | None
    ) -> CategoryLevels | HashedLevels:
        if n_buckets is not None:
            return HashedLevels(name, n_buckets)
        return CategoryLevels(name, self.min_frequency, self.max_categories)

    def _make_block(self) -> SparseBlock:
        for parameter, default in (
            ("categorical_features", "from_dtype"),
            ("multivalued_features", "from_dtype"),
            ("hashing", None),
            ("category_encoder", None),
            ("numeric_levels", None),
            ("memorized_crosses", None),
        ):
            value = getattr(self, parameter)
            is_default = isinstance(value, str) and value == default
            if value is not None and not is_default:
                raise ValueError(
                    f"{parameter} must be {default!r} for a sparse X, whose columns "
                    f"are one field; got {value!r}."
                )
        return SparseBlock(
            self.min_frequency, self.max_categories, self.numeric_transform
        )
