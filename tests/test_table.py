"""Tests of the reading of whole tables: what is taken, as what, and what is not."""

import collections
import decimal

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse
from conftest import make_mixed
from numpy.testing import assert_array_equal

from sklearn_dcn import DCNClassifier, DCNRegressor
from sklearn_dcn._table.encoder import TableEncoder
from sklearn_dcn._table.reading.columns import IdColumn
from sklearn_dcn._table.reading.encoded_arrays import mark_ids
from sklearn_dcn._table.reading.floats import to_float
from sklearn_dcn._table.reading.frames import header
from sklearn_dcn._table.reading.kinds import column_kind
from sklearn_dcn._table.reading.tables import (
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


def kinds_of(X):
    """Return the kind of every column of a checked table."""
    return [column_kind(column, j) for j, column in enumerate(get_columns(X))]


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


def test_frames_pass_unchanged():
    """A frame is not copied or converted; its columns come in order."""
    frame = pd.DataFrame({"b": [1, 2], "a": ["x", None], 7: [0.5, 1.5]})
    assert check_table(frame) is frame
    assert [column.name for column in get_columns(frame)] == ["b", "a", 7]


CONTENT = {"b": [1, 2, 3], "a": ["x", None, "y"], "c": [0.5, NAN, 1.5]}
FRAMES = {
    "pandas": pd.DataFrame(CONTENT),
    "polars": pl.DataFrame(CONTENT),
    "pyarrow table": pa.table(CONTENT),
    "pyarrow batch": pa.RecordBatch.from_pydict(CONTENT),
    "narwhals": nw.from_native(pl.DataFrame(CONTENT)),
    "narwhals of pandas": nw.from_native(pd.DataFrame(CONTENT)),
}
OF_FRAMES = pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)


@OF_FRAMES
def test_frames_of_any_library(frame):
    """Columns come in order under their names, and the frame stays as it was."""
    X = check_table(frame)
    assert X.shape == (3, 3)
    assert list(X.columns) == ["b", "a", "c"]
    assert kinds_of(X) == ["number", "category", "number"]
    b, _, c = get_columns(X)
    assert to_float(b, "b").tolist() == [1, 2, 3]
    assert_array_equal(to_float(c, "c"), CONTENT["c"])
    cells = get_cells(X)
    assert cells[0] == [1, 2, 3]
    assert cells[1][::2] == ["x", "y"]
    assert pd.isna(cells[1][1])


@OF_FRAMES
@pytest.mark.parametrize(
    "at",
    [
        np.array([2, 0]),
        np.array([1]),
        np.array([0, 0, 2]),
        np.array([True, False, True]),
        np.array([], dtype=int),
    ],
    ids=str,
)
def test_rows_of_frames(frame, at):
    """Rows are taken at a mask and at positions, in their order."""
    X = take_rows(check_table(frame), at)
    expected = np.array(CONTENT["b"])[at].tolist()
    assert X.shape == (len(expected), 3)
    assert get_columns(X)[0].to_list() == expected


@pytest.mark.parametrize("at", [np.array([2, 0]), np.array([True, False, True])])
def test_rows_of_arrays_and_sparse_matrices(at):
    """So it is for arrays, marked ones and sparse matrices."""
    array = np.arange(6.0).reshape(3, 2)
    assert_array_equal(take_rows(array, at), array[at])
    sparse = take_rows(check_table(scipy.sparse.csr_matrix(array)), at)
    assert_array_equal(sparse.toarray(), array[at])
    marked = take_rows(mark_ids(array % 2, {0: ["x", "y"]}), at)
    assert get_columns(marked)[0].levels == ["x", "y"]


@OF_FRAMES
def test_header(frame):
    """scikit-learn is shown the names of any frame; of arrays and pandas all."""
    X = check_table(frame)
    assert list(header(X).columns) == ["b", "a", "c"]
    if isinstance(frame, pd.DataFrame):
        assert header(X) is frame
    array = np.ones((2, 2))
    assert header(array) is array


@OF_FRAMES
def test_names_of_frames(frame):
    """A frame has its names in their order alone."""
    X = check_table(frame)
    assert has_columns(X, np.array(["b", "a", "c"], dtype=object))
    assert not has_columns(X, np.array(["a", "b", "c"], dtype=object))
    assert not has_columns(X, np.array(["b", "a"], dtype=object))


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
# Encoded arrays
# ----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["int32", "float64"])
def test_marked_arrays(dtype):
    """An array that says which columns are ids gives them with their levels."""
    ids = np.array([[2, 7], [0, 8], [1, 9], [3, 7]], dtype=dtype)
    X = check_table(mark_ids(ids, {0: ["x", "y"]}))
    assert kinds_of(X) == ["category", "number"]
    column, numbers = get_columns(X)
    assert isinstance(column, IdColumn)
    assert (column.ids.tolist(), column.levels) == ([2, 0, 1, 3], ["x", "y"])
    assert to_float(numbers, 1).tolist() == [7, 8, 9, 7]
    assert get_cells(X) is None
    assert kinds_of(check_table(ids)) == ["number", "number"]  # the caller's own


