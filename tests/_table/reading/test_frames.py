"""Frames of any library: their columns, rows and names, and nothing of them changed."""

import numpy as np
import pandas as pd
import pytest
from helpers.frames import CONTENT, OF_FRAMES, kinds_of
from numpy.testing import assert_array_equal

from sklearn_dcn._table.reading.floats import to_float
from sklearn_dcn._table.reading.frames import header
from sklearn_dcn._table.reading.tables import (
    check_table,
    get_cells,
    get_columns,
    has_columns,
    take_rows,
)


def test_frames_pass_unchanged():
    """A frame is not copied or converted; its columns come in order."""
    frame = pd.DataFrame({"b": [1, 2], "a": ["x", None], 7: [0.5, 1.5]})
    assert check_table(frame) is frame
    assert [column.name for column in get_columns(frame)] == ["b", "a", 7]


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
