"""Tests of cells of several levels -> flat codes, against plain Python."""

import datetime
import re
from collections import OrderedDict
from decimal import Decimal
from types import MappingProxyType

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from helpers.columns import objects
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_dcn._table.reading.lists import split_lists
from sklearn_dcn._table.reading.tables import (
    SHORT_TABLE,
    check_table,
    get_cells,
    get_columns,
)

NAN = float("nan")


def arrow(cells, pa_type=None):
    """Return an arrow-backed Series."""
    chunks = pa.chunked_array([pa.array(cells, type=pa_type)])
    return pd.Series(pd.arrays.ArrowExtensionArray(chunks))


def read(column, separator=None):
    """Return the rows as lists of levels, None where missing, and of weights."""
    lists = split_lists(column, "c", separator)
    assert lists.offsets[0] == 0
    assert lists.offsets[-1] == len(lists.codes)
    assert (np.diff(lists.offsets) >= 0).all()
    assert len(set(lists.levels)) == len(lists.levels)
    levels = [*lists.levels, None]
    entries = [levels[code] for code in lists.codes]
    spans = list(zip(lists.offsets[:-1], lists.offsets[1:], strict=True))
    rows = [entries[a:b] for a, b in spans]
    if lists.weight is None:
        return rows, None
    assert len(lists.weight) == len(entries)
    return rows, [lists.weight[a:b].tolist() for a, b in spans]


def rows_of(column, separator=None):
    """Return the rows of a column of which none is a mapping."""
    rows, weights = read(column, separator)
    assert weights is None
    return rows


# ----------------------------------------------------------------------------------
# Kinds of cells
# ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "levels"),
    [
        (["a", "b", "a"], ["a", "b", "a"]),
        (("b", "a"), ["b", "a"]),
        ({"a"}, ["a"]),
        (frozenset({7}), [7]),
        (np.array(["a", "b"]), ["a", "b"]),
        (np.array([7, 2**53 + 1]), [7, 2**53 + 1]),
        (np.array(["a", 7, None], dtype=object), ["a", 7, None]),
        (np.array([0.5, np.nan]), [0.5, None]),
        ([], []),
        ((), []),
        (set(), []),
        (np.array([]), []),
        (["a", None, NAN, pd.NA, pd.NaT], ["a", None, None, None, None]),
        ([""], [""]),
        (["a|b", " c "], ["a|b", " c "]),  # levels of a list are not split
        ([True, 1.0, 1, np.int64(1)], [True, True, True, True]),
        ([7, "7", b"7", 7.5], [7, "7", b"7", 7.5]),
        ([2**53, 2**53 + 1, 2**64 - 1], [2**53, 2**53 + 1, 2**64 - 1]),
        (None, [None]),
        (NAN, [None]),
        (np.float32("nan"), [None]),
        (Decimal("NaN"), [None]),
        (pd.NA, [None]),
        (pd.NaT, [None]),
        ([None], [None]),
        (" a | b||c ", ["a", "b", "c"]),
        ("a", ["a"]),
        ("a|a", ["a", "a"]),
        ("", []),
        (" | |", []),
        ("New York | x\t", ["New York", "x"]),
        (np.str_("a|b"), ["a", "b"]),
    ],
    ids=repr,
)
@pytest.mark.parametrize("n", [1, SHORT_TABLE + 1])
def test_one_cell(cell, levels, n):
    """Every kind of cell, alone and beside one of another kind."""
    for column in ([cell] * n, objects([cell] * n)):
        assert rows_of(column, "|") == [levels] * n
    beside = [["z"], cell, "y|z", None]
    for column in (beside, objects(beside), pd.Series(beside, dtype=object)):
        assert rows_of(column, "|") == [["z"], levels, ["y", "z"], [None]]


@pytest.mark.parametrize("separator", ["|", ",", " ", ", ", "--", "é", "."])
def test_separators(separator):
    """A separator of any length is text, no pattern; empty parts are none."""
    cells = [
        separator.join(["a", "b b", "", "c"]),
        separator,
        "a",
        separator * 3 + "b",
        None,
    ]
    expected = [
        [part.strip() for part in cell.split(separator) if part.strip()]
        if cell is not None
        else [None]
        for cell in cells
    ]
    for column in (cells, objects(cells), pd.Series(cells)):
        assert rows_of(column, separator) == expected


