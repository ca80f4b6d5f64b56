"""Any table -> checked rows -> columns -> kinds, floats, codes and levels."""

from .column_parameters import (
    find_kinds,
    resolve_lists,
    resolve_options,
    resolve_pairs,
    resolve_texts,
)
from .columns import (
    MISSING_LEVEL,
    UNKNOWN_LEVEL,
    Column,
    IdColumn,
    Levels,
    cells_of,
    describe,
    level_family,
    missing_types,
)
from .dates import DATE_PARTS, LEVELS_OF, DateColumn, to_levels
from .encoded_arrays import mark_ids
from .factorize import factorize, factorize_cells
from .floats import to_float, unwrap_nullable
from .frames import (
    columns_beside,
    header,
    is_pandas,
    join_tables,
    to_categorical,
    to_polars,
)
from .kinds import Kind, is_date_kind
from .lists import Lists, split_lists, to_lists
from .records import is_records, records_to_array
from .references import check_references
from .sample_weight import check_weight, mean_weight, to_mean_one
from .tables import (
    SHORT_TABLE,
    check_table,
    column_names,
    drop_column,
    get_cells,
    get_columns,
    has_columns,
    take_rows,
    to_sparse,
)
from .vectors import to_vectors

__all__ = [
    "Column",
    "DATE_PARTS",
    "DateColumn",
    "IdColumn",
    "Kind",
    "LEVELS_OF",
    "Levels",
    "Lists",
    "MISSING_LEVEL",
    "SHORT_TABLE",
    "UNKNOWN_LEVEL",
    "cells_of",
    "check_references",
    "check_table",
    "check_weight",
    "column_names",
    "columns_beside",
    "describe",
    "drop_column",
    "factorize",
    "factorize_cells",
    "find_kinds",
    "get_cells",
    "get_columns",
    "has_columns",
    "header",
    "is_date_kind",
    "is_pandas",
    "is_records",
    "join_tables",
    "level_family",
    "mark_ids",
    "mean_weight",
    "missing_types",
    "records_to_array",
    "resolve_lists",
    "resolve_options",
    "resolve_pairs",
    "resolve_texts",
    "split_lists",
    "take_rows",
    "to_categorical",
    "to_float",
    "to_levels",
    "to_lists",
    "to_mean_one",
    "to_polars",
    "to_sparse",
    "to_vectors",
    "unwrap_nullable",
]
