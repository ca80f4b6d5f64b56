"""Rows that are dicts: predictions for them, and what is refused."""

import collections

import numpy as np
import pandas as pd
import pytest
from helpers.tables import make_mixed
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_dcn import DCNClassifier, DCNRegressor
from sklearn_dcn._table.reading.records import is_records, records_to_array


@pytest.fixture(scope="module", params=[DCNClassifier, DCNRegressor])
def model(request):
    """Return an estimator fitted to a frame, with ids beyond 2**53."""
    X, y = make_table()
    return request.param(max_epochs=2, hidden_layer_sizes=(8,), random_state=0).fit(
        X, y
    )


def make_table():
    """Return the mixed frame with a nullable column of large ids."""
    X, y = make_mixed(200)
    return X.assign(id=pd.Series(2**53 + np.arange(200) % 3, dtype="Int64")), y


def outputs(model, X):
    """Return probabilities or predictions."""
    return getattr(model, "predict_proba", model.predict)(X)


def shuffled(record):
    """Return the record with its keys in another order."""
    return dict(reversed(record.items()))


# ----------------------------------------------------------------------------------
# Taken
# ----------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 64, 65, 200])
@pytest.mark.parametrize("container", [list, tuple])
@pytest.mark.parametrize("order", [dict, shuffled, collections.OrderedDict])
def test_records_equal_the_frame(model, n, container, order):
    """Lists and tuples of dicts, few or many, in any order of keys, are the frame."""
    X, _ = make_table()
    records = container(map(order, X.iloc[:n].to_dict("records")))
    assert_array_equal(
        model.encoder_.transform(model._check_X(records, reset=False))["x_cat"],
        model.encoder_.transform(X.iloc[:n])["x_cat"],
    )
    assert_allclose(outputs(model, records), outputs(model, X)[:n], rtol=1e-9)


def test_a_dict_is_one_row(model):
    """A single dict is a table of one row."""
    X, _ = make_table()
    expected = outputs(model, X)
    for i in range(5):
        [record] = X.iloc[i : i + 1].to_dict("records")
        for row in (record, shuffled(record)):
            p = outputs(model, row)
            assert len(p) == 1
            assert_allclose(p[0], expected[i], rtol=1e-9)


def test_inputs_stay():
    """Predicting does not change the dicts."""
    X, y = make_table()
    model = DCNClassifier(max_epochs=1, hidden_layer_sizes=()).fit(X, y)
    records = X.iloc[:3].to_dict("records")
    before = [dict(record) for record in records]
    model.predict(records)
    assert pd.DataFrame(records).equals(pd.DataFrame(before))
    assert [list(record) for record in records] == [list(record) for record in before]


@pytest.mark.parametrize("missing", [None, np.nan, float("nan"), pd.NA, pd.NaT])
@pytest.mark.parametrize("name", ["city", "device", "is_new", "price", "visits", "id"])
def test_missing_cells(model, name, missing):
    """None, NaN and NA are missing cells in every column, alone or among others."""
    X, _ = make_table()
    records = X.iloc[:3].to_dict("records")
    expected = X.iloc[:3].astype(object)
    expected.loc[1, name] = None
    records[1][name] = missing
    reference = outputs(model, expected)
    assert_allclose(outputs(model, records), reference, rtol=1e-9)
    assert_allclose(outputs(model, records[1]), reference[1:2], rtol=1e-9)
    if name == "city":
        array = model._check_X(records[1], reset=False)
        assert model.encoder_.transform(array)["x_cat"][0, 0] == 1


def test_large_integers_stay_apart(model):
    """An id beyond 2**53 finds its own level beside numbers that are floats."""
    X, _ = make_table()
    ids = model.encoder_.transform(X)
    for i in range(3):
        record = X.iloc[i].to_dict() | {"id": 2**53 + i}
        row = model.encoder_.transform(model._check_X(record, reset=False))
        for name, values in row.items():
            assert_array_equal(values[0], ids[name][i])


def test_numpy_cells(model):
    """Cells may be scalars of NumPy."""
    X, _ = make_table()
    record = X.iloc[1].to_dict() | {
        "price": np.float64(2.5), "visits": np.int8(3), "is_new": np.bool_(True),
        "city": np.str_("Oslo"), "id": np.int64(2**53),
    }  # fmt: skip
    plain = record | {"price": 2.5, "visits": 3, "is_new": True, "city": "Oslo"}
    assert_array_equal(outputs(model, record), outputs(model, plain))


def test_continued_fits_and_validation():
    """Where columns are known, a fit goes on with records, and validates on them."""
    X, y = make_table()
    records = X.to_dict("records")
    options = {"hidden_layer_sizes": (), "max_epochs": 2, "random_state": 0}
    options |= {"dtype": "float64", "warm_start": True}
    fits = [DCNClassifier(**options).fit(X, y) for _ in range(2)]
    fits[0].fit(X, y, X_val=X, y_val=y)
    fits[1].fit(records, y, X_val=records, y_val=y)
    assert_allclose(fits[1].predict_proba(X), fits[0].predict_proba(X), rtol=1e-9)
    fits[0].partial_fit(X, y)
    fits[1].partial_fit(records, y)
    assert_allclose(fits[1].predict_proba(X), fits[0].predict_proba(X), rtol=1e-9)
    assert fits[1].score(records, y) == fits[0].score(X, y)
    w = np.arange(200.0) % 3  # some rows have no weight
    for model, table in zip(fits, (X, records), strict=True):
        model.partial_fit(table, y, sample_weight=w)
    assert_allclose(fits[1].predict_proba(X), fits[0].predict_proba(X), rtol=1e-9)


