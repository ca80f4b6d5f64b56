"""Whole tables, long or short: what is taken, as what, and what is not."""

import re

import narwhals.stable.v2 as narwhals
import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse
from helpers.columns import BIG, COLUMNS
from helpers.frames import OF_FRAMES, kinds_of
from helpers.tables import make_mixed
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_dcn import DCNClassifier, DCNRegressor
from sklearn_dcn._table.categories.category_levels import CategoryLevels
from sklearn_dcn._table.reading.columns import is_bridged
from sklearn_dcn._table.reading.encoded_arrays import mark_ids
from sklearn_dcn._table.reading.factorize import factorize_cells
from sklearn_dcn._table.reading.floats import to_float
from sklearn_dcn._table.reading.tables import (
    SHORT_TABLE,
    check_table,
    get_cells,
    get_columns,
    has_columns,
    take_rows,
    to_sparse,
)

NAN = float("nan")


# ----------------------------------------------------------------------------------
# Lists, arrays, frames
# ----------------------------------------------------------------------------------


def test_lists_of_rows_keep_numbers_and_strings():
    """Numbers among strings in a list of rows stay numbers, column by column."""
    X = check_table([["a", 1, 2.5, True], ["b", 2, None, False], ["a", 3, 0.5, True]])
    assert X.dtype == object
    assert kinds_of(X) == ["category", "number", "number", "category"]
    assert_array_equal(to_float(X[:, 2], 2), [2.5, NAN, 0.5])


def test_lists_of_rows_with_lists_in_cells():
    """Lists beside other cells stay lists, of one length or of several."""
    for second in (["b", "c"], ["b"], [], None):
        X = check_table([[["a", "b"], 1], [second, 2]])
        assert X.shape == (2, 2)
        assert X[:, 0].tolist() == [["a", "b"], second]
        assert kinds_of(X) == ["list", "number"]


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


@pytest.mark.parametrize("at", [np.array([2, 0]), np.array([True, False, True])])
def test_rows_of_arrays_and_sparse_matrices(at):
    """So it is for arrays, marked ones and sparse matrices."""
    array = np.arange(6.0).reshape(3, 2)
    assert_array_equal(take_rows(array, at), array[at])
    sparse = take_rows(check_table(scipy.sparse.csr_matrix(array)), at)
    assert_array_equal(sparse.toarray(), array[at])
    marked = take_rows(mark_ids(array % 2, {0: ["x", "y"]}), at)
    assert get_columns(marked)[0].levels == ["x", "y"]


# ----------------------------------------------------------------------------------
# Sparse matrices
# ----------------------------------------------------------------------------------


DENSE = np.array([[0.0, 2.0, 0.0], [1.0, 0.0, -3.0], [0.0, 0.0, 0.0]])


@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "lil", "dok", "dia", "bsr"])
@pytest.mark.parametrize("what", ["matrix", "array"])
def test_sparse_matrices(kind, what):
    """Every format becomes a csr matrix of the same numbers."""
    X = check_table(getattr(scipy.sparse, f"{kind}_{what}")(DENSE))
    assert X.format == "csr"
    assert_array_equal(X.toarray(), DENSE)
    assert to_sparse(X) is X


@pytest.mark.parametrize("dtype", ["float32", "int8", "uint64", "bool"])
def test_sparse_matrices_of_any_number(dtype):
    """Integers and booleans are taken as they are."""
    X = check_table(scipy.sparse.csr_matrix(np.abs(DENSE).astype(dtype)))
    assert_array_equal(X.toarray().astype(float), np.abs(DENSE).astype(dtype))


def test_entries_of_one_place_are_added():
    """Several entries of a place are one, their sum; the caller's matrix stays."""
    parts = ([1.0, 2.0, 4.0], [1, 1, 0], [0, 3])
    sparse = scipy.sparse.csr_matrix(parts, shape=(1, 3))
    X = check_table(sparse)
    assert X.indices.tolist() == [0, 1]
    assert X.data.tolist() == [4.0, 3.0]
    assert sparse.data.tolist() == parts[0]


