"""Columns of vectors of every library are one matrix; what is none is told."""

import decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from numpy.testing import assert_array_equal

from sklearn_dcn._table.reading import (
    check_table,
    find_kinds,
    get_columns,
    to_vectors,
)

V = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
GAPS = V.copy()
GAPS[[1, 5]] = np.nan
CELLS = [None if np.isnan(row).any() else row for row in GAPS]
LISTS = [None if cell is None else cell.tolist() for cell in CELLS]


def pandas_arrow(cells, kind):
    return pd.DataFrame({"v": pd.array(cells, dtype=pd.ArrowDtype(kind))})


# Each a table whose column "v" has the same vectors, two of them missing.
FORMS = {
    "pandas arrays": pd.DataFrame({"v": CELLS}),
    "pandas lists": pd.DataFrame({"v": LISTS}),
    "pandas tuples": pd.DataFrame({"v": [c and tuple(c) for c in LISTS]}),
    "pandas NaN": pd.DataFrame({"v": [np.nan if c is None else c for c in CELLS]}),
    "pandas rows of NaN": pd.DataFrame({"v": [*GAPS]}),
    "pandas arrow list": pandas_arrow(LISTS, pa.list_(pa.float32())),
    "pandas arrow fixed": pandas_arrow(LISTS, pa.list_(pa.float32(), 4)),
    "polars list": pl.DataFrame({"v": LISTS}, schema={"v": pl.List(pl.Float32)}),
    "polars array": pl.DataFrame({"v": LISTS}, schema={"v": pl.Array(pl.Float32, 4)}),
    "arrow list": pa.table({"v": pa.array(LISTS, pa.list_(pa.float32()))}),
    "arrow large": pa.table({"v": pa.array(LISTS, pa.large_list(pa.float64()))}),
    "arrow fixed": pa.table({"v": pa.array(LISTS, pa.list_(pa.float32(), 4))}),
    "arrow chunks": pa.concat_tables(
        [
            pa.table({"v": pa.array(part, pa.list_(pa.float32(), 4))})
            for part in ([None, *LISTS][1:3], LISTS[2:])
        ]
    ),
    "cells": np.array([[cell] for cell in LISTS] + [[None]], dtype=object)[:-1],
}


def column_of(table):
    return get_columns(check_table(table))[0]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_one_matrix(form):
    column = column_of(FORMS[form])
    assert find_kinds([column], ["v"], "from_dtype", None) == ["vector"]
    assert_array_equal(to_vectors(column, "v"), GAPS)  # float32 or its double
    assert_array_equal(to_vectors(column, "v", 4), GAPS)


def test_slices_of_arrow_are_read_from_their_start():
    for kind in (pa.list_(pa.float32(), 4), pa.list_(pa.float32())):
        table = pa.table({"v": pa.array(LISTS, kind)}).slice(2, 3)
        assert_array_equal(to_vectors(column_of(table), "v"), GAPS[2:5])


def test_long_columns_of_arrow_are_not_copied():
    array = pa.FixedSizeListArray.from_arrays(pa.array(V.ravel()), 4)
    found = to_vectors(column_of(pa.table({"v": array})), "v")
    assert found.dtype == np.float32
    assert np.shares_memory(found, array.values.to_numpy())


@pytest.mark.parametrize(
    "cells, kind",
    [
        ([[1, 2], [3, 4]], "list"),  # ids
        ([np.array([1, 2]), np.array([3, 4])], "list"),
        ([["a", "b"], ["c"]], "list"),
        ([{1.5, 2.5}, {0.5}], "list"),  # without an order
        ([{"a": 0.5}, {"b": 1.0}], "list"),
        ([[True, False], [False]], "list"),
        ([[], []], "list"),
        ([[0, 1], [0, 0.5]], "vector"),  # as JSON spells them
        ([None, [0.5, None]], "vector"),
        ([np.zeros((2, 2)), np.ones((2, 2))], "list"),
    ],
)
def test_kinds_of_cells(cells, kind):
    column = np.empty(len(cells), dtype=object)
    column[:] = [*cells]
    assert find_kinds([column], ["v"], "from_dtype", None) == [kind]


