"""Columns of any library: missing cells, encoded ones, names of types, families."""

import datetime
import decimal
import fractions

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from helpers.columns import LONG, NAN, arrow, of_arrow, of_polars, read

from sklearn_dcn._table.reading.columns import (
    IdColumn,
    describe,
    dtype_name,
    is_boolean,
    level_family,
)
from sklearn_dcn._table.reading.factorize import factorize
from sklearn_dcn._table.reading.floats import to_float
from sklearn_dcn._table.reading.kinds import column_kind

# ----------------------------------------------------------------------------------
# Missing cells
# ----------------------------------------------------------------------------------


@pytest.mark.parametrize("repeats", [1, LONG])
@pytest.mark.parametrize("make", [pd.Series, np.asarray], ids=["pandas", "numpy"])
def test_every_missing_value_is_missing(make, repeats):
    """None, NaN of any type, pd.NA, pd.NaT and NaT are no levels and no numbers."""
    missing = [None, NAN, np.float32("nan"), pd.NA, pd.NaT, decimal.Decimal("NaN")]
    column = make(np.array([*missing, 1.5] * repeats, dtype=object))
    assert read(column) == [*[None] * len(missing), 1.5] * repeats
    assert column_kind(column, "c") == "number"
    values = to_float(column, "c")
    assert np.isnan(values).tolist() == [*[True] * len(missing), False] * repeats


@pytest.mark.parametrize("n", [1, LONG])
@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda n: np.full(n, NAN), "number"),
        (lambda n: np.full(n, None), "category"),
        (lambda n: pd.Series([pd.NA] * n, dtype=object), "category"),
        (lambda n: pd.Series([pd.NA] * n, dtype="Int64"), "number"),
        (lambda n: arrow([None] * n, pa.null()), "category"),
        (lambda n: pd.Series([None] * n, dtype="string"), "category"),
        (lambda n: pd.Series([None] * n, dtype="category"), "category"),
        (lambda n: of_polars(pl.Null)([None] * n), "category"),
        (lambda n: of_polars(pl.Int64)([None] * n), "number"),
        (lambda n: of_polars(pl.Float64)([None, NAN][:n] * (n // 2 or 1)), "number"),
        (lambda n: of_polars(pl.String)([None] * n), "category"),
        (lambda n: of_polars(pl.Categorical)([None] * n), "category"),
        (lambda n: of_arrow(pa.null())([None] * n), "category"),
        (lambda n: of_arrow(pa.int64())([None] * n), "number"),
        (lambda n: of_arrow(pa.string())([None] * n), "category"),
    ],
)
def test_all_missing_columns(make, kind, n):
    """A column of missing cells has a kind, no level, and NaN for numbers."""
    column = make(n)
    assert column_kind(column, "c") == kind
    codes, levels = factorize(column, "c")
    assert (codes.tolist(), list(levels)) == ([-1] * n, [])
    assert np.isnan(to_float(column, "c")).all()


# ----------------------------------------------------------------------------------
# Columns of ids, and the small questions
# ----------------------------------------------------------------------------------


def test_encoded_columns():
    """Ids stand for their levels: 0 for an unknown one, 1 for a missing cell."""
    column = IdColumn(np.array([3, 1, 0, 2, 3]), ["x", 7])
    assert column_kind(column, "c") == "category"
    codes, levels = factorize(column, "c")
    cells = [None if code < 0 else levels[code] for code in codes]
    assert cells == [7, None, "⟨unknown⟩", "x", 7]
    assert len(levels) == len(set(levels)) == 3
    codes, levels = factorize(IdColumn(np.array([1, 1]), ["x"]), "c")
    assert (codes.tolist(), levels) == ([-1, -1], [])


@pytest.mark.parametrize(
    ("column", "name", "boolean"),
    [
        (pd.Series([True]), "bool", True),
        (pd.Series([True], dtype="boolean"), "boolean", True),
        (arrow([True], pa.bool_()), "bool[pyarrow]", True),
        (np.array([True]), "bool", True),
        (of_polars()([True]), "Boolean", True),
        (of_arrow()([True]), "bool", True),
        (pd.Series([1]), "int64", False),
        (pd.Series([True], dtype=object), "object", False),
        (of_polars()([1]), "Int64", False),
        (of_arrow()(["a"]), "string", False),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_types_of_columns(column, name, boolean):
    """A type is called as its own library calls it; booleans are told from others."""
    assert dtype_name(column) == name
    assert is_boolean(column) is boolean


# ----------------------------------------------------------------------------------
# Names in errors
# ----------------------------------------------------------------------------------


DAY = datetime.datetime(2024, 2, 29)


def test_describe():
    """Errors call a column by name as by position."""
    assert describe("price") == "Column 'price'"
    assert describe(3) == "Column 3"


@pytest.mark.parametrize(
    ("cell", "family"),
    [
        ("a", "string"),
        (np.str_("a"), "string"),
        (b"a", "bytes"),
        (True, "bool"),
        (np.True_, "bool"),
        (1, "number"),
        (np.int8(1), "number"),
        (1.5, "number"),
        (np.float32(1.5), "number"),
        (decimal.Decimal(1), "number"),
        (fractions.Fraction(1, 2), "number"),
        (1j, None),
        (DAY, None),
        ((1,), None),
        (np.datetime64("2024-01-01"), None),
    ],
    ids=repr,
)
def test_level_family(cell, family):
    """Booleans are no numbers; complex numbers and dates belong to no family."""
    assert level_family(type(cell)) == family
