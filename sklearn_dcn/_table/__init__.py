"""From a user's table to ids and floats.

`reading` turns any table into columns, `categories` turns levels into ids, `numbers`
turns numbers into well-behaved floats, and `target_statistics` adds what the target was
for levels and pairs of them. `encoder.py` puts these together: it assigns an encoder to
every column (`assigning.py`), fits and applies them, and sets the results side by side
(`assembling.py`). `fields.py` tells the network what there is; `schema.py` and
`printing.py` tell the user.
"""

from .advising import advise
from .categories import (
    POOLINGS,
    Bag,
    CategoryLevels,
    HashedLevels,
    ListLevels,
    SparseBlock,
    Vocabulary,
    families,
    to_bytes,
)
from .encoder import ENCODING, TableEncoder
from .fields import TableFields
from .numbers import (
    N_BINS,
    NUMERIC_TRANSFORMS,
    NumberLevels,
    NumberScaler,
    Scaled,
    Seen,
    scale,
    scale_all,
)
from .rarity import is_seldom
from .reading import (
    MISSING_LEVEL,
    UNKNOWN_LEVEL,
    IdColumn,
    Kind,
    cells_of,
    check_references,
    check_table,
    check_weight,
    column_names,
    describe,
    factorize,
    find_kinds,
    get_columns,
    has_columns,
    header,
    is_pandas,
    is_records,
    mark_ids,
    missing_types,
    records_to_array,
    resolve_lists,
    resolve_options,
    take_rows,
    to_categorical,
    to_float,
    to_lists,
    to_polars,
    unwrap_nullable,
)
from .target_statistics import ColumnStatistics, CrossStatistics, Supervision

__all__ = [
    "Bag",
    "CategoryLevels",
    "ColumnStatistics",
    "CrossStatistics",
    "ENCODING",
    "HashedLevels",
    "IdColumn",
    "Kind",
    "ListLevels",
    "MISSING_LEVEL",
    "NUMERIC_TRANSFORMS",
    "N_BINS",
    "NumberLevels",
    "NumberScaler",
    "POOLINGS",
    "Scaled",
    "Seen",
    "SparseBlock",
    "Supervision",
    "TableEncoder",
    "TableFields",
    "UNKNOWN_LEVEL",
    "Vocabulary",
    "advise",
    "cells_of",
    "check_references",
    "check_table",
    "check_weight",
    "column_names",
    "describe",
    "factorize",
    "families",
    "find_kinds",
    "get_columns",
    "has_columns",
    "header",
    "is_pandas",
    "is_records",
    "is_seldom",
    "mark_ids",
    "missing_types",
    "records_to_array",
    "resolve_lists",
    "resolve_options",
    "scale",
    "scale_all",
    "take_rows",
    "to_bytes",
    "to_categorical",
    "to_float",
    "to_lists",
    "to_polars",
    "unwrap_nullable",
]
