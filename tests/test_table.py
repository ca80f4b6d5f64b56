"""Tests of the reading of tables: kinds, cells and refusals, whatever the dtype."""

import datetime
import decimal
import fractions
import re

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse

from sklearn_dcn._table import (
    SHORT_TABLE,
    check_table,
    column_kind,
    describe,
    factorize,
    get_columns,
    level_family,
    to_float,
)

LONG = 2 * SHORT_TABLE
NAN = float("nan")


def arrow(values, pa_type):
    """Return an arrow-backed Series."""
    return pd.Series(values, dtype=pd.ArrowDtype(pa_type))


def dictionary(values):
    """Return an arrow dictionary Series; its chunk keeps the order of the values."""
    chunk = pa.chunked_array([pa.array(values).dictionary_encode()])
    return pd.Series(pd.arrays.ArrowExtensionArray(chunk))


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
CASES = pytest.mark.parametrize(
    ("cells", "make", "kind"), COLUMNS.values(), ids=COLUMNS
)


def read(column):
    """Return the column's cells as `factorize` understands them, None if missing."""
    codes, levels = factorize(column, "c")
    assert len(codes) == len(column)
    return [None if code < 0 else levels[code] for code in codes]


# ----------------------------------------------------------------------------------
# Kinds and cells
# ----------------------------------------------------------------------------------


@CASES
def test_kind(cells, make, kind):
    """The kind follows from the dtype, and for objects from the cells."""
    assert column_kind(make(cells), "c") == kind


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


@pytest.mark.parametrize("repeats", [1, LONG])
@pytest.mark.parametrize("make", [pd.Series, np.asarray], ids=["pandas", "numpy"])
def test_equal_numbers_are_one_level(make, repeats):
    """7, 7.0, np.int64(7) and Decimal(7) are one level; "7" and 7.5 are others."""
    cells = [7, 7.0, np.int64(7), np.float32(7), decimal.Decimal(7), "7", 7.5]
    codes, levels = factorize(make(np.array(cells * repeats, dtype=object)), "c")
    assert codes.tolist() == [0, 0, 0, 0, 0, 1, 2] * repeats
    assert levels == [7, "7", 7.5]


BIG = [2**53, 2**53 + 1, 2**53 + 2, 2**53 + 3]


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
    ],
    ids=["numpy", "pandas", "np object", "pd object", "Int64", "category", "arrow"],
)
def test_large_integers_stay_apart(make, repeats):
    """Ids beyond 2**53, which a float cannot tell apart, are levels of their own."""
    assert read(make(BIG * repeats)) == BIG * repeats


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
        (lambda n: np.full(n, None), "number"),
        (lambda n: pd.Series([pd.NA] * n, dtype=object), "number"),
        (lambda n: pd.Series([pd.NA] * n, dtype="Int64"), "number"),
        (lambda n: arrow([None] * n, pa.null()), "number"),
        (lambda n: pd.Series([None] * n, dtype="string"), "category"),
        (lambda n: pd.Series([None] * n, dtype="category"), "category"),
    ],
)
def test_all_missing_columns(make, kind, n):
    """A column of missing cells has a kind, no level, and NaN for numbers."""
    column = make(n)
    assert column_kind(column, "c") == kind
    codes, levels = factorize(column, "c")
    assert (codes.tolist(), levels) == ([-1] * n, [])
    assert np.isnan(to_float(column, "c")).all()


def test_boundary_of_short_columns():
    """64 cells, the last short column, and 65, the first long one, agree."""
    rng = np.random.default_rng(0)
    cells = [
        None if i % 7 == 0 else f"v{k}" for i, k in enumerate(rng.integers(9, size=65))
    ]
    for make in (pd.Series, lambda v: np.array(v, dtype=object)):
        for n in (SHORT_TABLE, SHORT_TABLE + 1):
            assert read(make(cells[:n])) == cells[:n]


# ----------------------------------------------------------------------------------
# Cells that are refused
# ----------------------------------------------------------------------------------

DAY = datetime.datetime(2024, 2, 29)
DATE_REMEDY = r".*\.dt\.year, \.dt\.dayofweek and \.dt\.hour"
DURATION_REMEDY = r".*\.dt\.total_seconds\(\)"
OTHER_REMEDY = r".*Drop the column or turn its cells into strings or numbers\."


def objects(cell):
    """Return an object Series of one kind of cell and a missing one."""
    column = pd.Series([None, None], dtype=object)
    column.iloc[0] = cell
    return column


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
    "period": (lambda: pd.Series(pd.period_range("2024", periods=2)), DATE_REMEDY),
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
    "dict": (lambda: objects({"a": 1}), OTHER_REMEDY),
    "list": (lambda: objects([1, 2]), OTHER_REMEDY),
    "set": (lambda: objects({1}), OTHER_REMEDY),
    "frozenset": (lambda: objects(frozenset([1])), OTHER_REMEDY),
    "tuple": (lambda: pd.Series([(1, 2), None]), OTHER_REMEDY),
    "array": (lambda: pd.Series([np.zeros(2), None]), OTHER_REMEDY),
    "complex cell": (lambda: objects(1j), OTHER_REMEDY),
    "object": (lambda: objects(object()), OTHER_REMEDY),
    "arrow list": (lambda: arrow([[1]], pa.list_(pa.int64())), OTHER_REMEDY),
    "arrow struct": (
        lambda: arrow([{"a": 1}], pa.struct([("a", pa.int64())])),
        OTHER_REMEDY,
    ),
}


