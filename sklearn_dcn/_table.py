"""Any table -> checked rows and named columns, or a clear error.

The only module that knows kinds of tables. pandas frames, numpy arrays, lists of rows
and scipy.sparse matrices are taken as they are; frames of polars, arrow and the like
through narwhals. `_columns.py` reads the columns.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, issparse
from sklearn.utils.validation import check_array

from ._columns import UNKNOWN_LEVEL, Column, IdColumn, to_float
from .network.embedding import MISSING_ID

__all__ = [
    "check_table",
    "column_names",
    "get_cells",
    "get_columns",
    "has_columns",
    "header",
    "is_records",
    "mark_ids",
    "records_to_array",
    "take_rows",
    "to_categorical",
    "to_polars",
    "to_sparse",
]

# Up to this many rows are read cell by cell: whatever works on a column at once has a
# fixed cost of about 50 microseconds, which would rule a prediction of one row.
SHORT_TABLE = 64

# pandas fails, or warns, to make one row of cells of such columns.
NO_ROW_OF = ("ArrowDtype", "SparseDtype", "CategoricalDtype")


def check_table(X: Any) -> Any:
    """Return `X` as a frame, a 2-D array or a csr matrix, of at least one cell.

    A frame is one of pandas, or of narwhals in place of those of other libraries.
    Arrays keep their dtype; lists of rows that hold strings become object arrays, so
    that numbers among the strings stay numbers. Cells are not looked at yet, but for
    those of a sparse matrix.

    Raises
    ------
    TypeError
        For structured arrays, frames that are not in memory, and rows that are dicts.
    ValueError
        For tables without rows or columns, of other than two dimensions, of complex
        numbers, with a column name that occurs twice, and for sparse matrices with
        an infinite or missing entry.
    """
    if issparse(X):
        return _check_sparse(X)
    if not is_pandas(X):
        X = _bridge(X)
    if _is_frame(X):
        names = list(X.columns)
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(
                f"Column names must be unique; {twice!r} occurs more than once. Rename "
                "the columns, e.g. with df.set_axis(names, axis=1)."
            )
        _check_shape(X.shape)
        return X
    if is_records(X):
        raise TypeError(
            "X must be a table; got rows that are dicts, which only an estimator "
            "fitted to a DataFrame can predict for. Convert them with "
            f"pandas.DataFrame({'[X]' if isinstance(X, dict) else 'X'})."
        )
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
    lists = {cell_type for cell_type in types if issubclass(cell_type, (list, tuple))}
    return any(issubclass(cell_type, str) for cell_type in types) or (
        bool(lists) and types != lists
    )


def _to_objects(rows: Any) -> NDArray[Any]:
    array = np.empty((len(rows), len(rows[0])), dtype=object)
    for i, row in enumerate(rows):
        for j, cell in enumerate(row):  # one by one: a cell may be a list
            array[i, j] = cell
    return array


def _bridge(X: Any) -> Any:
    """Return a frame of polars, arrow and the like as one of narwhals."""
    if isinstance(X, (np.ndarray, list, tuple, dict)) or X is None:
        return X
    import narwhals.stable.v2 as narwhals

    if type(X).__name__ == "RecordBatch":  # which narwhals does not know
        import pyarrow

        X = pyarrow.Table.from_batches([X])
    try:
        bridged = narwhals.from_native(X, pass_through=True)
    except ValueError as error:  # a name that occurs twice
        raise ValueError(
            f"Column names must be unique. {error}\nRename the columns."
        ) from None
    if isinstance(bridged, narwhals.LazyFrame):
        raise TypeError(
            f"X must be in memory; got {type(X).__module__}.{type(X).__name__}. "
            "Compute it first, e.g. with X.collect()."
        )
    return bridged


def to_sparse(X: Any) -> Any:
    """Return a checked table of numbers as a csr matrix; missing ones are refused."""
    if issparse(X):
        return X
    columns = [to_float(column, j) for j, column in enumerate(get_columns(X))]
    return _check_sparse(csr_matrix(np.stack(columns, axis=1)))


def is_pandas(X: Any) -> bool:
    """Tell whether `X` is a pandas DataFrame, without importing pandas."""
    return hasattr(X, "iloc") and hasattr(X, "columns")


def _is_bridged(X: Any) -> bool:
    return hasattr(X, "to_native") and hasattr(X, "columns")


def _is_frame(X: Any) -> bool:
    return is_pandas(X) or _is_bridged(X)


def header(X: Any) -> Any:
    """Return what scikit-learn reads the columns' names and number from."""
    if not _is_bridged(X):
        return X
    import pandas  # releases of scikit-learn differ in the frames that they know

    return pandas.DataFrame(columns=X.columns)


def column_names(X: Any) -> list[Any] | None:
    """Return the columns' names, None where they have none that are all strings."""
    if _is_frame(X) and all(isinstance(name, str) for name in X.columns):
        return list(X.columns)
    return None


def has_columns(X: Any, names: NDArray[Any]) -> bool:
    """Tell whether `X` is a frame with exactly these column names in this order."""
    return _is_frame(X) and list(X.columns) == names.tolist()


def take_rows(X: Any, at: NDArray[Any]) -> Any:
    """Return the rows of a checked table at a mask or at positions."""
    if is_pandas(X):
        return X.iloc[at]
    return X[np.flatnonzero(at) if at.dtype.kind == "b" else at]


def get_columns(X: Any) -> list[Column]:
    """Return the columns of a checked table that is not sparse, in order."""
    if _is_frame(X):
        return [X[name] for name in X.columns]
    columns: list[Column] = [X[:, j] for j in range(X.shape[1])]
    for j, levels in _marked_levels(X).items():
        columns[j] = IdColumn(_check_ids(columns[j], j, len(levels)), levels)
    return columns


