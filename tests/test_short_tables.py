"""Tables of up to 64 rows, read cell by cell: the same as column by column."""

import datetime
import re

import narwhals.stable.v2 as narwhals
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from conftest import make_mixed
from numpy.testing import assert_allclose, assert_array_equal
from test_columns import BIG, COLUMNS

from sklearn_dcn import DCNClassifier, DCNRegressor
from sklearn_dcn._table.categories.category_levels import CategoryLevels
from sklearn_dcn._table.encoder import TableEncoder
from sklearn_dcn._table.reading.columns import is_bridged
from sklearn_dcn._table.reading.factorize import factorize_cells
from sklearn_dcn._table.reading.floats import to_float
from sklearn_dcn._table.reading.tables import (
    SHORT_TABLE,
    check_table,
    get_cells,
    get_columns,
    has_columns,
)

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


def test_large_integers_keep_their_ids():
    """One row of numbers alone finds the id of its level, in the whole estimator."""
    X = pd.DataFrame({"id": BIG * 10, "x": np.linspace(0, 1, 40)})
    y = np.array(BIG * 10) % 2
    model = DCNClassifier(categorical_features=["id"], max_epochs=1).fit(X, y)
    whole = model.encoder_.transform(pd.concat([X, X]))["x_cat"][:4, 0].tolist()
    assert sorted(whole) == [2, 3, 4, 5]
    for i in range(4):
        row = model.encoder_.transform(X.iloc[i : i + 1])
        assert row["x_cat"].tolist() == [[whole[i]]]


# ----------------------------------------------------------------------------------
# The whole estimator
# ----------------------------------------------------------------------------------


def make_wide():
    """Return the mixed table with more dtypes, and cells missing in most columns."""
    X, y = make_mixed(150)
    return X.assign(
        id=pd.Series(2**53 + np.arange(150) % 7, dtype="Int64"),
        tag=pd.Series(np.where(np.arange(150) % 5, "a", None), dtype="string"),
        half=X["price"].astype("float32"),
        count=pd.Series(np.arange(150) % 4, dtype="int8"),
        when=pd.array(np.where(np.arange(150) % 3, 1.5, np.nan), dtype="Float64"),
    ), y


@pytest.mark.parametrize("n", [1, 2, 64])
@pytest.mark.parametrize("form", ["frame", "objects", "floats"])
@pytest.mark.parametrize("Estimator", [DCNClassifier, DCNRegressor])
def test_few_rows_are_encoded_and_predicted_as_many(Estimator, form, n):
    """Encoded the same to the bit, and predicted the same to rounding in float64."""
    X, y = make_wide()
    if form == "objects":
        X = X.astype(object).where(X.notna(), None).to_numpy()
    elif form == "floats":
        X = X[["price", "visits", "half"]].to_numpy(dtype=float)
    options = {"categorical_features": ["id"]} if form == "frame" else {}
    options |= {"max_epochs": 2, "hidden_layer_sizes": (8,), "random_state": 0}
    model = Estimator(**options).fit(X, y)
    encoded, whole = model.encoder_.transform(X), model.predict(X)
    method = getattr(model, "predict_proba", model.predict)
    whole = method(X)
    for start in (0, 1, 7, 149 if n == 1 else 86):
        rows = slice(start, start + n)
        few = X.iloc[rows] if form == "frame" else X[rows]
        for name, values in model.encoder_.transform(few).items():
            assert values.dtype == encoded[name].dtype
            assert_array_equal(values, encoded[name][rows])
        assert_allclose(method(few), whole[rows], rtol=1e-10, atol=1e-12)


def test_unknown_levels_of_one_row():
    """A level that fit has not seen has id 0, a missing cell 1, also in one row."""
    X, _ = make_mixed(100)
    encoder = TableEncoder()
    encoder.fit_transform(X, list(X), np.ones(100))
    row = X.iloc[:1].assign(city="Atlantis", device=pd.Categorical([None]))
    assert encoder.transform(row)["x_cat"][0, :2].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"price": np.inf}, ValueError, r"'price' contains infinity"),
        ({"price": "12"}, ValueError, r"'price' must hold numbers; could not convert"),
        ({"price": datetime.date(2024, 2, 29)}, TypeError, r"'price' holds date,"),
        ({"price": pd.Timestamp("2024-02-29")}, TypeError, r"'price' holds .*ime"),
        ({"city": pd.Timestamp("2024-02-29")}, TypeError, r"'city' holds .*ime"),
        ({"city": pd.Timedelta(1)}, TypeError, r"'city' holds .*imedelta"),
        ({"city": 5}, TypeError, r"'city' is categorical and held string cells in fit"),
    ],
    ids=str,
)
@pytest.mark.parametrize("n", [1, 2, 65])
def test_errors_are_those_of_long_tables(change, error, message, n):
    """Cells that are refused are so by the same words in 1, 2 and 65 rows."""
    X, _ = make_mixed(100)
    encoder = TableEncoder()
    encoder.fit_transform(X, list(X), np.ones(100))
    [(name, value)] = change.items()
    with pytest.raises(error, match=rf"^Column {message}"):
        encoder.transform(X.iloc[:n].assign(**{name: [value] * n}))


@pytest.mark.parametrize("cell", [["a"], {"a": 1}, {1}])
@pytest.mark.parametrize("name", ["city", "price"])
def test_cells_that_cannot_be_hashed(cell, name):
    """A container in a cell is named with its column."""
    X, _ = make_mixed(100)
    encoder = TableEncoder()
    encoder.fit_transform(X, list(X), np.ones(100))
    row = X.iloc[:1].astype(object)
    row.at[0, name] = cell
    message = rf"^Column '{name}' holds {type(cell).__name__},.*Drop the column"
    with pytest.raises(TypeError, match=message):
        encoder.transform(row)


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
