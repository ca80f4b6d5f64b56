"""The encoding of a whole table: its layout, and the same rows however they come."""

import numpy as np
import pandas as pd
import pytest
from helpers.encoding import fit, small
from helpers.tables import make_mixed

from sklearn_dcn._table.numbers.scaler import NUMERIC_TRANSFORMS
from sklearn_dcn._table.reading.tables import SHORT_TABLE


def same(a, b):
    """Assert that two encodings are equal bit by bit."""
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name])
        assert a[name].dtype == b[name].dtype


# ----------------------------------------------------------------------------------
# Layout
# ----------------------------------------------------------------------------------


def test_hand_worked():
    """x_num: numbers, then indicators; x_cat: ids; both in the order of columns."""
    encoder, encoded = fit(small(), numeric_transform=None)
    assert encoded["x_num"].tolist() == [[1, 10, 0], [1, 20, 1], [3, 60, 0]]
    assert encoded["x_cat"].tolist() == [[2, 2], [3, 1], [2, 2]]
    assert encoded["x_num"].dtype == np.float64
    assert encoded["x_cat"].dtype == np.int32
    assert encoder.names == ["n", "s", "k", "t"]
    assert encoder.field_names == ["s", "t", "n", "k", "n is missing"]
    assert encoder.cardinalities == [4, 3]
    assert encoder.n_num == 3
    assert (list(encoder.categories), list(encoder.numbers)) == ([1, 3], [0, 2])


def test_columns_without_names():
    """Fields of an array are called by position."""
    encoder, _ = fit(small().to_numpy(dtype=object))
    assert encoder.names == [0, 1, 2, 3]
    assert encoder.field_names == ["1", "3", "0", "2", "0 is missing"]


def test_tables_of_one_kind():
    """A table of numbers alone has no x_cat, one of categories no x_num."""
    _, numbers = fit(small()[["n", "k"]])
    encoder, categories = fit(small()[["s", "t"]])
    assert list(numbers) == ["x_num"]
    assert list(categories) == ["x_cat"]
    assert encoder.n_num == 0
    assert list(encoder.transform(small()[["s", "t"]])) == ["x_cat"]


def test_missing_numbers_new_in_transform():
    """The indicators are those of fit: a column complete there has none later."""
    encoder, _ = fit(small(), numeric_transform=None)
    now = small().assign(k=[np.nan, 20, 60], n=[1.0, 2.0, 3.0])
    x_num = encoder.transform(now)["x_num"]
    assert x_num.tolist() == [[1, 20, 0], [2, 20, 0], [3, 60, 0]]  # 20, the median


def test_mixed_frame():
    """The shapes and fields of a frame of all kinds."""
    X, _ = make_mixed()
    encoder, encoded = fit(X)
    assert encoded["x_cat"].shape == (300, 3)
    assert encoded["x_num"].shape == (300, 3)
    assert encoder.field_names == [
        "city",
        "device",
        "is_new",
        "price",
        "visits",
        "price is missing",
    ]
    assert encoder.cardinalities == [2 + 4, 2 + 2, 2 + 2]
    np.testing.assert_array_equal(encoded["x_num"][:, 2], X["price"].isna())
    np.testing.assert_array_equal(encoded["x_cat"][:, 0] == 1, X["city"].isna())
    assert encoded["x_num"][:, :2].mean(axis=0) == pytest.approx([0, 0], abs=0.05)


def test_options_reach_every_column():
    """min_frequency, max_categories and numeric_transform are those of the columns."""
    X, _ = make_mixed()
    encoder, encoded = fit(X, max_categories=2, numeric_transform=None)
    assert encoder.cardinalities == [2 + 1, 2 + 2, 2 + 2]
    np.testing.assert_array_equal(encoded["x_num"][:, 1], X["visits"])
    rare, _ = fit(X, min_frequency=0.25)
    counts = X["city"].value_counts()
    assert rare.cardinalities[0] == 2 + (counts >= 75).sum()


def test_weights_equal_repeated_rows():
    """Integer weights give the encoding of the repeated rows, bit by bit."""
    X, _ = make_mixed()
    weight = np.random.default_rng(1).integers(1, 4, len(X))
    encoder, _ = fit(X, weight=weight.astype(float), min_frequency=20)
    repeated, _ = fit(X.loc[X.index.repeat(weight)], min_frequency=20)
    same(encoder.transform(X), repeated.transform(X))


# ----------------------------------------------------------------------------------
# The same rows, however they come
# ----------------------------------------------------------------------------------


TRANSFORMS = pytest.mark.parametrize("numeric_transform", NUMERIC_TRANSFORMS)


@TRANSFORMS
def test_fit_transform_equals_transform(numeric_transform):
    """The rows of fit get the same encoding again."""
    X, _ = make_mixed()
    encoder, encoded = fit(X, numeric_transform=numeric_transform, min_frequency=40)
    same(encoder.transform(X), encoded)


@TRANSFORMS
def test_one_row_equals_the_batch(numeric_transform):
    """A row alone, on the path of short columns, has the bits of the row in a batch."""
    X, _ = make_mixed()
    encoder, encoded = fit(X, numeric_transform=numeric_transform)
    for size in (1, SHORT_TABLE):
        for i in range(0, len(X) - size, 37):
            part = encoder.transform(X.iloc[i : i + size])
            same(part, {name: x[i : i + size] for name, x in encoded.items()})


@pytest.mark.parametrize("n", [50, 300])
def test_frame_and_object_array_are_one_table(n):
    """The same cells as objects in an array and as typed columns: same encoding."""
    X, _ = make_mixed(n)
    array = X.to_numpy(dtype=object)
    encoder, encoded = fit(X)
    other, from_array = fit(array)
    same(encoded, from_array)
    same(encoder.transform(array), other.transform(X))
    assert other.cardinalities == encoder.cardinalities


@pytest.mark.parametrize(
    "dtypes",
    [
        {
            "city": "category",
            "is_new": "boolean",
            "price": "Float64",
            "visits": "Int64",
        },
        {"city": "string", "device": "string[pyarrow]", "visits": "float32"},
        {
            "is_new": "bool[pyarrow]",
            "price": "double[pyarrow]",
            "visits": "int8[pyarrow]",
        },
        {"city": object, "device": object, "is_new": object, "visits": object},
        {"visits": "Sparse[int]", "is_new": "Sparse[bool]", "price": "Sparse[float]"},
    ],
    ids=["nullable", "strings", "arrow", "object", "sparse"],
)
def test_dtypes_do_not_matter(dtypes):
    """Other dtypes of the same cells, in fit or in transform: same encoding."""
    X, _ = make_mixed()
    encoder, encoded = fit(X)
    other = X.astype(dtypes)
    same(fit(other)[1], encoded)
    same(encoder.transform(other), encoded)


def test_transform_leaves_the_table_alone():
    """Neither fit nor transform changes the frame."""
    X, _ = make_mixed()
    before = X.copy(deep=True)
    encoder, _ = fit(X)
    encoder.transform(X)
    pd.testing.assert_frame_equal(X, before)
