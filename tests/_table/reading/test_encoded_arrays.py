"""Arrays that say which of their columns are ids, and of what."""

import numpy as np
import pytest
from helpers.frames import kinds_of

from sklearn_dcn._table.reading.columns import IdColumn
from sklearn_dcn._table.reading.encoded_arrays import mark_ids
from sklearn_dcn._table.reading.floats import to_float
from sklearn_dcn._table.reading.tables import check_table, get_cells, get_columns


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