@OF_FRAMES
def test_tables_of_numbers_as_sparse(frame):
    """A checked table of numbers is a csr matrix; a missing one is refused."""
    X = nw.from_native(check_table(frame))
    assert to_sparse(X[["b"]]).toarray().tolist() == [[1.0], [2.0], [3.0]]
    with pytest.raises(ValueError, match="must hold finite numbers; got infinity or N"):
        to_sparse(X[["b", "c"]])


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (scipy.sparse.csr_matrix([[np.inf, 1.0]]), ValueError, "finite.*e.g. inf"),
        (scipy.sparse.csc_matrix([[1.0, np.nan]]), ValueError, "finite.*e.g. nan"),
        (scipy.sparse.csr_matrix([[1j]]), ValueError, "Complex data not supported"),
        (scipy.sparse.csr_matrix((0, 2)), ValueError, r"0 sample\(s\)"),
        (scipy.sparse.csr_matrix((2, 0)), ValueError, r"0 feature\(s\)"),
        pytest.param(
            scipy.sparse.coo_array(np.ones(3)),
            ValueError,
            "Expected 2D.*1 dimension",
            marks=pytest.mark.skipif(
                scipy.sparse.coo_array(np.ones(3)).ndim == 2, reason="scipy 1.11"
            ),
        ),
    ],
    ids=["inf", "nan", "complex", "rows", "columns", "1-D"],
)
def test_wrong_sparse_matrices(X, error, message):
    """What is no matrix of finite numbers is refused."""
    with pytest.raises(error, match=message):
        check_table(X)


# ----------------------------------------------------------------------------------
# Refused
# ----------------------------------------------------------------------------------


def test_structured_arrays():
    """They are a TypeError with a remedy, which works."""
    structured = np.array([(1, 2.0)], dtype=[("a", int), ("b", float)])
    with pytest.raises(TypeError, match=r"structured array.*pandas\.DataFrame\(X\)"):
        check_table(structured)
    assert list(check_table(pd.DataFrame(structured))) == ["a", "b"]


@pytest.mark.parametrize(
    "X",
    [
        pl.LazyFrame({"a": [1, 2]}),
        nw.from_native(pl.LazyFrame({"a": [1, 2]})),
    ],
    ids=["polars", "narwhals"],
)
def test_frames_that_are_not_in_memory(X):
    """They are a TypeError with a remedy, which works."""
    with pytest.raises(TypeError, match=r"must be in memory; got .*LazyFrame.*collect"):
        check_table(X)
    for estimator in (DCNClassifier(), DCNRegressor()):
        with pytest.raises(TypeError, match="must be in memory"):
            estimator.fit(X, [0, 1])
    assert get_cells(check_table(X.collect())) == [[1, 2]]


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
        (pl.DataFrame({"a": []}), r"0 sample\(s\) \(shape=\(0, 1\)\)"),
        (pl.DataFrame(), r"0 sample\(s\) \(shape=\(0, 0\)\)"),
        (pa.table({"a": pa.array([], pa.int64())}), r"0 sample\(s\)"),
        (np.ones((2, 2)) * 1j, "Complex data not supported"),
        (pd.Series([1.0, 2.0]), "Expected a 2-dimensional container"),
        (pl.Series([1.0, 2.0]), "Expected a 2-dimensional container"),
    ],
    ids=lambda part: type(part).__name__,
)
def test_wrong_shapes(X, message):
    """Wrong dimensions, empty and complex tables are scikit-learn's ValueErrors."""
    with pytest.raises(ValueError, match=message):
        check_table(X)


def arrow_table(values, columns):
    """Return an arrow table, whose names may repeat."""
    return pa.table([*values.T], names=list(columns))


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (pd.DataFrame, ["a", "b", "a"]),
        (pd.DataFrame, [1, 2, 1]),
        (pd.DataFrame, ["a", "a", "a"]),
        (arrow_table, ["a", "b", "a"]),
    ],
)
def test_duplicate_names(make, names):
    """A name that occurs twice is named, with a remedy."""
    frame = make(np.eye(3), columns=names)
    message = rf"(?s)^Column names must be unique.*{names[0]!r} .*Rename the columns"
    with pytest.raises(ValueError, match=message) as raised:
        check_table(frame)
    assert type(raised.value) is ValueError


# Few rows, cell by cell ---------------------------------------------------------------

CASES = pytest.mark.parametrize(
    ("cells", "make", "kind"), COLUMNS.values(), ids=COLUMNS
)
LENGTHS = pytest.mark.parametrize("n", [1, 2, SHORT_TABLE, SHORT_TABLE + 1])

# Cells of a column beside it: none, and one of each kind that pandas may convert.
OTHERS = ({}, {"x": 0.5}, {"x": "x"}, {"x": 3}, {"x": True})