@pytest.mark.parametrize("bad", [-1, 4, 0.5])
def test_marked_arrays_of_no_ids(bad):
    """Numbers that are no ids of the levels are an error that says so."""
    X = mark_ids(np.array([[2.0], [bad]]), {0: ["x", "y"]})
    with pytest.raises(ValueError, match=rf"^Column 0 .*\[0, 3\]; got {bad}.*before"):
        get_columns(X)


def test_columns_of_marked_arrays():
    """A part of the columns no longer says which are ids, and is refused."""
    X = mark_ids(np.zeros((3, 2)), {0: ["x"]})
    assert len(get_columns(X[1:])) == 2
    with pytest.raises(ValueError, match="X has 1 of the 2 columns of an encoded arr"):
        get_columns(X[:, 1:])


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


# ----------------------------------------------------------------------------------
# The same table in every form
# ----------------------------------------------------------------------------------

N = 130


def wide():
    """Return a pandas frame of many kinds of columns, with cells missing in most."""
    X, y = make_mixed(N)
    rng = np.random.default_rng(0)
    gaps = rng.random(N) < 0.2
    tags = [["a", "b"], ["b"], [], None, ["c", "a", "a"]]
    return X.assign(
        id=pd.Series(2**53 + rng.integers(0, 5, N), dtype="Int64").mask(gaps),
        large=pd.Series(2**63 + rng.integers(0, 5, N).astype("uint64")),
        half=pd.Series(rng.normal(size=N)).mask(gaps).astype("float32"),
        flag=pd.Series(rng.random(N) < 0.5, dtype="boolean").mask(gaps),
        tags=[tags[i % 5] for i in range(N)],
    ), y


def cells_of_wide():
    """Return the columns of `wide` as lists of Python objects, None where missing."""
    X, _ = wide()
    columns = {}
    for name in X:
        cells = X[name].astype(object).tolist()
        columns[name] = [
            cell if isinstance(cell, list) or not pd.isna(cell) else None
            for cell in cells
        ]
    return columns


POLARS_TYPES = {"device": pl.Categorical, "large": pl.UInt64, "half": pl.Float32}
ARROW_TYPES = {
    "device": pa.dictionary(pa.int8(), pa.string()),
    "large": pa.uint64(),
    "half": pa.float32(),
}


def as_polars():
    """Return `wide` in polars."""
    columns = cells_of_wide().items()
    return pl.DataFrame(
        {k: pl.Series(v, dtype=POLARS_TYPES.get(k)) for k, v in columns}
    )


def as_arrow():
    """Return `wide` as an arrow table of several chunks."""
    columns = cells_of_wide().items()
    table = pa.table({k: pa.array(v, ARROW_TYPES.get(k)) for k, v in columns})
    return pa.concat_tables([table[:50], table[50:53], table[53:]])


def as_batch():
    """Return `wide` as one batch of arrow."""
    [batch] = as_arrow().combine_chunks().to_batches()
    return batch


def as_arrow_backed():
    """Return `wide` in pandas, all of its columns backed by arrow."""
    return as_arrow().to_pandas(types_mapper=pd.ArrowDtype)


def as_objects():
    """Return `wide` as an array of objects."""
    columns = cells_of_wide()
    array = np.empty((N, len(columns)), dtype=object)
    for j, cells in enumerate(columns.values()):
        for i, cell in enumerate(cells):
            array[i, j] = cell
    return array


FORMS = {
    "numpy-backed": lambda: wide()[0],
    "nullable": lambda: wide()[0].convert_dtypes(),
    "arrow-backed": as_arrow_backed,
    "polars": as_polars,
    "pyarrow": as_arrow,
    "pyarrow batch": as_batch,
    "objects": as_objects,
    "lists": lambda: as_objects().tolist(),
}
PARAMETERS = {
    "categorical_features": [0, 1, 2, 5, 6, 8],
    "max_epochs": 2,
    "hidden_layer_sizes": (8,),
    "random_state": 0,
}

ignore_names = pytest.mark.filterwarnings(
    "ignore:X does not have valid feature names", "ignore:X has feature names, but"
)


@pytest.fixture(scope="module", params=[DCNClassifier, DCNRegressor])
def reference(request):
    """Return an estimator fitted to the numpy-backed frame, and its predictions."""
    X, y = wide()
    model = request.param(**PARAMETERS).fit(X, y)
    return model, model._logits(check_table(X)), y


@pytest.mark.parametrize("form", FORMS)
@ignore_names
def test_forms_are_fitted_the_same(reference, form):
    """The same content in another form gives the same estimator, to the bit."""
    model, logits, y = reference
    X = FORMS[form]()
    other = type(model)(**PARAMETERS).fit(X, y)
    assert_array_equal(other._logits(check_table(X)), logits)
    assert other.encoder_.cardinalities == model.encoder_.cardinalities
    assert other.n_features_in_ == 10
    if form not in ("objects", "lists"):
        assert other.feature_names_in_.tolist() == list(wide()[0])


