"""The kind of a column follows from its cells, and cells of other types are refused."""

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from helpers.columns import CASES, LONG, arrow, in_chunks, of_arrow, of_polars

from sklearn_dcn._table.reading.columns import cells_of, is_bridged
from sklearn_dcn._table.reading.factorize import factorize
from sklearn_dcn._table.reading.floats import to_float
from sklearn_dcn._table.reading.kinds import column_kind
from sklearn_dcn._table.reading.lists import split_lists

# ----------------------------------------------------------------------------------
# Kinds and cells
# ----------------------------------------------------------------------------------


@CASES
def test_kind(cells, make, kind):
    """The kind follows from the dtype, and for objects from the cells."""
    assert column_kind(make(cells), "c") == kind


# ----------------------------------------------------------------------------------
# Lists
# ----------------------------------------------------------------------------------


LISTS = [["b", "a"], None, [], ["b", None, "c"]]
PAIRS = [["b", "a"], None, ["b", "c"]]
LIST_COLUMNS = {
    "object of lists": (LISTS, lambda v: pd.Series(v, dtype=object)),
    "object of tuples": (LISTS, lambda v: pd.Series([x and tuple(x) for x in v])),
    "object of arrays": (
        LISTS,
        lambda v: pd.Series([x and np.array(x, dtype=object) for x in v]),
    ),
    "arrow list": (LISTS, lambda v: arrow(v, pa.list_(pa.string()))),
    "arrow large_list": (LISTS, lambda v: arrow(v, pa.large_list(pa.string()))),
    "arrow fixed_size_list": (PAIRS, lambda v: arrow(v, pa.list_(pa.string(), 2))),
    "polars List": (LISTS, of_polars()),
    "polars Array": (PAIRS, of_polars(pl.Array(pl.String, 2))),
    "polars Object": (LISTS, of_polars(pl.Object)),
    "pyarrow list": (LISTS, of_arrow()),
    "pyarrow large_list": (LISTS, of_arrow(pa.large_list(pa.string()))),
    "pyarrow fixed_size_list": (PAIRS, of_arrow(pa.list_(pa.string(), 2))),
}


@pytest.mark.parametrize(("cells", "make"), LIST_COLUMNS.values(), ids=LIST_COLUMNS)
def test_columns_of_lists(cells, make):
    """Their kind is "list", and their levels are those of a list of lists."""
    column = make(cells)
    assert column_kind(column, "c") == "list"
    assert len(cells_of(column)) == len(cells)
    lists = split_lists(column, "c", None)
    flat = [None if code < 0 else lists.levels[code] for code in lists.codes]
    rows = [
        flat[start:stop]
        for start, stop in zip(lists.offsets[:-1], lists.offsets[1:], strict=True)
    ]
    assert rows == [[None] if cell is None else cell for cell in cells]
    assert lists.weight is None
    for reader in (factorize, to_float):  # which are for one level a cell
        with pytest.raises(TypeError, match="^Column 'c' holds .*" + LIST_REMEDY):
            reader(column, "c")


@pytest.mark.parametrize(
    "make",
    [
        lambda v: pd.Series([x if x is None else dict(x) for x in v], dtype=object),
        lambda v: arrow(v, pa.map_(pa.string(), pa.float64())),
        of_arrow(pa.map_(pa.string(), pa.float64())),
    ],
    ids=["dicts", "arrow-backed map", "pyarrow map"],
)
def test_columns_of_maps(make):
    """A map is a list of weighted levels."""
    column = make([[("b", 1.0), ("a", 0.5)], None, [("b", 2.0)]])
    assert column_kind(column, "c") == "list"
    lists = split_lists(column, "c", None)
    assert lists.codes.tolist() == [0, 1, -1, 0]
    assert lists.levels == ["b", "a"]
    assert lists.offsets.tolist() == [0, 2, 3, 4]
    assert lists.weight.tolist() == [1.0, 0.5, 1.0, 2.0]


# ----------------------------------------------------------------------------------
# Cells that are refused
# ----------------------------------------------------------------------------------


DAY = datetime.datetime(2024, 2, 29)
DATE_REMEDY = r".*reads dates by itself.*\.dt\.year, \.dt\.day_of_week and \.dt\.hour"
DURATION_REMEDY = r".*reads durations by itself.*\.dt\.total_seconds\(\)"
PERIOD_REMEDY = r".*Turn it into dates, with \.dt\.to_timestamp\(\)"
OTHER_REMEDY = r".*Drop the column or turn its cells into strings or numbers\."
LIST_REMEDY = (
    r".*Drop the column or turn its cells.*, name it in multivalued_features\."
)


def objects(cell):
    """Return an object Series of one kind of cell and a missing one."""
    return pd.Series([cell, None], dtype=object)


def kind_of(column, is_duration):
    """Return the kind of a column of dates, by its cells."""
    if is_duration:
        return "duration"
    cells = [cell for cell in cells_of(column) if not pd.isna(cell)]
    return "time" if isinstance(cells[0], datetime.time) else "date"


