"""Columns as floats: missing cells, rounding, and infinities that are refused."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from helpers.columns import CASES, NAN, arrow, dense, of_arrow, of_polars

from sklearn_dcn._table.reading.floats import to_float, unwrap_nullable

# ----------------------------------------------------------------------------------
# Kinds and cells
# ----------------------------------------------------------------------------------


@CASES
def test_to_float(cells, make, kind):
    """Numbers and booleans become floats and missing NaN; strings are an error."""
    column = make(cells)
    if any(isinstance(cell, (str, bytes)) for cell in cells):
        with pytest.raises(ValueError, match=r"^Column 'c' must hold numbers; could n"):
            to_float(column, "c")
        return
    values = to_float(column, "c")
    assert values.dtype == np.float64
    np.testing.assert_array_equal(values, dense(cells))


@pytest.mark.parametrize("beyond", [2**53 + 1, -(2**60) - 1])
@pytest.mark.parametrize(
    "make",
    [np.array, pd.Series, lambda v: arrow(v, pa.int64()), of_polars(), of_arrow()],
    ids=["numpy", "pandas", "arrow-backed", "polars", "pyarrow"],
)
def test_large_integers_as_numbers_are_rounded(make, beyond):
    """As a number an integer beyond 2**53 is the nearest float, and no error."""
    np.testing.assert_array_equal(to_float(make([1, beyond]), "c"), [1, float(beyond)])


@pytest.mark.parametrize("make", [of_polars(), of_arrow()], ids=["polars", "pyarrow"])
def test_large_integers_beside_missing_ones_are_rounded(make):
    """A gap among integers beyond 2**53 is NaN, and they are the nearest floats."""
    values = to_float(make([2**53 + 1, None, 2**63 - 1]), "c")
    np.testing.assert_array_equal(values, [2.0**53, NAN, 2.0**63])


# ----------------------------------------------------------------------------------
# Columns of ids, and the small questions
# ----------------------------------------------------------------------------------


def test_unwrap_nullable():
    """Nullable integers and booleans without a gap become plain arrays."""
    for values, dtype in (([1, 2**60 + 1], "Int64"), ([True, False], "boolean")):
        plain = unwrap_nullable(pd.Series(values, dtype=dtype))
        assert type(plain) is np.ndarray
        assert plain.tolist() == values
        gap = pd.Series([values[0], None], dtype=dtype)
        assert unwrap_nullable(gap) is gap
    for column in (pd.Series([0.5], dtype="Float64"), pd.Series([1]), np.ones(2)):
        assert unwrap_nullable(column) is column


# ----------------------------------------------------------------------------------
# Cells that are refused
# ----------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.inf, -np.inf])
@pytest.mark.parametrize(
    "dtype",
    ["float64", "float32", "Float64", "Sparse[float]", "double[pyarrow]", object],
)
def test_infinities(dtype, value):
    """An infinite cell is an error of column, row and remedy, whatever the dtype."""
    column = pd.Series([1.0, 2.0, value, -value], dtype=dtype)
    with pytest.raises(
        ValueError,
        match=r"^Column 'price' contains infinity \(first in row 2\).*replace",
    ):
        to_float(column, "price")


@pytest.mark.parametrize("value", [np.inf, -np.inf])
@pytest.mark.parametrize(
    "make",
    [of_polars(), of_polars(pl.Float32), of_arrow(), of_arrow(pa.float32())],
    ids=["polars", "polars Float32", "pyarrow", "pyarrow float"],
)
def test_infinities_of_other_frames(make, value):
    """So it is in columns of polars and arrow, beside missing cells."""
    with pytest.raises(ValueError, match=r"^Column 'p' contains infinity .* row 2\)"):
        to_float(make([1.0, None, value, -value]), "p")


def test_integers_beyond_floats():
    """An integer too large for a float counts as infinite, with the column named."""
    with pytest.raises(ValueError, match=r"^Column 'id' contains infinity .*row 1"):
        to_float(pd.Series([1, 10**400], dtype=object), "id")
