"""Tests of the reading of columns: kinds, cells and refusals, whatever the dtype."""

import datetime
import decimal
import fractions

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from sklearn_dcn._table.reading.columns import (
    IdColumn,
    cells_of,
    describe,
    dtype_name,
    is_boolean,
    is_bridged,
    level_family,
)
from sklearn_dcn._table.reading.factorize import factorize
from sklearn_dcn._table.reading.floats import to_float, unwrap_nullable
from sklearn_dcn._table.reading.kinds import column_kind
from sklearn_dcn._table.reading.lists import split_lists
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
        (lambda n: of_polars(pl.Null)([None] * n), "number"),
        (lambda n: of_polars(pl.Int64)([None] * n), "number"),
        (lambda n: of_polars(pl.Float64)([None, NAN][:n] * (n // 2 or 1)), "number"),
        (lambda n: of_polars(pl.String)([None] * n), "category"),
        (lambda n: of_polars(pl.Categorical)([None] * n), "category"),
        (lambda n: of_arrow(pa.null())([None] * n), "number"),
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
    """A map is a column of weighted levels where it is asked for, else refused."""
    column = make([[("b", 1.0), ("a", 0.5)], None, [("b", 2.0)]])
    with pytest.raises(TypeError, match="^Column 'c' holds (dict|map).*" + LIST_REMEDY):
        column_kind(column, "c")
    lists = split_lists(column, "c", None)
    assert lists.codes.tolist() == [0, 1, -1, 0]
    assert lists.levels == ["b", "a"]
    assert lists.offsets.tolist() == [0, 2, 3, 4]
    assert lists.weight.tolist() == [1.0, 0.5, 1.0, 2.0]


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

DAY = datetime.datetime(2024, 2, 29)
DATE_REMEDY = r".*\.dt\.year, \.dt\.dayofweek and \.dt\.hour"
DURATION_REMEDY = r".*\.dt\.total_seconds\(\)"
OTHER_REMEDY = r".*Drop the column or turn its cells into strings or numbers\."
LIST_REMEDY = (
    r".*Drop the column or turn its cells.*, name it in multivalued_features\."
)


def objects(cell):
    """Return an object Series of one kind of cell and a missing one."""
    return pd.Series([cell, None], dtype=object)


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
    "dict": (lambda: objects({"a": 1}), LIST_REMEDY),
    "complex cell": (lambda: objects(1j), OTHER_REMEDY),
    "object": (lambda: objects(object()), OTHER_REMEDY),
    "arrow struct": (
        lambda: arrow([{"a": 1}], pa.struct([("a", pa.int64())])),
        OTHER_REMEDY[:-2],
    ),
    "list beside a string": (lambda: pd.Series([["a"], "b"]), LIST_REMEDY),
    "tuple beside a number": (lambda: pd.Series([("a",), 1]), LIST_REMEDY),
    "arrow map": (
        lambda: arrow([[("a", 1.0)]], pa.map_(pa.string(), pa.float64())),
        LIST_REMEDY,
    ),
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
    "pyarrow map": (
        lambda: of_arrow(pa.map_(pa.string(), pa.float64()))([[("a", 1.0)]]),
        LIST_REMEDY,
    ),
}


@pytest.mark.parametrize("n", [1, LONG], ids=["short", "long"])
@pytest.mark.parametrize(("make", "remedy"), REFUSED.values(), ids=REFUSED)
def test_refused_cells(make, remedy, n):
    """Other cells raise a TypeError of column and remedy, however they are read."""
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