@pytest.mark.parametrize(
    "mapping",
    [dict, OrderedDict, lambda pairs: MappingProxyType(dict(pairs)), list],
    ids=["dict", "OrderedDict", "proxy", "pairs, as arrow gives them"],
)
def test_mappings(mapping):
    """The values of a mapping are weights, of any sign; other cells weigh 1."""
    cells = [
        mapping([("a", 2), ("b", -0.5)]),
        ["a", "c"],
        mapping([("c", 0.0), (None, 3)]),
        None,
        mapping([]),
        "x|y",
        mapping([("a", Decimal("1.5")), (7, np.float32(0.25)), ("b", True)]),
    ]
    for column in (cells, objects(cells)):
        rows, weights = read(column, "|")
        assert rows == [
            ["a", "b"], ["a", "c"], ["c", None], [None], [], ["x", "y"], ["a", 7, "b"],
        ]  # fmt: skip
        assert weights == [[2, -0.5], [1, 1], [0, 3], [1], [], [1, 1], [1.5, 0.25, 1]]


# ----------------------------------------------------------------------------------
# Kinds of columns
# ----------------------------------------------------------------------------------

LISTS = [["a", "b"], None, [], ["b"], ["a", None, "a"], [""]]
STRINGS = ["a|b", None, "", "b", " a ||c|", "a|b", "|"]
SPLIT = [["a", "b"], [None], [], ["b"], ["a", "c"], ["a", "b"], []]
NUMBERS = [[2**53, 2**53 + 1], None, [], [-7]]
MAPS = [[("a", 1.0)], None, [], [("b", 2.0), ("a", -1.0)], [("c", 0.0)]]


def polars(cells, dtype=None):
    """Return the column as a table of polars is read."""
    X = pl.DataFrame({"c": pl.Series(cells, dtype=dtype)})
    return get_columns(check_table(X))[0]


def arrow_table(cells, pa_type=None):
    """Return the column as a table of arrow is read."""
    X = pa.table({"c": pa.array(cells, type=pa_type)})
    return get_columns(check_table(X))[0]


OF_LISTS = {
    "numpy": objects,
    "pandas": lambda cells: pd.Series(objects(cells)),
    "pandas of tuples": lambda cells: pd.Series(
        objects([cell if cell is None else tuple(cell) for cell in cells])
    ),
    "pandas of arrays": lambda cells: pd.Series(
        objects([cell if cell is None else objects(cell) for cell in cells])
    ),
    "pandas, NaN": lambda cells: pd.Series(
        objects([NAN if cell is None else cell for cell in cells])
    ),
    "pandas, arrow": arrow,
    "polars": polars,
    "arrow": arrow_table,
    "list": list,
}


@pytest.mark.parametrize("make", OF_LISTS.values(), ids=OF_LISTS)
@pytest.mark.parametrize("cells", [LISTS, NUMBERS], ids=["text", "ids"])
def test_columns_of_lists(make, cells):
    """Lists are the same in every kind of table; integers are not rounded."""
    assert rows_of(make(cells)) == [[None] if cell is None else cell for cell in cells]
    assert rows_of(make(cells * 50)) == rows_of(make(cells)) * 50


@pytest.mark.parametrize(
    "column",
    [
        polars([["a", "b"], None, ["b", None]], pl.List(pl.Categorical)),
        polars([["a", "b"], None, ["b", None]], pl.List(pl.Enum(["b", "a"]))),
        polars([["a", "b"], None, ["b", None]], pl.Array(pl.String, 2)),
        arrow_table([["a", "b"], None, ["b", None]], pa.large_list(pa.string())),
        arrow_table([["a", "b"], None, ["b", None]], pa.list_(pa.string(), 2)),
        arrow([["a", "b"], None, ["b", None]], pa.large_list(pa.large_string())),
        arrow([["a", "b"], None, ["b", None]], pa.list_(pa.string(), 2)),
    ],
    ids=lambda column: str(column.dtype),
)
def test_other_types_of_lists(column):
    """Lists of categories, and of one length."""
    assert rows_of(column) == [["a", "b"], [None], ["b", None]]


OF_STRINGS = {
    "numpy": objects,
    "pandas": lambda cells: pd.Series(cells, dtype=object),
    "pandas str": lambda cells: pd.Series(cells, dtype="str"),
    "pandas string": lambda cells: pd.Series(cells, dtype="string"),
    "pandas category": lambda cells: pd.Series(cells, dtype="category"),
    "pandas, arrow": lambda cells: arrow(cells, pa.string()),
    "polars": polars,
    "polars Categorical": lambda cells: polars(cells, pl.Categorical),
    "polars Enum": lambda cells: polars(
        cells, pl.Enum(sorted({cell for cell in cells if cell is not None} | {"z|z"}))
    ),
    "arrow": arrow_table,
    "arrow large_string": lambda cells: arrow_table(cells, pa.large_string()),
    "arrow dictionary": lambda cells: arrow_table(
        pa.array(cells).dictionary_encode().to_pylist(),
        pa.dictionary(pa.int8(), pa.string()),
    ),
    "list": list,
}


