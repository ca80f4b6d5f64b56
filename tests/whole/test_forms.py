"""The same table in every form gives the same estimator and the same predictions."""

import collections
import decimal

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from helpers.tables import make_mixed
from numpy.testing import assert_array_equal

from sklearn_dcn import DCNClassifier, DCNRegressor
from sklearn_dcn._table.encoder import TableEncoder
from sklearn_dcn._table.reading.tables import check_table

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
