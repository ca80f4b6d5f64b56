"""Any table -> checked rows and named columns, or a clear error."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, issparse
from sklearn.utils.validation import check_array

from .columns import Column, IdColumn
from .encoded_arrays import check_ids, marked_levels
from .floats import to_float
from .frames import bridge, is_frame, is_narwhals, is_pandas
from .other_inputs import refuse_lazy, to_table_like
from .records import is_records

__all__ = [
    "SHORT_TABLE",
    "check_table",
    "column_names",
    "drop_column",
    "get_cells",
    "get_columns",
    "has_columns",
    "take_rows",
    "to_sparse",
]


# Up to this many rows are read cell by cell: whatever works on a column at once has a
# fixed cost of about 50 microseconds, which would rule a prediction of one row.
SHORT_TABLE = 64

# pandas fails, or warns, to make one row of cells of such columns.
NO_ROW_OF = ("ArrowDtype", "SparseDtype", "CategoricalDtype")


def check_table(X: Any) -> Any:
    """Return `X` as a frame, a 2-D array or a csr matrix, of at least one cell.

    A frame is one of pandas, or one of narwhals that stands for other libraries.
    Arrays keep their dtype; lists of rows that hold strings become object arrays, so
    that numbers among the strings stay numbers. Cells are not checked yet, except in
    sparse matrices.

    Raises
    ------
    TypeError
        For structured arrays, frames that are not in memory, rows that are dicts, and
        anything that is not a table.
    ValueError
        For tables without rows or columns, of other than two dimensions, of complex
        numbers, with a column name that occurs twice, and for sparse matrices with
        an infinite or missing entry.
    """
    if issparse(X):
        return _check_sparse(X)
    if is_frame(X) and hasattr(X, "compute"):  # of dask, which looks like pandas
        refuse_lazy(X)
    if not is_pandas(X):
        X = bridge(X)
    if is_frame(X):
        names = _names_of(X)
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(
                f"Column names must be unique; {twice!r} occurs more than once. Rename "
                "the columns, e.g. with df.set_axis(names, axis=1)."
            )
        _check_shape(X.shape)
        return X
    if is_records(X):
        convert = "Convert them with pandas.DataFrame(X)."
        if isinstance(X, dict):
            convert = (
                "Convert it with pandas.DataFrame(X) if it holds columns, and with "
                "pandas.DataFrame([X]) if it is a row."
            )
        raise TypeError(
            "X must be a table; got rows that are dicts, which only an estimator "
            f"fitted to a DataFrame can predict for. {convert}"
        )
    X = to_table_like(X)
    if isinstance(X, (list, tuple)) and _holds_objects(X):
        X = _to_objects(X)
    if getattr(getattr(X, "dtype", None), "names", None):
        raise TypeError(
            "X must not be a structured array, whose fields have no common type. "
            "Convert it with pandas.DataFrame(X)."
        )
    return check_array(X, dtype=None, ensure_all_finite=False)


def _check_shape(shape: tuple[int, ...]) -> None:
    for axis, what in ((0, "sample"), (1, "feature")):
        if shape[axis] == 0:
            raise ValueError(
                f"Found array with 0 {what}(s) (shape={shape}) while a minimum of 1 is "
                "required."
            )


def _check_sparse(X: Any) -> Any:
    if X.ndim != 2:
        raise ValueError(
            f"Expected 2D array, got a sparse array with {X.ndim} dimension(s). "
            "Reshape your data, e.g. with X.reshape(1, -1)."
        )
    _check_shape(X.shape)
    if X.dtype.kind == "c":
        raise ValueError("Complex data not supported.")
    if X.dtype.kind not in "biuf":
        raise TypeError(f"A sparse X must hold numbers; got dtype {X.dtype}.")
    X = X.tocsr()
    if not X.has_canonical_format:
        X = X.copy()  # the caller's matrix stays as it is
        X.sum_duplicates()
    if not np.isfinite(X.data).all():
        raise ValueError(
            "A sparse X must hold finite numbers; got infinity or NaN (missing), e.g. "
            f"{X.data[~np.isfinite(X.data)][0]}. Replace it, or take its rows out."
        )
    return X


def _holds_objects(rows: Any) -> bool:
    """Tell whether a list of rows holds strings, or lists beside other cells."""
    first = rows[0] if len(rows) else None
    if not isinstance(first, (list, tuple)) or any(
        not isinstance(row, (list, tuple)) or len(row) != len(first) for row in rows
    ):
        return False
    types = {type(cell) for row in rows for cell in row}
    several = (list, tuple, np.ndarray)
    lists = {cell_type for cell_type in types if issubclass(cell_type, several)}
    return any(issubclass(cell_type, str) for cell_type in types) or (
        bool(lists) and types != lists
    )


def _to_objects(rows: Any) -> NDArray[Any]:
    array = np.empty((len(rows), len(rows[0])), dtype=object)
    for i, row in enumerate(rows):
        for j, cell in enumerate(row):  # one by one: a cell may be a list
            array[i, j] = cell
    return array


def to_sparse(X: Any) -> Any:
    """Return a checked table of numbers as a csr matrix; refuse missing numbers."""
    if issparse(X):
        return X
    columns = [to_float(column, j) for j, column in enumerate(get_columns(X))]
    return _check_sparse(csr_matrix(np.stack(columns, axis=1)))


def column_names(X: Any) -> list[Any] | None:
    """Return the columns' names, None unless all are strings."""
    if is_frame(X) and all(isinstance(name, str) for name in _names_of(X)):
        return _names_of(X)
    return None