# ----------------------------------------------------------------------------------
# Refused
# ----------------------------------------------------------------------------------


@pytest.mark.parametrize("row", [0, 2])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r.pop("city"), r"it lacks \['city'\] and has the unknown \[\]"),
        (lambda r: r.update(zip=1), r"it lacks \[\] and has the unknown \['zip'\]"),
        (
            lambda r: r.update(Price=r.pop("price")),
            r"it lacks \['price'\] and has the unknown \['Price'\]",
        ),
        (lambda r: r.clear(), r"it lacks \['city', 'device', .*'id'\] and has the unk"),
    ],
    ids=["missing", "unknown", "renamed", "empty"],
)
def test_other_columns(model, change, message, row):
    """A row without a column of fit, or with another, is named with both."""
    records = make_table()[0].iloc[:3].to_dict("records")
    change(records[row])
    message = rf"^Row {row} of X must have the columns of fit; {message}"
    with pytest.raises(
        ValueError, match=message + r".*Give None for a missing cell\.$"
    ):
        model.predict(records)
    with pytest.raises(ValueError, match=message.replace(f"Row {row}", "Row 0")):
        model.predict(records[row])


@pytest.mark.parametrize("other", [["Bern", "web"], None, "row", 5, ("a",)])
def test_rows_that_are_no_dicts(model, other):
    """The first row decides; another that is no dict is named by position and type."""
    records = make_table()[0].iloc[:3].to_dict("records")
    records[1] = other
    kind = type(other).__name__
    message = (
        rf"^The rows of X must all be dicts, like the first; row 1 .* type {kind}\.$"
    )
    with pytest.raises(TypeError, match=message):
        model.predict(records)


def test_lists_whose_first_row_is_no_dict(model):
    """Then it is a table of lists, which a dict is no row of."""
    records = make_table()[0].iloc[:2].to_dict("records")
    with pytest.raises((ValueError, TypeError)):
        model.predict([list(records[0].values()), records[1]])
    with pytest.raises(ValueError, match=r"Expected 2D array|0 sample\(s\)|1D array"):
        model.predict([])


@pytest.mark.parametrize("X", ["array", "list"])
def test_estimators_without_names(X):
    """Fitted without names, an estimator cannot tell the columns: use a frame."""
    table, y = make_mixed(50)
    table = table.to_numpy(dtype=object)
    model = DCNClassifier(max_epochs=1, hidden_layer_sizes=())
    model.fit(table if X == "array" else table.tolist(), y)
    record = make_mixed(1)[0].to_dict("records")[0]
    for rows, remedy in ((record, r"\(\[X\]\)"), ([record], r"\(X\)")):
        message = r"fitted to a DataFrame can predict for\..*pandas\.DataFrame" + remedy
        with pytest.raises(TypeError, match=message):
            model.predict(rows)


def test_a_first_fit_needs_a_table():
    """A fit has no columns to sort dicts by; a frame of them works, as advised."""
    X, y = make_mixed(50)
    records = X.to_dict("records")
    model = DCNClassifier(max_epochs=1, hidden_layer_sizes=(), random_state=0)
    for method in (model.fit, model.partial_fit):
        with pytest.raises(
            TypeError, match=r"^X must be a table; got rows that are di"
        ):
            method(records, y)
        assert not hasattr(model, "net_")
    model.fit(pd.DataFrame(records), y)
    assert len(model.predict(records)) == 50
    with pytest.raises(TypeError, match=r"^X must be a table"):  # a fresh fit as well
        model.fit(records, y)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"price": np.inf}, ValueError, r"^Column 'price' contains infinity"),
        ({"price": "12"}, ValueError, r"^Column 'price' must hold numbers"),
        ({"city": ["Bern"]}, TypeError, r"^Column 'city' holds list"),
        ({"city": {"a": 1}}, TypeError, r"^Column 'city' holds dict"),
        ({"city": 5}, TypeError, r"^Column 'city' is categorical and held string"),
        ({"price": [1.0]}, TypeError, r"^Column 'price' holds list"),
    ],
    ids=str,
)
@pytest.mark.parametrize("n", [1, 65])
def test_bad_cells(model, change, error, message, n):
    """Cells are refused as in a frame, by the column's name."""
    records = [r | change for r in make_table()[0].iloc[:n].to_dict("records")]
    with pytest.raises(error, match=message):
        model.predict(records)


def test_is_records():
    """Dicts, and lists and tuples that begin with one, are records."""
    for X in ({}, {"a": 1}, [{"a": 1}], ({"a": 1}, 2)):
        assert is_records(X)
    for X in ([], (), [[1]], [1, {"a": 1}], np.ones((1, 1)), pd.DataFrame(), "a", None):
        assert not is_records(X)


def test_records_to_array():
    """Cells come as they are, in the order of the names."""
    names = dict.fromkeys(["a", "b"])
    array = records_to_array([{"b": 2**60 + 1, "a": "x"}, {"a": None, "b": 0.5}], names)
    assert array.dtype == object
    assert array.tolist() == [["x", 2**60 + 1], [None, 0.5]]
    assert records_to_array({"b": 1, "a": 2}, names).tolist() == [[2, 1]]
