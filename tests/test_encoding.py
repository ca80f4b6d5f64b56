"""Tests of the encoding of a whole table."""

import re

import numpy as np
import pandas as pd
import pytest
from conftest import make_mixed

from sklearn_dcn._estimator.architecture import embedding_dims
from sklearn_dcn._table.encoder import TableEncoder
from sklearn_dcn._table.numbers.scaler import NUMERIC_TRANSFORMS
from sklearn_dcn._table.reading.tables import SHORT_TABLE
from sklearn_dcn.network.embedding import auto_embedding_dim


def fit(X, names=None, weight=None, **options):
    """Return a fitted encoder and the encoded rows."""
    if names is None and hasattr(X, "columns"):
        names = list(X.columns)
    encoder = TableEncoder(**options)
    encoded = encoder.fit_transform(
        X, names, np.ones(len(X)) if weight is None else weight
    )
    return encoder, encoded


def same(a, b):
    """Assert that two encodings are equal bit by bit."""
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name])
        assert a[name].dtype == b[name].dtype


def small():
    """Return a frame whose encoding can be written down."""
    return pd.DataFrame(
        {
            "n": [1.0, np.nan, 3.0],
            "s": ["b", "a", "b"],
            "k": [10, 20, 60],
            "t": pd.Categorical(["x", None, "x"]),
        }
    )


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


# ----------------------------------------------------------------------------------
# categorical_features
# ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wanted",
    [
        ["s", "t", "k"],
        ["k", "t", "s"],
        np.array(["k", "t", "s"]),
        pd.Index(["k", "t", "s"]),
        ("s", "t", "k", "k"),
        [1, 2, 3],
        np.array([3, 1, 2]),
        range(1, 4),
        [False, True, True, True],
        np.array([False, True, True, True]),
        pd.Series([False, True, True, True]),
    ],
    ids=str,
)
def test_chosen_columns(wanted):
    """Names, positions and a mask choose columns, whatever their type and order."""
    encoder, encoded = fit(small(), categorical_features=wanted)
    assert list(encoder.categories) == [1, 2, 3]
    assert list(encoder.numbers) == [0]
    assert encoder.categories[2].levels == [10, 20, 60]
    assert encoded["x_cat"][:, 1].tolist() == [2, 3, 4]


@pytest.mark.parametrize("wanted", [None, [], (), np.array([]), [False, False]])
def test_no_categories(wanted):
    """None, an empty list and an empty mask make every column a number."""
    encoder, encoded = fit(small()[["n", "k"]], categorical_features=wanted)
    assert (list(encoder.categories), list(encoded)) == ([], ["x_num"])


@pytest.mark.parametrize("dtype", ["bool", "boolean", "bool[pyarrow]", "Sparse[bool]"])
def test_booleans_not_chosen_are_numbers(dtype):
    """A boolean column that is not among categorical_features is 0 and 1."""
    frame = pd.DataFrame({"b": pd.Series([True, False, True], dtype=dtype)})
    _, encoded = fit(frame, categorical_features=None, numeric_transform=None)
    assert encoded["x_num"].tolist() == [[1.0], [0.0], [1.0]]
    assert fit(frame)[1]["x_cat"].tolist() == [[2], [3], [2]]


WRONG = {
    "unknown name": (
        ["s", "t", "zip"],
        "names 'zip', which is no column of X.*'n', 's'",
    ),
    "negative position": ([-1, 1], r"as positions must lie in \[0, 3\]; got -1"),
    "large position": ([1, 4], r"as positions must lie in \[0, 3\]; got 4"),
    "short mask": ([True, False], "as a mask must have 4 entries, one for each.*got 2"),
    "other string": (
        "from_dtypes",
        "must be 'from_dtype', None or a list.*'from_dtypes'",
    ),
    "name alone": ("s", "must be 'from_dtype', None or a list.*got 's'"),
    "number alone": (1, "must be 'from_dtype', None or a list.*got 1"),
    "floats": ([1.0, 3.0], "must be 'from_dtype', None or a list"),
    "objects": ([None, "s"], "must be 'from_dtype', None or a list"),
    "matrix": ([["s", "t"]], "must be 'from_dtype', None or a list"),
    "set": ({"s", "t"}, "must be 'from_dtype', None or a list"),
}


@pytest.mark.parametrize(("wanted", "message"), WRONG.values(), ids=WRONG)
def test_wrong_categorical_features(wanted, message):
    """Every wrong choice is a ValueError that says what is allowed and what came."""
    with pytest.raises(ValueError, match="^categorical_features " + message):
        fit(small(), categorical_features=wanted)


def test_categories_where_there_should_be_none():
    """A column of strings is named with remedies, if no column is a category."""
    with pytest.raises(
        ValueError,
        match=r"^Column 's' holds categories .*categorical_features=None.*Drop it",
    ):
        fit(small(), categorical_features=None)


@pytest.mark.parametrize("wanted", [["t"], [3], []])
def test_strings_outside_a_list(wanted):
    """A list adds to the columns of strings, which can be no numbers."""
    encoder, _ = fit(small(), categorical_features=wanted)
    assert list(encoder.categories) == [1, 3]


def test_names_of_an_array():
    """Names cannot choose columns of an array."""
    with pytest.raises(ValueError, match=r"names 's', which is no column .*\[0, 1\]"):
        fit(np.ones((3, 2)), categorical_features=["s"])


def test_dates_are_refused_whichever_are_chosen():
    """A column of dates is an error of its name, chosen or not."""
    X = small().assign(day=pd.to_datetime(["2024-01-01"] * 3))
    for wanted in ("from_dtype", ["s", "t"], ["s", "t", "day"]):
        with pytest.raises(
            TypeError, match=r"^Column 'day' holds datetime64.*dt\.year"
        ):
            fit(X, categorical_features=wanted)


# ----------------------------------------------------------------------------------
# embedding_dim
# ----------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["auto", 7])
def test_widths_for_all(value):
    """What is no dict passes through to the network."""
    assert embedding_dims(fit(small())[0], value) == value


def test_widths_by_column():
    """A dict names columns; the others keep their automatic width."""
    X, _ = make_mixed()
    encoder, _ = fit(X)
    assert embedding_dims(encoder, {"device": 9}) == [
        auto_embedding_dim(6),
        9,
        auto_embedding_dim(4),
    ]
    assert embedding_dims(encoder, {}) == [auto_embedding_dim(n) for n in (6, 4, 4)]
    array, _ = fit(X.to_numpy(dtype=object))
    assert embedding_dims(array, {0: 3, 1: 1, 2: 5}) == [3, 1, 5]


@pytest.mark.parametrize("name", ["price", "zip", 0])
def test_widths_of_other_columns(name):
    """A dict that names no categorical column is an error with the choice."""
    encoder, _ = fit(make_mixed()[0])
    message = rf"^embedding_dim names {re.escape(repr(name))}, .*'city', 'device'"
    with pytest.raises(ValueError, match=message):
        embedding_dims(encoder, {"city": 2, name: 4})
