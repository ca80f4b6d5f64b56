"""One small table as a frame of every library."""

import narwhals.stable.v2 as nw
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from sklearn_dcn._table.reading.kinds import column_kind
from sklearn_dcn._table.reading.tables import get_columns

NAN = float("nan")


def kinds_of(X):
    """Return the kind of every column of a checked table."""
    return [column_kind(column, j) for j, column in enumerate(get_columns(X))]


CONTENT = {"b": [1, 2, 3], "a": ["x", None, "y"], "c": [0.5, NAN, 1.5]}
FRAMES = {
    "pandas": pd.DataFrame(CONTENT),
    "polars": pl.DataFrame(CONTENT),
    "pyarrow table": pa.table(CONTENT),
    "pyarrow batch": pa.RecordBatch.from_pydict(CONTENT),
    "narwhals": nw.from_native(pl.DataFrame(CONTENT)),
    "narwhals of pandas": nw.from_native(pd.DataFrame(CONTENT)),
}
OF_FRAMES = pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