# An array that holds ids among numbers says so in the metadata of its dtype, which
# goes along with its rows: {position: levels in the order of their ids}.
MARK = "sklearn_dcn_levels"


def mark_ids(X: NDArray[Any], levels: dict[int, Any]) -> NDArray[Any]:
    """Return a view of an array that says which of its columns are ids of what."""
    mark = {MARK: levels, "n_columns": X.shape[1]}
    return X.view(np.dtype(X.dtype.type, metadata=mark))


def to_categorical(frame: Any, levels: dict[int, Any]) -> Any:
    """Return a pandas or polars frame with its columns of ids as categories.

    Their labels are the levels, after that of an unknown one; missing cells are null.

    Parameters
    ----------
    frame : DataFrame
        Ids and other columns.
    levels : dict of {int: list}
        The levels in the order of their ids, by position of the column.
    """
    if not is_pandas(frame):
        return _to_enums(frame, levels)
    import pandas

    columns = {}
    for j, name in enumerate(frame.columns):
        columns[name] = frame[name]
        if j in levels:
            categories = pandas.Index([UNKNOWN_LEVEL, *levels[j]], dtype=object)
            # Id 1, missing, is code -1.
            ids = np.asarray(frame[name])
            codes = np.where(ids == MISSING_ID, -1, np.maximum(ids - 1, 0))
            columns[name] = pandas.Categorical.from_codes(codes, categories)
    return pandas.DataFrame(columns, index=frame.index)


def _to_enums(frame: Any, levels: dict[int, Any]) -> Any:
    import polars

    columns = []
    for j, name in enumerate(frame.columns):
        if j in levels:
            labels = [str(level) for level in levels[j]]
            kind = polars.Enum([UNKNOWN_LEVEL, *labels])
            of_ids = polars.Series([UNKNOWN_LEVEL, None, *labels], dtype=kind)
            columns.append(of_ids.gather(frame[name].to_numpy()).alias(name))
        else:
            columns.append(frame[name])
    return polars.DataFrame(columns)


def to_polars(columns: dict[str, list[Any]]) -> Any:
    """Return a polars frame of columns of cells."""
    import polars

    return polars.DataFrame(columns, strict=False)


def _marked_levels(X: Any) -> dict[int, Any]:
    mark = X.dtype.metadata or {}
    if MARK in mark and mark["n_columns"] != X.shape[1]:
        raise ValueError(
            f"X has {X.shape[1]} of the {mark['n_columns']} columns of an encoded "
            "array, which of them hold ids is not known. Choose columns before "
            "encoding, or encode with set_output(transform='pandas')."
        )
    return mark.get(MARK, {})


def _check_ids(column: NDArray[Any], j: int, n_levels: int) -> NDArray[np.int64]:
    ids = column.astype(np.int64)
    if (ids != column).any() or ids.min() < 0 or ids.max() >= n_levels + 2:
        raise ValueError(
            f"Column {j} of an encoded array must hold ids in [0, {n_levels + 1}]; got "
            f"{column[(ids != column) | (ids < 0) | (ids >= n_levels + 2)][0]}. Change "
            "columns before encoding, not afterwards."
        )
    return ids


def get_cells(X: Any) -> list[list[Any]] | None:
    """Return the columns of a short checked table as lists of their cells.

    None for a long table, or one whose cells come out as other objects than they are.
    """
    if X.shape[0] > SHORT_TABLE:
        return None
    if _is_bridged(X):
        if any(type(dtype).__name__ == "Struct" for dtype in X.schema.dtypes()):
            return None  # `split_lists` must see that a missing weight is none
        return [X[name].to_list() for name in X.columns]
    if is_pandas(X):
        kinds = {type(dtype).__name__ for dtype in X.dtypes.tolist()}
        if len(X) == 1 and kinds.isdisjoint(NO_ROW_OF):
            row = X.iloc[0]  # three times as fast; among numbers alone it makes floats
            if row.dtype.kind == "O":
                return [[cell] for cell in row.tolist()]
        X = X.to_numpy(dtype=object)
    if X.dtype.kind in "mM" or _marked_levels(X):
        return None
    return X.T.tolist()


def is_records(X: Any) -> bool:
    """Tell whether `X` is a row, or a list of rows, that are dicts by column name."""
    if isinstance(X, (list, tuple)):
        return len(X) > 0 and isinstance(X[0], dict)
    return isinstance(X, dict) and not issparse(X)  # scipy 1.11 has a dict of keys


def records_to_array(X: Any, names: Any) -> NDArray[Any]:
    """Return rows that are dicts as an array of objects with the columns `names`.

    Raises
    ------
    ValueError
        If a row lacks a column or has one that is not among `names`.
    TypeError
        If a row is no dict.
    """
    records = [X] if isinstance(X, dict) else X
    array = np.empty((len(records), len(names)), dtype=object)
    for i, record in enumerate(records):
        if not isinstance(record, dict):
            raise TypeError(
                f"The rows of X must all be dicts, as the first; row {i} is of type "
                f"{type(record).__name__}."
            )
        if record.keys() != names.keys():
            lacking = [name for name in names if name not in record]
            unknown = [name for name in record if name not in names]
            raise ValueError(
                f"Row {i} of X must have the columns of fit; it lacks {lacking} and "
                f"has the unknown {unknown}. A missing cell is None."
            )
        for j, name in enumerate(names):
            array[i, j] = record[name]
    return array