@pytest.mark.parametrize("kind", [pa.list_(pa.int64()), pa.list_(pa.string())])
def test_typed_lists_of_levels_stay_lists(kind):
    table = pa.table({"v": pa.array([None, None], kind)})
    assert find_kinds([column_of(table)], ["v"], "from_dtype", None) == ["list"]


def test_parameters_that_name_vectors():
    ids = pd.Series([[1, 2], [3, 4]])
    floats = pd.Series([[0.5, 1.5], [1.0, 2.0]])
    columns, names = [ids, floats], ["ids", "floats"]

    def kinds(*args):
        return find_kinds(columns, names, "from_dtype", *args)

    assert kinds(None) == ["list", "vector"]
    assert kinds(None, None) == ["list", "list"]
    assert kinds(None, ["ids", "floats"]) == ["vector", "vector"]
    assert kinds({1: None, 0: None}) == ["list", "list"]  # as before there were any
    assert kinds({0: None}) == ["list", "vector"]
    with pytest.raises(TypeError, match="'floats' holds vectors but is not among vec"):
        kinds(None, ["ids"])
    with pytest.raises(ValueError, match="in multivalued_features and in vector_feat"):
        kinds({0: None}, [0])
    with pytest.raises(ValueError, match="vector_features names 'w', which is no col"):
        kinds(None, ["w"])


def test_integers_and_decimals_that_are_named_are_numbers():
    assert to_vectors([[1, 2], [3, 4]], "v").dtype == np.float64
    cells = [[decimal.Decimal("0.5"), 1], [2, None]]
    cells[0][0] = float(cells[0][0])
    assert_array_equal(to_vectors(cells, "v"), [[0.5, 1.0], [2.0, np.nan]])
    halves = [np.array([1.5, 2.5], dtype=np.float16)]
    assert to_vectors(halves, "v").dtype == np.float32


@pytest.mark.parametrize(
    "cells, width, message",
    [
        (
            [[0.5, 1.0], [1.0]],
            None,
            "'v' holds vectors.*one of 1 in row 1, and one of 2 in row 0. Pad.*"
            r"multivalued_features=\['v'\]",
        ),
        ([[0.5, 1.0]], 3, "one of 2 in row 0, and one of 3 in fit. Make them in the"),
        ([[0.5], [1.0]], None, "must have at least 2 numbers; got 1. Take the number"),
        ([None, None], None, "no cell has one.*Drop the column"),
        ([[0.5, np.inf]], None, r"'v' contains infinity \(first in row 0\)"),
    ],
)
def test_wrong_vectors(cells, width, message):
    with pytest.raises(ValueError, match=message):
        to_vectors(cells, "v", width)


@pytest.mark.parametrize("kind", [pa.list_(pa.float32()), pa.list_(pa.float32(), 2)])
def test_wrong_widths_of_arrow(kind):
    column = column_of(pa.table({"v": pa.array([None, [0.5, 1.0]], kind)}))
    with pytest.raises(ValueError, match="one of 2 in row 1, and one of 3 in fit"):
        to_vectors(column, "v", 3)


@pytest.mark.parametrize("cell", ["0.5", 0.5, {"a": 0.5}, ["a", "b"], [[0.5], [1.0]]])
def test_cells_that_are_no_vectors(cell):
    with pytest.raises(
        TypeError, match=r"'v' holds vectors, so a cell.*in row 1\. Convert"
    ):
        to_vectors([[0.5, 1.0], cell], "v")


def test_strings_of_arrow_are_no_vectors():
    column = column_of(pa.table({"v": pa.array([["a", "b"]])}))
    with pytest.raises(TypeError, match=r"got list.*in row 0"):
        to_vectors(column, "v", 2)


def test_a_batch_of_missing_vectors_has_the_width_of_fit():
    assert_array_equal(to_vectors([None, np.nan], "v", 3), np.full((2, 3), np.nan))
