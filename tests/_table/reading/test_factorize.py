"""A column's codes and levels give its cells back, whatever the dtype and length."""

import decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from helpers.columns import (
    BIG,
    CASES,
    COLUMNS,
    LONG,
    NAN,
    STRINGS,
    arrow,
    bridged,
    dense,
    in_chunks,
    of_arrow,
    of_polars,
    read,
)

from sklearn_dcn._table.reading.columns import level_family
from sklearn_dcn._table.reading.factorize import factorize
from sklearn_dcn._table.reading.floats import to_float
from sklearn_dcn._table.reading.tables import SHORT_TABLE


@CASES
@pytest.mark.parametrize("repeats", [1, LONG], ids=["short", "long"])
def test_factorize_gives_the_cells_back(cells, make, kind, repeats):
    """levels[codes] are the cells of the column, of any dtype and any length."""
    column = make(cells * repeats)
    got = read(column)
    assert got == cells * repeats
    assert [level_family(type(c)) for c in got if c is not None] == [
        level_family(type(c)) for c in cells * repeats if c is not None
    ]


@CASES
def test_each_level_once(cells, make, kind):
    """No level stands twice in `levels`, in short and long columns."""
    for repeats in (1, LONG):
        _, levels = factorize(make(cells * repeats), "c")
        distinct = {cell for cell in cells if cell is not None}
        assert len(levels) == len(set(levels)) == len(distinct)


@pytest.mark.parametrize("repeats", [1, LONG])
@pytest.mark.parametrize("make", [pd.Series, np.asarray], ids=["pandas", "numpy"])
def test_equal_numbers_are_one_level(make, repeats):
    """7, 7.0, np.int64(7) and Decimal(7) are one level; "7" and 7.5 are others."""
    cells = [7, 7.0, np.int64(7), np.float32(7), decimal.Decimal(7), "7", 7.5]
    codes, levels = factorize(make(np.array(cells * repeats, dtype=object)), "c")
    assert codes.tolist() == [0, 0, 0, 0, 0, 1, 2] * repeats
    assert levels == [7, "7", 7.5]


@pytest.mark.parametrize("repeats", [1, LONG])
@pytest.mark.parametrize(
    "make",
    [
        np.array,
        pd.Series,
        lambda v: np.array(v, dtype=object),
        lambda v: pd.Series(v, dtype=object),
        lambda v: pd.Series([None, *v], dtype="Int64")[1:],
        lambda v: pd.Series(v, dtype="category"),
        lambda v: arrow(v, pa.int64()),
        of_polars(),
        of_polars(pl.UInt64),
        of_arrow(),
        in_chunks,
    ],
    ids=[
        "numpy",
        "pandas",
        "np object",
        "pd object",
        "Int64",
        "category",
        "arrow",
        "polars",
        "polars UInt64",
        "pyarrow",
        "dictionary",
    ],
)
def test_large_integers_stay_apart(make, repeats):
    """Ids beyond 2**53, which a float cannot tell apart, are levels of their own."""
    assert read(make(BIG * repeats)) == BIG * repeats


def test_boundary_of_short_columns():
    """64 cells, the last short column, and 65, the first long one, agree."""
    rng = np.random.default_rng(0)
    cells = [
        None if i % 7 == 0 else f"v{k}" for i, k in enumerate(rng.integers(9, size=65))
    ]

    def as_objects(cells):
        return np.array(cells, dtype=object)

    for make in (pd.Series, as_objects, of_polars(), of_arrow(), in_chunks):
        for n in (SHORT_TABLE, SHORT_TABLE + 1):
            assert read(make(cells[:n])) == cells[:n]


# What pandas and arrow have of one type: floats with every kind of zero and nothing.
FLOAT_COLUMNS = {
    "numpy": np.array,
    "pandas": pd.Series,
    "object": lambda v: pd.Series(v, dtype=object),
    "arrow-backed": lambda v: pd.Series(pd.arrays.ArrowExtensionArray(pa.array(v))),
    "arrow-backed float": lambda v: pd.Series(
        pd.arrays.ArrowExtensionArray(pa.array(v, pa.float32()))
    ),
    "polars": of_polars(),
    "polars Float32": of_polars(pl.Float32),
    "pyarrow": of_arrow(),
    "pyarrow float": of_arrow(pa.float32()),
}


@pytest.mark.parametrize("repeats", [1, LONG])
@pytest.mark.parametrize("make", FLOAT_COLUMNS.values(), ids=FLOAT_COLUMNS)
def test_floats_as_levels(make, repeats):
    """0.0 and -0.0 are one level and NaN is none, also where arrow tells them apart."""
    codes, levels = factorize(make([0.0, -0.0, NAN, 1.5, 0.0] * repeats), "c")
    zero = codes[0]
    assert sorted(levels) == [0.0, 1.5]
    assert levels[zero] == 0.0
    assert codes.tolist() == [zero, zero, -1, 1 - zero, zero] * repeats


@pytest.mark.parametrize(
    "make",
    [
        bridged,
        lambda array: pd.Series(
            pd.arrays.ArrowExtensionArray(pa.chunked_array([array]))
        ),
    ],
    ids=["table", "pandas"],
)
def test_dictionaries_of_repeated_and_missing_levels(make):
    """An arrow dictionary may hold a level twice, and a null; the column does not."""
    indices = pa.array([0, 1, 2, 3, None, 0])
    array = pa.DictionaryArray.from_arrays(indices, pa.array(["a", "a", None, "b"]))
    codes, levels = factorize(make(array), "c")
    assert (codes.tolist(), levels) == ([0, 0, -1, 1, -1, 0], ["a", "b"])


def test_polars_without_pyarrow(monkeypatch):
    """Where pyarrow is missing, polars is read cell by cell, to the same."""
    cells = {name: c for name, c in COLUMNS.items() if name.startswith("polars")}
    expected = {name: read(make(v)) for name, (v, make, _) in cells.items()}

    def fail(self, *args, **kwargs):
        raise ModuleNotFoundError("No module named 'pyarrow'")

    monkeypatch.setattr(pl.Series, "to_arrow", fail)
    with pytest.raises(ModuleNotFoundError):
        of_polars()(STRINGS).to_arrow()
    for name, (v, make, kind) in cells.items():
        assert read(make(v)) == expected[name], name
        if kind == "number":
            np.testing.assert_array_equal(to_float(make(v), "c"), dense(v))