REFUSED = {
    "datetime64": (lambda: pd.Series([DAY, pd.NaT]), DATE_REMEDY),
    "datetime64 with zone": (
        lambda: pd.Series(pd.to_datetime([DAY]).tz_localize("UTC")),
        DATE_REMEDY,
    ),
    "numpy datetime64": (lambda: np.array(["2024-02-29"], "M8[D]"), DATE_REMEDY),
    "arrow timestamp": (lambda: arrow([DAY], pa.timestamp("us")), DATE_REMEDY),
    "arrow date": (lambda: arrow([DAY.date()], pa.date32()), DATE_REMEDY),
    "arrow time": (lambda: arrow([DAY.time()], pa.time64("us")), DATE_REMEDY),
    "period": (lambda: pd.Series(pd.period_range("2024", periods=2)), PERIOD_REMEDY),
    "object datetime": (lambda: objects(DAY), DATE_REMEDY),
    "object date": (lambda: objects(DAY.date()), DATE_REMEDY),
    "object Timestamp": (lambda: objects(pd.Timestamp(DAY)), DATE_REMEDY),
    "category of datetime": (
        lambda: pd.Series([DAY, pd.NaT]).astype("category"),
        DATE_REMEDY,
    ),
    "timedelta64": (lambda: pd.Series(pd.to_timedelta([1, 2])), DURATION_REMEDY),
    "object timedelta": (
        lambda: objects(datetime.timedelta(days=1)),
        DURATION_REMEDY,
    ),
    "arrow duration": (
        lambda: arrow([datetime.timedelta(1)], pa.duration("us")),
        DURATION_REMEDY,
    ),
    "interval": (lambda: pd.Series(pd.interval_range(0, 2)), OTHER_REMEDY),
    "category of interval": (lambda: pd.cut(pd.Series([1, 2]), 2), OTHER_REMEDY),
    "dict beside a number": (lambda: pd.Series([{"a": 1}, 1]), LIST_REMEDY),
    "complex cell": (lambda: objects(1j), OTHER_REMEDY),
    "object": (lambda: objects(object()), OTHER_REMEDY),
    "arrow struct": (
        lambda: arrow([{"a": 1}], pa.struct([("a", pa.int64())])),
        OTHER_REMEDY[:-2],
    ),
    "list beside a string": (lambda: pd.Series([["a"], "b"]), LIST_REMEDY),
    "tuple beside a number": (lambda: pd.Series([("a",), 1]), LIST_REMEDY),
    "polars Date": (lambda: of_polars()([DAY.date()]), DATE_REMEDY),
    "polars Datetime": (lambda: of_polars()([DAY]), DATE_REMEDY),
    "polars Datetime with zone": (
        lambda: of_polars(pl.Datetime("ms", "UTC"))([DAY]),
        DATE_REMEDY,
    ),
    "polars Time": (lambda: of_polars()([DAY.time()]), DATE_REMEDY),
    "polars Duration": (lambda: of_polars()([datetime.timedelta(1)]), DURATION_REMEDY),
    "polars Struct": (lambda: of_polars()([{"a": 1}]), OTHER_REMEDY[:-2]),
    "polars Object of date": (lambda: of_polars(pl.Object)([DAY]), DATE_REMEDY),
    "pyarrow date32": (lambda: of_arrow(pa.date32())([DAY.date()]), DATE_REMEDY),
    "pyarrow date64": (lambda: of_arrow(pa.date64())([DAY.date()]), DATE_REMEDY),
    "pyarrow timestamp": (lambda: of_arrow(pa.timestamp("s"))([DAY]), DATE_REMEDY),
    "pyarrow timestamp with zone": (
        lambda: of_arrow(pa.timestamp("ns", "UTC"))([DAY]),
        DATE_REMEDY,
    ),
    "pyarrow time32": (lambda: of_arrow(pa.time32("s"))([DAY.time()]), DATE_REMEDY),
    "pyarrow time64": (lambda: of_arrow(pa.time64("us"))([DAY.time()]), DATE_REMEDY),
    "pyarrow duration": (
        lambda: of_arrow(pa.duration("us"))([datetime.timedelta(1)]),
        DURATION_REMEDY,
    ),
    "pyarrow dictionary of date": (lambda: in_chunks([DAY, None, DAY]), DATE_REMEDY),
    "pyarrow struct": (lambda: of_arrow()([{"a": 1}]), OTHER_REMEDY[:-2]),
}


@pytest.mark.parametrize("n", [1, LONG], ids=["short", "long"])
@pytest.mark.parametrize(("make", "remedy"), REFUSED.values(), ids=REFUSED)
def test_refused_cells(make, remedy, n):
    """Other cells raise a TypeError of column and remedy, however they are read.

    Dates do, too, where a parameter or the fit had another kind of column.
    """
    column = make()
    if n > 1:
        repeated = [column] * n
        if is_bridged(column):
            column = column.to_frame()["c"][np.zeros(n, dtype=int).tolist()]
        elif isinstance(column, pd.Series):
            column = pd.concat(repeated, ignore_index=True)
        else:
            column = np.concatenate(repeated)
    message = r"^Column 'when' holds .*must be a string or a number" + remedy
    for reader in (column_kind, factorize, to_float):
        if reader is column_kind and str(column.dtype) in ("category", "Categorical"):
            continue  # its levels are looked at by `factorize`
        if reader is column_kind and remedy in (DATE_REMEDY, DURATION_REMEDY):
            is_duration = remedy is DURATION_REMEDY
            assert column_kind(column, "when") == kind_of(column, is_duration)
            continue
        with pytest.raises(TypeError, match=message):
            reader(column, "when")


def test_complex_columns():
    """Complex columns of a frame are refused by name, by scikit-learn's error."""
    column = pd.Series([1j, 2.0])
    with pytest.raises(ValueError, match=r"^Column 'z': Complex data not supported"):
        column_kind(column, "z")
    for reader in (factorize, to_float):
        with pytest.raises(TypeError, match=r"^Column 'z' holds complex"):
            reader(column, "z")