@pytest.mark.parametrize("make", OF_STRINGS.values(), ids=OF_STRINGS)
def test_columns_of_strings(make):
    """Separated strings are split the same in every kind of table."""
    assert rows_of(make(STRINGS), "|") == SPLIT
    assert rows_of(make(STRINGS * 50), "|") == SPLIT * 50
    assert rows_of(make(STRINGS[::-1]), "|") == SPLIT[::-1]


def test_array_of_strings():
    """An array of NumPy's own strings has no missing cell."""
    cells = [cell for cell in STRINGS if cell is not None]
    assert rows_of(np.array(cells), "|") == [row for row in SPLIT if row != [None]]


MAP = pa.map_(pa.string(), pa.float64())


@pytest.mark.parametrize(
    "X",
    [
        pa.table({"c": pa.array(MAPS, type=MAP)}),
        pd.DataFrame({"c": arrow(MAPS, MAP)}),
        pd.DataFrame(
            {"c": objects([cell if cell is None else dict(cell) for cell in MAPS])}
        ),
        pl.DataFrame(
            {
                "c": pl.Series(
                    [cell if cell is None else dict(cell) for cell in MAPS],
                    dtype=pl.Object,
                )
            }
        ),
    ],
    ids=["arrow", "pandas, arrow", "pandas", "polars"],
)
def test_columns_of_maps(X):
    """Mappings are the same in every kind of table, whole and cell by cell."""
    rows = [["a"], [None], [], ["b", "a"], ["c"]]
    weights = [[1], [1], [], [2, -1], [0]]
    X = check_table(X)
    assert read(get_columns(X)[0]) == (rows, weights)
    cells = get_cells(X)
    if cells is not None:
        assert read(cells[0]) == (rows, weights)


@pytest.mark.parametrize(
    "column",
    [
        objects([None] * 3),
        objects([NAN] * 3),
        [None] * 3,
        np.full(3, np.nan),
        pd.Series([None] * 3, dtype="str"),
        pd.Series([None] * 3, dtype="category"),
        pd.Series([NAN] * 3),
        arrow([None] * 3),
        arrow([None] * 3, pa.list_(pa.string())),
        polars([None] * 3),
        polars([None] * 3, pl.String),
        polars([None] * 3, pl.List(pl.String)),
        arrow_table([None] * 3),
        arrow_table([None] * 3, pa.string()),
    ],
    ids=lambda column: f"{type(column).__name__} {getattr(column, 'dtype', '')}",
)
@pytest.mark.parametrize("separator", [None, "|"])
def test_all_missing(column, separator):
    """A column all missing is so in any type, also with no separator."""
    assert rows_of(column, separator) == [[None]] * 3


def test_nothing_is_truncated():
    """Ten thousand tags in a cell are ten thousand entries."""
    tags = [f"t{k}" for k in range(10_000)]
    for kind in (list, tuple, np.array, objects):
        cells = [kind(tags), kind(["t3"])]
        for column in (cells, objects(cells), pd.Series(objects(cells))):
            assert rows_of(column) == [tags, ["t3"]]
    for make in (polars, arrow, arrow_table):
        assert rows_of(make([tags, ["t3"]])) == [tags, ["t3"]]
    text = objects(["|".join(tags), "t3"])
    assert rows_of(text, "|") == [tags, ["t3"]]
    assert read([dict.fromkeys(tags, 2.0)]) == ([tags], [[2.0] * 10_000])


TAG = st.text(st.sampled_from("ab| ,"), max_size=3)
LEVEL = st.one_of(TAG, st.none(), st.integers(-(2**64), 2**64))
WEIGHT = st.one_of(st.integers(-3, 3), st.floats(-1e9, 1e9))
CELL = st.one_of(
    st.none(),
    TAG,
    st.lists(LEVEL, max_size=4),
    st.lists(LEVEL, max_size=4).map(tuple),
    st.lists(LEVEL, max_size=4).map(objects),
    st.dictionaries(LEVEL, WEIGHT, max_size=3),
)


def oracle(cells, separator):
    """Return rows and weights by the rules of the docstring, cell by cell."""
    rows, weights = [], []
    for cell in cells:
        if cell is None:
            row = [None]
        elif isinstance(cell, str):
            row = [part.strip() for part in cell.split(separator) if part.strip()]
        else:
            row = list(cell)
        rows.append(row)
        is_dict = isinstance(cell, dict)
        weights.append(list(cell.values()) if is_dict else [1.0] * len(row))
    return rows, weights if any(isinstance(cell, dict) for cell in cells) else None