def _names_of(frame: Any) -> list[Any]:
    names = frame.columns
    return names if isinstance(names, list) else names.tolist()  # a quarter of `list`


def has_columns(X: Any, names: NDArray[Any]) -> bool:
    """Tell whether `X` is a frame with exactly these column names in this order."""
    return is_frame(X) and _names_of(X) == names.tolist()


def take_rows(X: Any, at: NDArray[Any]) -> Any:
    """Return the rows of a checked table at a mask or at positions."""
    if is_pandas(X):
        return X.iloc[at]
    return X[np.flatnonzero(at) if at.dtype.kind == "b" else at]


def drop_column(X: Any, at: int) -> Any:
    """Return a checked table without the column at a position."""
    if is_frame(X):
        name = X.columns[at]
        return X.drop(columns=[name]) if is_pandas(X) else X.drop(name)
    return X[:, [j for j in range(X.shape[1]) if j != at]]


def get_columns(X: Any) -> list[Column]:
    """Return the columns of a checked table that is not sparse, in order."""
    if is_frame(X):
        return [X[name] for name in X.columns]
    columns: list[Column] = [X[:, j] for j in range(X.shape[1])]
    for j, levels in marked_levels(X).items():
        columns[j] = IdColumn(check_ids(columns[j], j, len(levels)), levels)
    return columns


def get_cells(X: Any) -> list[list[Any]] | None:
    """Return the columns of a short checked table as lists of their cells.

    None for a long table, or if its cells would come out as other objects.
    """
    if X.shape[0] > SHORT_TABLE:
        return None
    if is_narwhals(X):
        if any(type(dtype).__name__ == "Struct" for dtype in X.schema.dtypes()):
            return None  # `split_lists` must see that a missing weight is none
        # Python has no dates beyond the year 9999.
        return [
            X[name] if dtype.is_temporal() else X[name].to_list()
            for name, dtype in X.schema.items()
        ]
    if is_pandas(X):
        kinds = {type(dtype).__name__ for dtype in X.dtypes.tolist()}
        if len(X) == 1 and kinds.isdisjoint(NO_ROW_OF):
            row = X.iloc[0]  # three times as fast; among numbers alone it makes floats
            if row.dtype.kind == "O":
                return [[cell] for cell in row.tolist()]
        X = X.to_numpy(dtype=object)
    if X.dtype.kind in "mM" or marked_levels(X):
        return None
    return X.T.tolist()