@pytest.mark.parametrize("form", FORMS)
@ignore_names
def test_forms_are_predicted_the_same(reference, form):
    """Fitted to one form, an estimator predicts the same for every other."""
    model, logits, _ = reference
    X = FORMS[form]()
    assert_array_equal(model._logits(model._check_X(X, reset=False)), logits)
    assert_array_equal(model.predict(X), model.predict(wide()[0]))


@pytest.mark.parametrize("n", [1, 2, 64, 65])
@pytest.mark.parametrize("form", FORMS)
def test_few_rows_of_every_form(form, n):
    """Short tables, read cell by cell, are encoded as the long one, to the bit."""
    X, _ = wide()
    encoder = TableEncoder(categorical_features=PARAMETERS["categorical_features"])
    encoded = encoder.fit_transform(X, list(X), np.ones(N))
    for start in (0, 1, 3, 50, N - n):
        rows = slice(start, start + n)
        whole = FORMS[form]()
        few = whole.iloc[rows] if isinstance(whole, pd.DataFrame) else whole[rows]
        part = encoder.transform(check_table(few))
        assert part.keys() == encoded.keys()
        for name in ("x_num", "x_cat"):
            rows_of_form = part[name]
            assert rows_of_form.dtype == encoded[name].dtype
            assert_array_equal(rows_of_form, encoded[name][rows])
        [bag], [expected] = part["x_bag"], encoded["x_bag"]
        first, last = expected.offsets[rows.start], expected.offsets[rows.stop]
        assert_array_equal(bag.offsets, expected.offsets[start : rows.stop + 1] - first)
        assert_array_equal(bag.ids, expected.ids[first:last])
        assert_array_equal(bag.weights, expected.weights[first:last])


@pytest.mark.parametrize("form", ["polars", "pyarrow"])
def test_weights_of_zero_and_validation_rows(form, reference):
    """Rows without weight are taken out, and validation rows read, in any form."""
    model, _, y = reference
    w = np.arange(N) % 3
    fits = []
    for X in (wide()[0], FORMS[form]()):
        other = type(model)(**PARAMETERS).fit(X, y, w, X_val=X, y_val=y)
        fits.append(other)
    assert_array_equal(*(fit._logits(check_table(wide()[0])) for fit in fits))
    assert fits[0].history_[-1]["valid_loss"] == fits[1].history_[-1]["valid_loss"]


@pytest.mark.parametrize("form", ["polars", "pyarrow", "nullable"])
def test_names_are_checked_in_every_form(reference, form):
    """Columns in another order, or lacking, are scikit-learn's errors."""
    model, _, _ = reference
    X = nw.from_native(FORMS[form]())
    names = list(X.columns)
    for chosen in (names[::-1], names[1:]):
        with pytest.raises(ValueError, match="feature names should match"):
            model.predict(X.select(chosen).to_native())


def test_errors_of_other_frames_name_the_column(reference):
    """A column of another type than in fit, and infinity, are named in any form."""
    model, _, _ = reference
    X = as_polars()
    for change, message in (
        (pl.lit("x").alias("price"), "^Column 'price' must hold numbers; could not"),
        (pl.lit(5).alias("city"), "^Column 'city' is categorical and held string cel"),
        (pl.lit(np.inf).alias("price"), r"^Column 'price' contains infinity \(first "),
        (pl.lit(5).alias("tags"), "^Column 'tags' is in multivalued_features, so a c"),
    ):
        for n in (3, N):
            with pytest.raises((TypeError, ValueError), match=message):
                model.predict(X[:n].with_columns(change))
            with pytest.raises((TypeError, ValueError), match=message):
                model.predict(X[:n].with_columns(change).to_arrow())


def test_content_of_the_forms():
    """The forms hold what they should: gaps, large ids and lists among them."""
    columns = cells_of_wide()
    assert as_polars()["id"].to_list() == columns["id"]
    assert as_arrow()["large"].to_pylist() == columns["large"]
    assert min(columns["large"]) >= 2**63
    assert None in columns["tags"] and [] in columns["tags"]
    assert len(set(columns["id"]) - {None}) == 5
    assert as_arrow()["city"].num_chunks == 3
    counts = collections.Counter(type(cell) for cell in columns["half"])
    assert counts.keys() == {float, type(None)}


def test_decimals_are_numbers_in_every_form():
    """Decimals are predicted as the floats that they are."""
    cells = [decimal.Decimal(k) / 4 for k in range(80)]
    y = np.arange(80) % 3
    floats = pd.DataFrame({"c": [float(cell) for cell in cells]})
    expected = DCNRegressor(max_epochs=1, random_state=0).fit(floats, y)
    for X in (pl.DataFrame({"c": cells}), pa.table({"c": cells})):
        model = DCNRegressor(max_epochs=1, random_state=0).fit(X, y)
        assert_array_equal(model.predict(X), expected.predict(floats))