@settings(derandomize=True, deadline=None, max_examples=100)
@given(
    st.one_of(st.lists(CELL, max_size=12), st.lists(st.none() | TAG, max_size=12)),
    st.sampled_from(["|", ", ", "a"]),
)
def test_any_cells(cells, separator):
    """Any mixture of cells is read as by plain Python."""
    expected = oracle(cells, separator)
    assert read(cells, separator) == expected
    assert read(objects(cells), separator) == expected
    if cells:
        series = pd.Series(objects(cells))
        assert read(series, separator) == expected


# ----------------------------------------------------------------------------------
# Refused cells
# ----------------------------------------------------------------------------------


def sources(cell):
    """Yield columns with a cell: one that is short, and longer ones."""
    yield [["a"], cell]
    yield objects([["a"], cell] * SHORT_TABLE)
    yield pd.Series(objects([["a"], None, cell]))


@pytest.mark.parametrize("cell", [7, 7.5, True, np.int64(3), b"a|b", range(3)], ids=str)
def test_single_values(cell):
    """A number is no list; the error says what may be."""
    message = (
        r"^Column 'c' is in multivalued_features, so a cell must be a list, .* got "
        rf"{type(cell).__name__} {re.escape(repr(cell))}\. Take it out of"
    )
    for column in sources(cell):
        for separator in (None, "|"):
            with pytest.raises(TypeError, match=message):
                split_lists(column, "c", separator)


@pytest.mark.parametrize(
    "column", [np.array([7, 8]), pd.Series([True, False]), polars([0.5, 1.5])], ids=str
)
def test_columns_of_single_values(column):
    """Nor is a column of numbers one of lists."""
    with pytest.raises(TypeError, match=r"^Column 'c' is in .* must be a list"):
        split_lists(column, "c", None)


def test_strings_without_a_separator():
    """The error names the parameter that is lacking."""
    message = (
        r"^Column 'c' is in multivalued_features and holds the string 'a\|b', but no "
        r"separator is given\. Name it, e\.g\. multivalued_features=\{'c': '\|'\}\."
    )
    for column in (*sources("a|b"), pd.Series(["a|b"]), polars(["a|b"])):
        with pytest.raises(TypeError, match=message):
            split_lists(column, "c", None)


@pytest.mark.parametrize(
    ("cell", "what"),
    [
        ([["a"]], "list"),
        ([("a", "b", "c")], "tuple"),
        ([{"a": 1}], "dict"),
        ([datetime.date(2020, 1, 1)], "date"),
        (np.array(["2020-01-01"], dtype="datetime64[D]"), "date"),
        (np.array([["a", "b"]]), "list"),
        ([1j], "complex"),
        ({("a", "b"): 1.0}, "tuple"),
        ([object()], "object"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_nested_cells(cell, what):
    """What is no level is named, one level down."""
    for column in sources(cell):
        with pytest.raises(TypeError, match=rf"^Column 'c' holds {what}, but each"):
            split_lists(column, "c", "|")


@pytest.mark.parametrize(
    "weight", [None, NAN, float("inf"), "x", "1.5", pd.NA, 1j, 10**400, [1]], ids=str
)
def test_wrong_weights(weight):
    """A weight that is no finite number is named with its column."""
    message = (
        r"^Column 'c': the weights of a cell's levels must be finite numbers; got "
        rf"{re.escape(repr(weight))}\."
    )
    for column in sources({"a": 1.0, "b": weight}):
        with pytest.raises(ValueError, match=message):
            split_lists(column, "c", None)


def test_columns_stay_as_they_are():
    """Reading does not change the caller's cells."""
    cells = [["a", "b"], {"a": 2.0}, np.array(["x"]), "a|b"]
    column = objects(cells)
    split_lists(column, "c", "|")
    assert column.tolist() == cells
    assert cells[:2] == [["a", "b"], {"a": 2.0}]
    assert [type(cell) for cell in column] == [list, dict, np.ndarray, str]


@pytest.mark.parametrize("n", [3, 300])
def test_mappings_of_polars(n):
    """Polars gives every mapping the keys of all, with null for those it has not."""
    import pandas as pd
    import polars as pl

    from sklearn_dcn import DCNClassifier

    cells = [{"a": 1.0, "b": 0.5, "c": 0.1}, {"b": 2.0}, {"c": 0.25}] * 100
    X, y = pd.DataFrame({"tags": cells, "x": range(300)}), [0, 1] * 150
    model = DCNClassifier(
        multivalued_features=["tags"], max_epochs=1, random_state=0, dtype="float64"
    ).fit(X, y)
    frame = pl.DataFrame({"tags": cells[:n], "x": range(n)})
    assert frame.schema["tags"] == pl.Struct(dict.fromkeys("abc", pl.Float64))
    np.testing.assert_allclose(
        model.predict_proba(frame), model.predict_proba(X[:n]), rtol=1e-12
    )