def tables(cells, make, n, other):
    """Yield tables of n rows that start at each of the cells, first column first."""
    long = make(cells * (n // len(cells) + 2))
    for start in range(len(cells) if n < 3 else 1):
        if is_bridged(long):
            values = [narwhals.lit(cell).alias(name) for name, cell in other.items()]
            frame = long[start : start + n].to_frame().with_columns(values)
            yield frame.to_native()
        elif isinstance(long, pd.Series):
            column = long.iloc[start : start + n].reset_index(drop=True)
            yield pd.DataFrame({"c": column, **other})
        else:
            column = long[start : start + n, None]
            if other and column.dtype.kind == "O":
                column = np.hstack([column, np.full((n, 1), other["x"], dtype=object)])
            yield column


def plain(cells):
    """Return the cells with None for each missing one."""
    codes, levels = factorize_cells(cells, "c")
    return [None if code < 0 else levels[code] for code in codes]


@CASES
@LENGTHS
def test_cells_of_every_kind_of_column(cells, make, kind, n):
    """A short table's cells are those that its columns were made of, in their order."""
    for other in OTHERS:
        for start, X in enumerate(tables(cells, make, n, other)):
            columns = get_cells(check_table(X))
            if n > SHORT_TABLE:
                assert columns is None
                continue
            assert len(columns) == X.shape[1]
            assert all(type(column) is list and len(column) == n for column in columns)
            expected = [cells[(start + i) % len(cells)] for i in range(n)]
            got = plain(columns[0])
            assert got == expected
            # True == 1, so the kinds of the cells are looked at as well.
            assert list(map(is_boolean, got)) == list(map(is_boolean, expected))
            if len(columns) == 2:
                assert columns[1] == [other["x"]] * n


def is_boolean(cell):
    """Tell True and False, Python's and NumPy's, from 1 and 0."""
    return isinstance(cell, bool | np.bool_)


@CASES
@LENGTHS
def test_ids_and_floats_equal_those_of_columns(cells, make, kind, n):
    """What is learned from a column finds the same ids, and floats, in its cells."""
    levels = CategoryLevels("c")
    levels.fit_transform(make(cells[:3] * 2), np.ones(2 * len(cells[:3])))
    for X in map(check_table, tables(cells, make, n, {})):
        column = get_columns(X)[0]
        read = (get_cells(X) or [column])[0]
        outcomes = [outcome(levels.transform, c) for c in (column, read)]
        assert_array_equal(*outcomes)
        outcomes = [outcome(to_float, c, "c") for c in (column, read)]
        if kind == "number":
            assert outcomes[0].dtype == outcomes[1].dtype == np.float64
            assert_array_equal(*outcomes)


def outcome(function, *arguments):
    """Return the result, or the class of the error."""
    try:
        return function(*arguments)
    except (TypeError, ValueError) as error:
        return type(error).__name__


def test_long_tables_are_read_by_columns():
    """The boundary is at 64 rows, for frames as for arrays."""
    for make in (pd.DataFrame, pl.DataFrame, pa.table):
        assert get_cells(check_table(make({"c": [1.5] * 64}))) == [[1.5] * 64]
        assert get_cells(check_table(make({"c": [1.5] * 65}))) is None
    assert get_cells(np.full((64, 1), 1.5)) == [[1.5] * 64]
    assert get_cells(np.full((65, 1), 1.5)) is None


# ----------------------------------------------------------------------------------
# Integers beyond 2**53
# ----------------------------------------------------------------------------------


DTYPES = ("int64", "Int64", "uint64", object, "category")
BESIDE = (0.5, np.float32(0.5), pd.NA, True, "a", None)


@pytest.mark.parametrize(
    ("dtype", "beside", "n"),
    [(dtype, beside, n) for dtype in DTYPES for beside in BESIDE for n in (1, 2)]
    + [("int64[pyarrow]", "a", 1), ("int64[pyarrow]", 0.5, 2)]
    + [("int64[pyarrow]", 0.5, 1)],
)
def test_large_integers_beside_others(dtype, beside, n):
    """Ids that a float cannot tell apart stay exact beside columns of any kind."""
    for value in (*BIG, 2**62 + 1):
        X = pd.DataFrame({"id": pd.Series([value] * n, dtype=dtype), "x": [beside] * n})
        assert get_cells(X)[0] == [value] * n
        assert all(isinstance(cell, int | np.integer) for cell in get_cells(X)[0])
        assert get_cells(X[["x", "id"]])[1] == [value] * n


@pytest.mark.parametrize("n", [1, 2])
def test_large_integers_of_other_frames(n):
    """So they stay in polars and arrow, beside columns of any kind."""
    content = {"id": [2**62 + 1, None][:n], "x": [0.5] * n, "s": ["a"] * n}
    for make in (pl.DataFrame, pa.table):
        cells = get_cells(check_table(make(content)))
        assert cells == list(content.values())
        assert [type(column[0]) for column in cells] == [int, float, str]


@pytest.mark.parametrize("n", [1, 2, 64])
def test_structs_are_read_by_columns(n):
    """In a struct null is a key that is absent, which a list of cells can't tell."""
    X = pa.table({"m": [{"a": 1.0, "b": None}] * n, "x": [1.5] * n})
    assert get_cells(check_table(X)) is None
    assert get_cells(check_table(X.select(["x"]))) == [[1.5] * n]


def test_one_row_of_sparse_columns():
    """Sparse columns of different fill values are read without a warning."""
    zeros = pd.Series([3], dtype="Sparse[int]")
    X = pd.DataFrame({"a": zeros, "b": pd.Series([0.5], dtype="Sparse[float]")})
    assert get_cells(X) == [[3], [0.5]]


# ----------------------------------------------------------------------------------
# The shortcut for frames of the right columns
# ----------------------------------------------------------------------------------


def test_has_columns():
    """Only a frame with the names of fit in their order has them."""
    names = np.array(["a", "b"], dtype=object)
    assert has_columns(pd.DataFrame([[1, 2]], columns=["a", "b"]), names)
    for columns in (["b", "a"], ["a"], ["a", "b", "c"], ["a", "c"], [0, 1], []):
        frame = pd.DataFrame([range(len(columns))], columns=columns)
        assert not has_columns(frame, names)
    assert not has_columns(np.ones((1, 2)), names)


@pytest.mark.parametrize("n", [1, 100])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X: X[X.columns[::-1]], "must be in the same order as they were in fit"),
        (
            lambda X: X.drop(columns="price"),
            "seen at fit time, yet now missing:\n- price",
        ),
        (lambda X: X.assign(zip="x"), "unseen at fit time:\n- zip"),
        (
            lambda X: X.rename(columns={"price": "cost"}),
            "unseen at fit time:\n- cost\nFeature names seen at fit time, yet now "
            "missing:\n- price",
        ),
    ],
    ids=["order", "missing", "extra", "renamed"],
)
def test_other_columns_are_scikit_learns_errors(change, message, n):
    """Wrong order, missing, extra and renamed columns raise as in all estimators."""
    X, y = make_mixed(100)
    model = DCNClassifier(max_epochs=1, hidden_layer_sizes=()).fit(X, y)
    model.predict(X.iloc[:n])
    with pytest.raises(ValueError, match=re.escape(message)) as info:
        model.predict(change(X.iloc[:n]))
    assert str(info.value).startswith("The feature names should match those that were")


