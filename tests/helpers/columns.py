"""Columns of every type and library, with the cells that they were made of."""

import decimal
import fractions

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from sklearn_dcn._table.reading.columns import is_bridged
from sklearn_dcn._table.reading.factorize import factorize
from sklearn_dcn._table.reading.tables import SHORT_TABLE, check_table, get_columns

LONG = 2 * SHORT_TABLE
NAN = float("nan")


def arrow(values, pa_type):
    """Return an arrow-backed Series."""
    return pd.Series(values, dtype=pd.ArrowDtype(pa_type))


def dictionary(values):
    """Return an arrow dictionary Series; its chunk keeps the order of the values."""
    chunk = pa.chunked_array([pa.array(values).dictionary_encode()])
    return pd.Series(pd.arrays.ArrowExtensionArray(chunk))


def bridged(column):
    """Return a column of polars or arrow as the package reads it from its frame."""
    make = pl.DataFrame if isinstance(column, pl.Series) else pa.table
    [column] = get_columns(check_table(make({"c": column})))
    assert is_bridged(column)
    return column


def of_polars(dtype=None):
    """Return a function that makes a column of polars."""
    return lambda values: bridged(pl.Series(values, dtype=dtype))


def of_arrow(pa_type=None):
    """Return a function that makes a column of an arrow table."""
    return lambda values: bridged(pa.array(values, pa_type))


def in_chunks(values):
    """Return an arrow column of two chunks, each with a dictionary of its own."""
    half = len(values) // 2
    chunks = [pa.array(v).dictionary_encode() for v in (values[:half], values[half:])]
    return bridged(pa.chunked_array(chunks))


STRINGS = ["b", None, "a", "b", "nan", ""]
BOOLEANS = [True, None, False, True, True]
INTEGERS = [3, None, 1, 3, -2]
FLOATS = [0.5, None, -1.0, 0.5, 7.0]
FULL_STRINGS = [cell for cell in STRINGS if cell is not None]
FULL_BOOLEANS = [cell for cell in BOOLEANS if cell is not None]
FULL_INTEGERS = [cell for cell in INTEGERS if cell is not None]


def dense(values):
    """Return floats with NaN for None."""
    return [NAN if v is None else float(v) for v in values]


# Name of the case: cells as Python objects, the column made of them, its kind.
COLUMNS = {
    "str": (STRINGS, lambda v: pd.Series(v, dtype="str"), "category"),
    "string": (STRINGS, lambda v: pd.Series(v, dtype="string"), "category"),
    "string[python]": (
        STRINGS,
        lambda v: pd.Series(v, dtype="string[python]"),
        "category",
    ),
    "string[pyarrow]": (
        STRINGS,
        lambda v: pd.Series(v, dtype="string[pyarrow]"),
        "category",
    ),
    "object": (STRINGS, lambda v: pd.Series(v, dtype=object), "category"),
    "category": (STRINGS, lambda v: pd.Series(v, dtype="category"), "category"),
    "category of int": (INTEGERS, lambda v: pd.Series(v, dtype="category"), "category"),
    "arrow string": (STRINGS, lambda v: arrow(v, pa.string()), "category"),
    "arrow large_string": (STRINGS, lambda v: arrow(v, pa.large_string()), "category"),
    "arrow dictionary": (STRINGS, dictionary, "category"),
    "arrow dictionary of int": (INTEGERS, dictionary, "category"),
    "bool": (FULL_BOOLEANS, lambda v: pd.Series(v, dtype=bool), "category"),
    "boolean": (BOOLEANS, lambda v: pd.Series(v, dtype="boolean"), "category"),
    "object of bool": (BOOLEANS, lambda v: pd.Series(v, dtype=object), "category"),
    "arrow bool": (BOOLEANS, lambda v: arrow(v, pa.bool_()), "category"),
    "Sparse[bool]": (
        FULL_BOOLEANS,
        lambda v: pd.Series(v, dtype="Sparse[bool]"),
        "category",
    ),
    "object of bytes": (
        [b"a", None, b"b", b"a"],
        lambda v: pd.Series(v, dtype=object),
        "category",
    ),
    "int64": (FULL_INTEGERS, lambda v: pd.Series(v, dtype="int64"), "number"),
    "int8": (FULL_INTEGERS, lambda v: pd.Series(v, dtype="int8"), "number"),
    "Int64": (INTEGERS, lambda v: pd.Series(v, dtype="Int64"), "number"),
    "Float64": (FLOATS, lambda v: pd.Series(v, dtype="Float64"), "number"),
    "float64": (FLOATS, lambda v: pd.Series(dense(v)), "number"),
    "float32": (FLOATS, lambda v: pd.Series(dense(v), dtype="float32"), "number"),
    "arrow int": (INTEGERS, lambda v: arrow(v, pa.int64()), "number"),
    "arrow float": (FLOATS, lambda v: arrow(v, pa.float64()), "number"),
    "arrow decimal": (
        [decimal.Decimal("0.50"), None, decimal.Decimal("2.25")],
        lambda v: arrow(v, pa.decimal128(10, 2)),
        "number",
    ),
    "object of numbers": (
        [1, 2.5, None, decimal.Decimal("0.5"), fractions.Fraction(1, 4)],
        lambda v: pd.Series(v, dtype=object),
        "number",
    ),
    "Sparse[float]": (
        FLOATS,
        lambda v: pd.Series(dense(v), dtype="Sparse[float]"),
        "number",
    ),
    "Sparse[int]": (
        FULL_INTEGERS,
        lambda v: pd.Series(v, dtype="Sparse[int]"),
        "number",
    ),
    "numpy float": (FLOATS, lambda v: np.array(dense(v)), "number"),
    "numpy int": (FULL_INTEGERS, np.array, "number"),
    "numpy uint64": (
        [0, 2**64 - 1, 2**64 - 2],
        lambda v: np.array(v, dtype=np.uint64),
        "number",
    ),
    "numpy bool": (FULL_BOOLEANS, np.array, "category"),
    "numpy U": (FULL_STRINGS, np.array, "category"),
    "numpy S": ([b"x", b"yy", b"x"], np.array, "category"),
    "numpy object of strings": (
        STRINGS,
        lambda v: np.array(v, dtype=object),
        "category",
    ),
    "numpy object mixed": (
        ["a", 3, None, 2.5, True, "3"],
        lambda v: np.array(v, dtype=object),
        "category",
    ),
}
if hasattr(np.dtypes, "StringDType"):  # numpy 2
    COLUMNS["numpy StringDType"] = (
        STRINGS,
        lambda v: np.array(v, dtype=np.dtypes.StringDType(na_object=None)),
        "category",
    )
