"""Gaps stay gaps: in columns of one number, among lists, and where nothing else is."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from numpy.testing import assert_array_equal
from sklearn.pipeline import make_pipeline

from sklearn_dcn import DCNClassifier
from sklearn_dcn.preprocessing import ContinuousNormalizer, make_dcn_preprocessor

N = 60
Y = np.arange(N) % 2
GAP = Y == 0
METHODS = ["quantile", "robust", "standard", "signed_log", None]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("value", [1.0, np.nan])
def test_normalizer_keeps_gaps(method, value):
    """Also of a column of one number, or of none, and on the way back."""
    x = np.where(GAP, np.nan, value)[:, None]
    normalizer = ContinuousNormalizer(method=method)
    z = normalizer.fit_transform(x)
    assert_array_equal(np.isnan(z), np.isnan(x))
    assert_array_equal(normalizer.inverse_transform(z), x)
    assert np.isnan(normalizer.transform(np.full((30_000, 1), np.nan))).all()


def test_flag_is_there_behind_the_preprocessor(tiny):
    """1 or missing says as much as in the raw table."""
    X = pd.DataFrame({"flag": np.where(GAP, np.nan, 1.0), "x": np.arange(N) % 7.0})
    model = DCNClassifier(**{**tiny, "max_epochs": 50, "learning_rate": 0.02})
    raw = model.fit(X, Y).predict_proba(X)
    assert (raw.argmax(axis=1) == Y).all()
    pipeline = make_pipeline(make_dcn_preprocessor(), model).fit(X, Y)
    assert_array_equal(pipeline.predict_proba(X), raw)


def lists(gap):
    """Return lists of levels, two of them missing."""
    cells = [["a", "b"] if y else ["c"] for y in Y]
    cells[3] = cells[5] = gap
    return cells


def objects(cells):
    """Return cells as an array of objects."""
    array = np.empty(len(cells), dtype=object)
    array[:] = cells
    return array


@pytest.mark.parametrize("wanted", ["from_dtype", [0]])
@pytest.mark.parametrize("gap", [np.nan, np.float32("nan"), pd.NA])
def test_gap_among_lists(gap, wanted, tiny):
    """NaN, as of a left merge, is a missing list as None is, in any table."""
    frame = pd.DataFrame({"tags": objects(lists(gap)), "x": np.arange(N) % 7.0})
    model = DCNClassifier(**tiny, multivalued_features=wanted)
    expected = model.fit(frame.assign(tags=objects(lists(None))), Y)
    assert expected.encoder_.lists.keys() == {0}
    expected = expected.predict_proba(frame)
    for X in (frame, frame.to_numpy()):
        model.fit(X, Y)
        assert_array_equal(model.predict_proba(X), expected)
        rows = X.iloc[[3]] if hasattr(X, "iloc") else X[[3]]
        np.testing.assert_allclose(model.predict_proba(rows), expected[[3]], rtol=1e-6)
    pipeline = make_pipeline(
        make_dcn_preprocessor(multivalued_features=wanted), DCNClassifier(**tiny)
    )
    assert_array_equal(pipeline.fit(frame, Y).predict_proba(frame), expected)


def test_gap_among_mappings_and_strings(tiny):
    """Where a column is named as one of lists, too."""
    for cell, wanted in (({"a": 2.0}, ["tags"]), ("a|b", {"tags": "|"})):
        cells = [cell if y else np.nan for y in Y]
        X = pd.DataFrame({"tags": pd.Series(cells, dtype=object)})
        model = DCNClassifier(**tiny, multivalued_features=wanted).fit(X, Y)
        nones = X.assign(tags=objects([cell if y else None for y in Y]))
        assert_array_equal(model.predict_proba(X), model.predict_proba(nones))


def test_list_among_numbers_is_still_refused(tiny):
    X = pd.DataFrame({"tags": objects([["a"] if y else 1.0 for y in Y])})
    with pytest.raises(TypeError, match="'tags' holds list"):
        DCNClassifier(**tiny).fit(X, Y)


EMPTY = {
    "object None": lambda: pd.Series([None] * N, dtype=object),
    "object NaN": lambda: pd.Series([np.nan] * N, dtype=object),
    "object NA": lambda: pd.Series([pd.NA] * N, dtype=object),
    "string": lambda: pd.Series([None] * N, dtype="string"),
    "arrow null": lambda: pd.Series([None] * N, dtype=pd.ArrowDtype(pa.null())),
}
TYPED = {
    "float": lambda: pd.Series([np.nan] * N),
    "Int64": lambda: pd.Series([pd.NA] * N, dtype="Int64"),
    "arrow decimal": lambda: pd.Series(
        [None] * N, dtype=pd.ArrowDtype(pa.decimal128(5, 2))
    ),
}
X_NUM = np.arange(N) % 7.0
TABLES = {
    **{name: lambda make=make: pd.DataFrame({"c": make(), "x": X_NUM})
       for name, make in EMPTY.items()},
    "numpy": lambda: np.array([[None] * N, X_NUM], dtype=object).T,
    "polars": lambda: pl.DataFrame({"c": [None] * N, "x": X_NUM}),
    "arrow": lambda: pa.table({"c": pa.nulls(N), "x": X_NUM}),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_column_without_a_cell_is_a_category(name, tiny):
    """Its levels are unknown when they come; a missing cell stays one."""
    X = TABLES[name]()
    model = DCNClassifier(**tiny).fit(X, Y)
    encoder = model.encoder_
    assert encoder.categories[0].levels == []
    later = pd.DataFrame({"c": ["new"] * N, "x": X_NUM})
    for table in (later, pl.from_pandas(later), later.iloc[:1]):
        if name == "numpy":
            table = table.to_numpy()
        ids = encoder.transform(model._check_X(table, reset=False))["x_cat"][:, 0]
        assert (ids == 0).all()
        assert np.isfinite(model.predict_proba(table)).all()
    ids = encoder.transform(model._check_X(X, reset=False))["x_cat"][:, 0]
    assert (ids == 1).all()


@pytest.mark.parametrize("name", TYPED)
def test_typed_column_without_a_cell_is_a_number(name, tiny):
    X = pd.DataFrame({"c": TYPED[name](), "x": X_NUM})
    assert 0 in DCNClassifier(**tiny).fit(X, Y).encoder_.numbers


def test_column_without_a_cell_beside_named_categories(tiny):
    """Who names the categories has said that it is none of them."""
    X = pd.DataFrame({"c": EMPTY["object None"](), "d": ["a", "b"] * (N // 2)})
    model = DCNClassifier(**tiny, categorical_features=["d"]).fit(X, Y)
    assert model.encoder_.numbers.keys() == {0}
