"""What the network sees of a table: the fields of x_0, in their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from .categories import (
    CategoryLevels,
    HashedLevels,
    ListLevels,
    SparseBlock,
    TextLevels,
    is_seldom,
)
from .describing import (
    describe_block,
    describe_category,
    describe_list,
    describe_number,
    describe_vector,
)
from .first_rows import FirstRows
from .numbers import NumberLevels, NumberScaler, RecentNumbers, VectorScaler
from .printing import call_of, schema_html, schema_text, schema_title
from .reading import SHORT_TABLE, DateColumn, to_levels
from .schema import ColumnSchema
from .target_statistics import ColumnStatistics, CrossStatistics

__all__ = ["TableFields"]


class TableFields:
    """The fitted columns of a table, and the fields that they make.

    A field has a place of its own in x_0: a column of ids, the values of a number, a
    bag, a vector, a number, the indicator of its missing cells. A column may have
    several fields. Here "column" means one that is encoded: the parts of a column of
    dates are columns that take its place.

    Attributes
    ----------
    names : list of str or int
        Name, or without names the position, of every column; of a part of dates as
        "day: month".
    left_out : sequence of str or int
        Columns of the table that are not encoded, by name or position.
    beside : dict of {int: str or int}
        Their names, or without names positions, by position.
    dates : dict of {int: DateColumn}
        What reads the columns of dates, by their positions in the table.
    categories : dict of {int: CategoryLevels or HashedLevels}
        The categorical columns by position.
    lists : dict of {int: ListLevels}
        The multi-valued columns by position, and those of text.
    vectors : dict of {int: VectorScaler}
        The columns of vectors by position.
    block : SparseBlock or None
        A sparse matrix, which is one field.
    numbers : dict of {int: NumberScaler}
        The numeric columns by position.
    values : dict of {int: NumberLevels}
        Those of them whose values have ids, too.
    codes : sequence of int
        Those of them that look like codes of categories.
    crosses : CrossStatistics or None
        The memorised crosses.
    statistics : ColumnStatistics or None
        The `category_encoder` and the numbers that it makes of categorical columns.
    first_rows : FirstRows or None
        The rows of the fit, where they may come again.
    recent : dict of {int: RecentNumbers}
        The numbers that scalers follow, by column, where they do.
    seldom : bool or None
        What `is_seldom` was in the fit, where levels go on being counted.
    edges : list of list of float or None
        What `bin_edges` was in the fit, where scalers follow.
    field_slices : list of slice or None
        Where the network has each field in x_0; None before there is a network.
    """

    categorical_features: Any
    names: list[Any]
    left_out: Sequence[Any] = ()
    beside: Mapping[int, Any] = MappingProxyType({})
    dates: Mapping[int, DateColumn] = MappingProxyType({})  # what is older has none
    categories: dict[int, CategoryLevels | HashedLevels]
    lists: dict[int, ListLevels]
    vectors: Mapping[int, VectorScaler] = MappingProxyType({})
    block: SparseBlock | None
    numbers: dict[int, NumberScaler]
    values: dict[int, NumberLevels]
    crosses: CrossStatistics | None
    statistics: ColumnStatistics | None
    first_rows: FirstRows | None = None
    field_slices: list[slice] | None = None
    codes: Sequence[int] = ()  # what is older has none
    recent: Mapping[int, RecentNumbers] = MappingProxyType({})
    seldom: bool | None = None
    edges: list[list[float]] | None = None

    # The table that they are of -------------------------------------------------------

    @property
    def sources(self) -> Sequence[int]:
        """The position of every column in the table; for parts, that of their dates."""
        if not self.dates and not self.beside:
            return range(len(self.names))
        sources: list[int] = []
        j = 0
        while len(sources) < len(self.names):
            n_parts = len(self.dates[j].names) if j in self.dates else 1
            sources += [j] * (0 if j in self.beside else n_parts)
            j += 1
        return sources

    @property
    def dated(self) -> set[int]:
        """The columns that are parts of dates, or durations."""
        return {k for k, j in enumerate(self.sources) if j in self.dates}

    @property
    def table_names(self) -> list[Any]:
        """Name, or without names the position, of every column of the table."""
        name_of = dict(zip(self.sources, self.names, strict=True))
        name_of |= {j: date.name for j, date in self.dates.items()} | {**self.beside}
        return [name_of[j] for j in sorted(name_of)]

    def spread_names(self, given: Sequence[Any]) -> list[Any]:
        """Return the names of the columns, given those of the table's columns."""
        found: list[Any] = []
        for j, name in enumerate(given):
            if j in self.beside:
                continue
            found += self.dates[j].names_of(name) if j in self.dates else [name]
        return found

    def spread(self, columns: Sequence[Any]) -> list[Any]:
        """Return a table's columns, with dates replaced by their parts."""
        if not self.dates and not self.beside:
            return [*columns]
        found: list[Any] = []
        for j, column in enumerate(columns):
            if j in self.beside:
                continue
            if j not in self.dates:
                found.append(column)
                continue
            date = self.dates[j]
            for part, x in zip(date.parts, date.read(column), strict=True):
                if len(found) not in self.categories:
                    found.append(x)
                    continue
                levels = to_levels(part, x)
                # As `get_cells`: a few are looked up one by one in a tenth of the time.
                found.append(levels.tolist() if len(x) <= SHORT_TABLE else levels)
        return found

    # Their sizes ----------------------------------------------------------------------

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
    def hashed(self) -> list[int]:
        """The fields of ids whose levels `hashing` puts in buckets, bags at the end."""
        bags = [None if isinstance(b, TextLevels) else b.levels for b in self.bags]
        levels = [*self.categories.values(), *self.values.values(), *bags]
        return [c for c, one in enumerate(levels) if isinstance(one, HashedLevels)]

    @property
    def vector_widths(self) -> list[int]:
        """Width of each vector, including the indicator of missing ones."""
        return [scaler.d_in for scaler in self.vectors.values()]

    @property
    def n_ids(self) -> int:
        """Number of ids of all fields."""
        return sum(self.cardinalities) + sum(bag.n_ids for bag in self.bags)

    @property
    def is_seldom(self) -> bool:
        """Whether a column has levels that are seldom seen."""
        if self.seldom is not None:
            return self.seldom
        fields = [*self.categories.values(), *(bag.levels for bag in self.bags)]
        return any(is_seldom(field.counts) for field in fields)

    @property
    def n_num(self) -> int:
        """Number of columns of `x_num`: numbers, then indicators of missing ones."""
        return len(self.scalers) + len(self._with_indicator)

    @property
    def has_target_statistics(self) -> bool:
        """Whether any of the numbers is a statistic of the target."""
        if self.crosses is not None and self.crosses.pairs:
            return True
        return self.statistics is not None and self.statistics.learns

    @property
    def scalers(self) -> dict[Any, NumberScaler]:
        """The numbers of `x_num`: columns by position, then statistics by name."""
        statistics = {} if self.statistics is None else self.statistics.scalers
        crosses = {} if self.crosses is None else self.crosses.scalers
        return {**self.numbers, **statistics, **crosses}

    @property
    def bin_edges(self) -> list[list[float]]:
        """Edges of bins of equal weight of every number of the table, in the fit."""
        if self.edges is not None:
            return self.edges
        return [scaler.bin_edges() for scaler in self.numbers.values()]

    @property
    def of_unknown(self) -> list[tuple[int, list[int], float]]:
        """The numbers of `x_num` that are crosses, and which columns they cross.

        Each comes with its columns of `x_cat`, and its value if a level is unknown.
        """
        if self.crosses is None or self.block is not None:
            return []
        first = len(self.scalers) - len(self.crosses.scalers)
        n = len(self.categories)  # the codes after them are bins of numbers
        found = zip(self.crosses.of_unknown, self.crosses.scalers.values(), strict=True)
        return [
            (
                first + k,
                [c for c in pair if c < n],
                float(scaler.apply(np.array([value]))[0]),
            )
            for k, ((pair, value), scaler) in enumerate(found)
        ]

    # Which column each is of ----------------------------------------------------------

    @property
    def field_columns(self) -> list[int | str]:
        """The source of each field: a column by position, or a statistic by name."""
        if self.block is not None:
            return [0]
        ids = [*self.categories, *self.values, *self.lists, *self.vectors]
        return [*ids, *self.scalers, *self._with_indicator]

    @property
    def field_names(self) -> list[str]:
        """Names of the fields: those of `x_cat`, bags, vectors, then of `x_num`."""
        names = [str(self.names[j]) for j in self.categories]
        names += [f"{self.names[j]} as a level" for j in self.values]
        names += [str(self.names[j]) for j in (*self.lists, *self.vectors)]
        if self.block is not None:
            names.append(f"sparse block of {len(self.names)} columns")
        for keys, what in ((self.scalers, ""), (self._with_indicator, " is missing")):
            for key in keys:
                name = key if isinstance(key, str) else self.names[key]
                names.append(f"{name}{what}")
        return names

    @property
    def _with_indicator(self) -> list[int | str]:
        return [key for key, scaler in self.scalers.items() if scaler.has_missing]

    # What `fit` found of them ---------------------------------------------------------

    def schema(self) -> list[ColumnSchema]:
        """Return what `fit` found in every column, in the table's order.

        Statistics of columns and of pairs of columns are further rows at the end.
        """
        widths = self._widths()
        if self.block is not None:
            return [describe_block(self.block, len(self.names), widths[0])]
        rows: dict[int | str, ColumnSchema] = {}
        notes = self._notes_of_dates()
        for j, ids in self.categories.items():
            rows[j] = describe_category(self.names[j], ids, widths[j])
        for j, bag in self.lists.items():
            rows[j] = describe_list(self.names[j], bag, widths[j])
        for j, vectors in self.vectors.items():
            rows[j] = describe_vector(vectors, widths[j])
        for key, scaler in self.scalers.items():
            is_column = not isinstance(key, str)
            rows[key] = describe_number(
                self.names[key] if is_column else key,
                scaler,
                self.values.get(key) if is_column else None,
                widths[key],
                is_column=is_column,
                asks=key in self.codes,
                more=notes.get(key, ""),
            )
        statistics = [key for key in rows if isinstance(key, str)]
        return [rows[key] for key in (*range(len(self.names)), *statistics)]

    def _notes_of_dates(self) -> dict[Any, str]:
        """Return what the schema adds to the numbers of dates, by position."""
        notes = [date.note(part) for date in self.dates.values() for part in date.parts]
        return dict(zip(sorted(self.dated), notes, strict=True))

    def _widths(self) -> dict[int | str, int | None]:
        """Return the width in x_0 of columns by position and statistics by name."""
        if self.field_slices is None:
            return dict.fromkeys(self.field_columns)
        widths: dict[int | str, int | None] = {}
        for j, part in zip(self.field_columns, self.field_slices, strict=True):
            widths[j] = (widths.get(j) or 0) + part.stop - part.start
        return widths

    def __repr__(self) -> str:
        """Return the schema as a table of aligned lines.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn_dcn._table import TableEncoder
        >>> X = np.array([["Bern", 0.5], ["Oslo", None], ["Bern", 2.0]], dtype=object)
        >>> encoder = TableEncoder()
        >>> _ = encoder.fit_transform(X, ["city", "price"], np.ones(3))
        >>> encoder
        TableEncoder: 2 columns (1 category, 1 number), 4 ids
        column  kind                         levels  missing  width  note
        city    category                          2       0%      -
        price   number, quantile, indicator       -    33.3%      -  0.5 to 2
        """
        try:
            return self._print(schema_text)
        except AttributeError:  # not fitted, or not to the end
            return call_of(self)

    def _repr_html_(self) -> str | None:
        try:
            return self._print(schema_html)
        except AttributeError:
            return None  # which makes a notebook show the text

    def _print(self, write: Any) -> str:
        schema = self.schema()
        return write(schema_title(schema, len(self.names), self.n_ids), schema)