BYTES = [b"a", None, b"b", b"a", b""]
HALVES = [decimal.Decimal("0.50"), None, decimal.Decimal("2.25")]
LARGE = [2**64 - 1, None, 2**63, 2**64 - 2, 3]  # beyond int64
TINY = [0.5, None, -1.0, 0.5, 7.0, 0.0, -0.0]
ENUM = pl.Enum(["nan", "a", "", "b"])

# The same in the types of polars and arrow: name, cells, how it is made, its kind.
BRIDGED = [
    ("polars String", STRINGS, of_polars(), "category"),
    ("polars Categorical", STRINGS, of_polars(pl.Categorical), "category"),
    ("polars Enum", STRINGS, of_polars(ENUM), "category"),
    ("polars Boolean", BOOLEANS, of_polars(), "category"),
    ("polars Binary", BYTES, of_polars(), "category"),
    ("polars Int64", INTEGERS, of_polars(), "number"),
    ("polars Int8", INTEGERS, of_polars(pl.Int8), "number"),
    ("polars Int128", [2**80, None, -1], of_polars(pl.Int128), "number"),
    ("polars UInt16", [3, None, 2**16 - 1], of_polars(pl.UInt16), "number"),
    ("polars UInt64", LARGE, of_polars(pl.UInt64), "number"),
    ("polars Float64", TINY, of_polars(), "number"),
    ("polars Float32", FLOATS, of_polars(pl.Float32), "number"),
    ("polars Decimal", HALVES, of_polars(pl.Decimal(10, 2)), "number"),
    ("polars Object", ["a", 3, None, True], of_polars(pl.Object), "category"),
    ("pyarrow string", STRINGS, of_arrow(), "category"),
    ("pyarrow large_string", STRINGS, of_arrow(pa.large_string()), "category"),
    ("pyarrow bool", BOOLEANS, of_arrow(), "category"),
    ("pyarrow binary", BYTES, of_arrow(), "category"),
    ("pyarrow large_binary", BYTES, of_arrow(pa.large_binary()), "category"),
    ("pyarrow int64", INTEGERS, of_arrow(), "number"),
    ("pyarrow int8", INTEGERS, of_arrow(pa.int8()), "number"),
    ("pyarrow uint64", LARGE, of_arrow(pa.uint64()), "number"),
    ("pyarrow double", TINY, of_arrow(), "number"),
    ("pyarrow float", FLOATS, of_arrow(pa.float32()), "number"),
    ("pyarrow decimal128", HALVES, of_arrow(pa.decimal128(10, 2)), "number"),
    ("pyarrow decimal256", HALVES, of_arrow(pa.decimal256(40, 2)), "number"),
    ("pyarrow dictionary", STRINGS, in_chunks, "category"),
    ("pyarrow dictionary of int", INTEGERS, in_chunks, "category"),
]
COLUMNS |= {name: case for name, *case in BRIDGED}
CASES = pytest.mark.parametrize(
    ("cells", "make", "kind"), COLUMNS.values(), ids=COLUMNS
)


def read(column):
    """Return the column's cells as `factorize` understands them, None if missing."""
    codes, levels = factorize(column, "c")
    assert len(codes) == len(column)
    assert codes.dtype.kind == "i"
    return [None if code < 0 else levels[code] for code in codes]


BIG = [2**53, 2**53 + 1, 2**53 + 2, 2**53 + 3]


def objects(cells):
    """Return an object array of one dimension, whatever the cells are."""
    array = np.empty(len(cells), dtype=object)
    for i, cell in enumerate(cells):
        array[i] = cell
    return array