@pytest.mark.parametrize("n", [1, 100])
def test_tables_without_names_are_counted_and_warned_of(n):
    """Without names scikit-learn's warning and error about their number stay."""
    X, y = make_mixed(100)
    model = DCNClassifier(max_epochs=1, hidden_layer_sizes=()).fit(X, y)
    array = X.to_numpy(dtype=object)[:n]
    with pytest.warns(UserWarning, match="X does not have valid feature names, but"):
        p = model.predict_proba(array)
    assert_allclose(p, model.predict_proba(X)[:n], rtol=1e-10)
    with pytest.warns(UserWarning, match="valid feature names"):
        with pytest.raises(ValueError, match=r"X has 4 features, but .* expecting 5"):
            model.predict(array[:, 1:])
    frame = pd.DataFrame(array)  # its names are numbers, which count as none
    with pytest.warns(UserWarning, match="valid feature names"):
        model.predict(frame)


# Rows ---------------------------------------------------------------------------------


def test_take_rows():
    """Rows are taken by position and by mask, whatever the index of a frame."""
    array = np.arange(12).reshape(4, 3)
    frame = pd.DataFrame(array, index=[3, 3, 0, 1])
    for at in (np.array([2, 0]), np.array([True, False, False, True])):
        np.testing.assert_array_equal(take_rows(array, at), array[at])
        np.testing.assert_array_equal(take_rows(frame, at), array[at])
