"""Tables of up to 64 rows, read cell by cell, are predicted as longer ones are."""

import datetime

import numpy as np
import pandas as pd
import pytest
from helpers.columns import BIG
from helpers.tables import make_mixed
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_dcn import DCNClassifier, DCNRegressor
from sklearn_dcn._table.encoder import TableEncoder

# ----------------------------------------------------------------------------------
# Integers beyond 2**53
# ----------------------------------------------------------------------------------


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