@pytest.mark.parametrize("n", [1, LONG], ids=["short", "long"])
@pytest.mark.parametrize(("make", "remedy"), REFUSED.values(), ids=REFUSED)
def test_refused_cells(make, remedy, n):
    """Other cells raise a TypeError of column and remedy, however they are read."""
    column = make()
    if n > 1:
        repeated = [column] * n
        column = (
            pd.concat(repeated, ignore_index=True)
            if isinstance(column, pd.Series)
            else np.concatenate(repeated)
        )
    message = r"^Column 'when' holds .*must be a string or a number" + remedy
    for reader in (column_kind, factorize, to_float):
        if reader is column_kind and str(column.dtype) == "category":
            continue  # its levels are looked at by `factorize`
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


def test_integers_beyond_floats():
    """An integer too large for a float counts as infinite, with the column named."""
    with pytest.raises(ValueError, match=r"^Column 'id' contains infinity .*row 1"):
        to_float(pd.Series([1, 10**400], dtype=object), "id")


# ----------------------------------------------------------------------------------
# Tables
# ----------------------------------------------------------------------------------


def test_lists_of_rows_keep_numbers_and_strings():
    """Numbers among strings in a list of rows stay numbers, column by column."""
    X = check_table([["a", 1, 2.5, True], ["b", 2, None, False], ["a", 3, 0.5, True]])
    assert X.dtype == object
    kinds = [column_kind(column, j) for j, column in enumerate(get_columns(X))]
    assert kinds == ["category", "number", "number", "category"]
    np.testing.assert_array_equal(to_float(X[:, 2], 2), [2.5, NAN, 0.5])


def test_lists_of_numbers():
    """A list of rows of numbers is a numeric array, tuples alike."""
    for rows in ([[1, 2.5], [3, 4]], ((1, 2.5), (3, 4))):
        X = check_table(rows)
        assert X.dtype == np.float64
        assert X.tolist() == [[1.0, 2.5], [3.0, 4.0]]


@pytest.mark.parametrize("dtype", ["float32", "int16", "bool", "<U3", object])
def test_arrays_keep_their_dtype(dtype):
    """Arrays come back with the same dtype and values."""
    X = np.array([[0, 1], [1, 0]]).astype(dtype)
    checked = check_table(X)
    assert checked.dtype == X.dtype
    assert checked.tolist() == X.tolist()


def test_frames_pass_unchanged():
    """A frame is not copied or converted; its columns come in order."""
    frame = pd.DataFrame({"b": [1, 2], "a": ["x", None], 7: [0.5, 1.5]})
    assert check_table(frame) is frame
    assert [column.name for column in get_columns(frame)] == ["b", "a", 7]


@pytest.mark.parametrize(
    ("X", "remedy"),
    [
        (pl.DataFrame({"a": [1, 2]}), r"polars.*X\.to_pandas\(\)"),
        (pa.table({"a": [1, 2]}), r"pyarrow.*X\.to_pandas\(\)"),
        (pa.RecordBatch.from_pydict({"a": [1, 2]}), r"pyarrow.*X\.to_pandas\(\)"),
        (scipy.sparse.csr_matrix(np.eye(2)), "(?i)sparse data was passed.*toarray"),
        (scipy.sparse.coo_array(np.eye(2)), "(?i)sparse data was passed.*toarray"),
        (
            np.array([(1, 2.0)], dtype=[("a", int), ("b", float)]),
            r"structured array.*pandas\.DataFrame\(X\)",
        ),
    ],
    ids=["polars", "arrow table", "arrow batch", "csr", "coo", "structured"],
)
def test_refused_tables(X, remedy):
    """Tables of other kinds are a TypeError that tells how to convert them."""
    with pytest.raises(TypeError, match=remedy):
        check_table(X)


def test_the_remedy_works():
    """What the errors advise gives a table that is taken."""
    for X in (pl.DataFrame({"a": [1, 2]}), pa.table({"a": [1, 2]})):
        frame = check_table(X.to_pandas())
        assert to_float(frame["a"], "a").tolist() == [1.0, 2.0]
    structured = np.array([(1, 2.0)], dtype=[("a", int), ("b", float)])
    assert list(check_table(pd.DataFrame(structured))) == ["a", "b"]


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.ones(3), "Expected 2D array, got 1D array"),
        (np.ones((2, 2, 2)), "Found array with dim 3"),
        (5, "Expected 2D array, got scalar"),
        (np.empty((0, 2)), r"0 sample\(s\)"),
        (np.empty((2, 0)), r"0 feature\(s\)"),
        (pd.DataFrame({"a": []}), r"Found array with 0 sample\(s\) \(shape=\(0, 1\)\)"),
        (
            pd.DataFrame(index=[0, 1]),
            r"Found array with 0 feature\(s\) \(shape=\(2, 0\)\)",
        ),
        (np.ones((2, 2)) * 1j, "Complex data not supported"),
        (pd.Series([1.0, 2.0]), "Expected a 2-dimensional container"),
    ],
    ids=str,
)
def test_wrong_shapes(X, message):
    """Wrong dimensions, empty and complex tables are scikit-learn's ValueErrors."""
    with pytest.raises(ValueError, match=message):
        check_table(X)


@pytest.mark.parametrize("names", [["a", "b", "a"], [1, 2, 1], ["a", "a", "a"]])
def test_duplicate_names(names):
    """A name that occurs twice is named, with a remedy."""
    frame = pd.DataFrame(np.eye(3), columns=names)
    message = re.escape(repr(names[0])) + r" occurs more than once.*set_axis"
    with pytest.raises(ValueError, match=message):
        check_table(frame)


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
