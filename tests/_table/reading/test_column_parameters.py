"""Columns that a parameter names: by name, position or mask, and wrong choices."""

import numpy as np
import pandas as pd
import pytest
from helpers.encoding import fit, small


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


def test_dates_are_no_categories_and_no_lists():
    """A column of dates that is chosen is an error of its name."""
    X = small().assign(day=pd.to_datetime(["2024-01-01"] * 3))
    for wanted in ("from_dtype", ["s", "t"]):
        fit(X, categorical_features=wanted)
    for options in (
        {"categorical_features": ["s", "t", "day"]},
        {"multivalued_features": ["day"]},
    ):
        with pytest.raises(
            TypeError, match=r"^Column 'day' holds (datetime64|Timestamp).*dt\.year"
        ):
            fit(X, **options)
