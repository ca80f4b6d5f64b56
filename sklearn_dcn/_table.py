"""Any table -> named columns, each a number or a category, or a clear error.

The only module that knows kinds of tables. numpy arrays, lists and pandas frames
come in; what goes on is a list of columns (1-D arrays or Series), whose cells are
read through `to_float` (numbers) and `factorize` (categories).
"""

from __future__ import annotations

import decimal
import numbers
import sys
from typing import Any, Literal, NoReturn

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.utils.validation import check_array

__all__ = [
    "check_table",
    "column_kind",
    "describe",
    "factorize",
    "factorize_cells",
    "get_cells",
    "get_columns",
    "has_columns",
    "is_records",
    "level_family",
    "missing_types",
    "records_to_array",
    "to_float",
    "unwrap_nullable",
]

Column = Any  # a 1-D ndarray, a pandas Series, or a list of cells

# Up to this many rows are read cell by cell: whatever works on a column at once has a
# fixed cost of about 50 microseconds, which would rule a prediction of one row.
SHORT_TABLE = 64

# pandas fails, or warns, to make one row of cells of such columns.
NO_ROW_OF = ("ArrowDtype", "SparseDtype", "CategoricalDtype")


def check_table(X: Any) -> Any:
    """Return `X` as a pandas DataFrame or a 2-D array of at least one cell.

    Arrays keep their dtype; lists of rows that hold strings become object arrays, so
    that numbers among the strings stay numbers. Cells are not looked at yet.

    Raises
    ------
    TypeError
        For sparse matrices, structured arrays and tables of other libraries.
    ValueError
        For tables without rows or columns, of other than two dimensions, of complex
        numbers, or with a column name that occurs twice.
    """
    if is_pandas(X):
        if X.columns.has_duplicates:
            twice = X.columns[X.columns.duplicated()].tolist()[0]
            raise ValueError(
                f"Column names must be unique; {twice!r} occurs more than once. Rename "
                "the columns, e.g. with df.set_axis(names, axis=1)."
            )
        for axis, what in ((0, "sample"), (1, "feature")):
            if X.shape[axis] == 0:
                raise ValueError(
                    f"Found array with 0 {what}(s) (shape={X.shape}) while a minimum "
                    "of 1 is required."
                )
        return X
    if is_records(X):
        raise TypeError(
            "X must be a table; got rows that are dicts, which only an estimator "
            "fitted to a DataFrame can predict for. Convert them with "
            f"pandas.DataFrame({'[X]' if isinstance(X, dict) else 'X'})."
        )
    if hasattr(X, "to_pandas"):
        raise TypeError(
            f"X must be a pandas DataFrame, a numpy array or a list of rows; got "
            f"{type(X).__module__}.{type(X).__name__}. Convert it with X.to_pandas()."
        )
    if isinstance(X, (list, tuple)) and np.asarray(X).dtype.kind in "US":
        X = np.asarray(X, dtype=object)
    if getattr(getattr(X, "dtype", None), "names", None):
        raise TypeError(
            "X must not be a structured array, whose fields have no common type. "
            "Convert it with pandas.DataFrame(X)."
        )
    return check_array(X, dtype=None, ensure_all_finite=False)


def is_pandas(X: Any) -> bool:
    """Tell whether `X` is a pandas DataFrame, without importing pandas."""
    return hasattr(X, "iloc") and hasattr(X, "columns")


def has_columns(X: Any, names: NDArray[Any]) -> bool:
    """Tell whether `X` is a frame with exactly these column names in this order."""
    return is_pandas(X) and X.columns.tolist() == names.tolist()


def get_columns(X: Any) -> list[Column]:
    """Return the columns of a checked table, in order."""
    if is_pandas(X):
        return [X[name] for name in X.columns]
    return [X[:, j] for j in range(X.shape[1])]


def get_cells(X: Any) -> list[list[Any]] | None:
    """Return the columns of a short checked table as lists of their cells.

    None for a long table, or one whose cells come out as other objects than they are.
    """
    if len(X) > SHORT_TABLE:
        return None
    if is_pandas(X):
        kinds = {type(dtype).__name__ for dtype in X.dtypes.tolist()}
        if len(X) == 1 and kinds.isdisjoint(NO_ROW_OF):
            row = X.iloc[0]  # three times as fast; among numbers alone it makes floats
            if row.dtype.kind == "O":
                return [[cell] for cell in row.tolist()]
        X = X.to_numpy(dtype=object)
    return X.T.tolist() if X.dtype.kind not in "mM" else None


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
        array[i] = [record[name] for name in names]
    return array


def describe(name: str | int) -> str:
    """Return how an error calls a column: by its name, else by its position."""
    return f"Column {name!r}"


def column_kind(column: Column, name: str | int) -> Literal["number", "category"]:
    """Tell whether a column's type makes it a number or a category.

    Strings, bytes, booleans and pandas categories are categories; integers, floats
    and decimals are numbers. A column of Python objects is judged by its cells.

    Raises
    ------
    TypeError
        For dates, durations, complex numbers, containers and other objects.
    """
    dtype = column.dtype
    dtype_name = str(dtype)
    if dtype_name == "category" or dtype_name.startswith("dictionary<"):
        return "category"
    if dtype_name == "str" or dtype_name.startswith(("string", "large_string")):
        return "category"  # pandas strings
    if dtype.kind in "iuf":
        return "number"
    if dtype.kind in "bUST":
        return "category"
    if dtype.kind in "mM" or dtype_name.startswith(("period", "interval")):
        _raise_bad_cell(name, dtype_name)
    if dtype.kind == "c":
        raise ValueError(f"{describe(name)}: Complex data not supported.")
    cell_types = {type(cell) for cell in column.tolist()} - missing_types()
    _check_cell_types(cell_types, name)
    families = {level_family(cell_type) for cell_type in cell_types}
    return "number" if families <= {"number"} else "category"


def _check_cell_types(cell_types: set[type], name: str | int) -> None:
    for cell_type in cell_types:
        if level_family(cell_type) is None:
            _raise_bad_cell(name, cell_type.__name__)


def _raise_bad_cell(name: str | int, what: str) -> NoReturn:
    remedy = "Drop the column or turn its cells into strings or numbers"
    if any(word in what.lower() for word in ("timedelta", "duration")):
        remedy = "Replace the column by a number, e.g. .dt.total_seconds()"
    elif any(word in what.lower() for word in ("date", "time", "period")):
        remedy = (
            "Replace the column by numbers or categories that it holds, e.g. .dt.year, "
            ".dt.dayofweek and .dt.hour, or the days since a date"
        )
    # The words "argument must be a string or a number" are those of scikit-learn.
    raise TypeError(
        f"{describe(name)} holds {what}, but each cell's argument must be a string or "
        f"a number. {remedy}."
    )


def level_family(cell_type: type) -> str | None:
    """Return "string", "bytes", "bool" or "number", or None for a type not taken."""
    if issubclass(cell_type, str):
        return "string"
    if issubclass(cell_type, bytes):
        return "bytes"
    if issubclass(cell_type, (bool, np.bool_)):
        return "bool"
    if issubclass(cell_type, (numbers.Real, decimal.Decimal)):
        return "number"
    return None


def missing_types() -> set[type]:
    """Return the types whose every value is a missing one."""
    pandas = sys.modules.get("pandas")  # its NA exists only where it is imported
    return {type(None)} | ({type(pandas.NA), type(pandas.NaT)} if pandas else set())


def to_float(column: Column, name: str | int) -> NDArray[np.float64]:
    """Return a column's numbers, missing ones as NaN.

    Raises
    ------
    ValueError
        If a cell is infinite, or a string that is no number.
    TypeError
        If a cell is no number.
    """
    if isinstance(column, list):
        values = _cells_to_float(column, name)
    elif column.dtype.kind in "mM":
        _raise_bad_cell(name, str(column.dtype))
    elif column.dtype.kind in "iufb":
        if hasattr(column, "to_numpy"):  # pandas, also nullable and arrow-backed
            values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        else:
            values = column.astype(np.float64)
    else:
        values = _cells_to_float(column.tolist(), name)
    infinite = np.isinf(values)
    if infinite.any():
        raise ValueError(
            f"{describe(name)} contains infinity (first in row "
            f"{int(infinite.argmax())}), but numbers must be finite or missing. "
            "Replace it, e.g. with df.replace([np.inf, -np.inf], np.nan)."
        )
    return values


def _cells_to_float(cells: list[Any], name: str | int) -> NDArray[np.float64]:
    missing = missing_types()
    values = np.empty(len(cells), dtype=np.float64)
    for i, cell in enumerate(cells):
        if type(cell) is float:
            values[i] = cell
        elif type(cell) in missing:
            values[i] = np.nan
        elif level_family(type(cell)) in ("number", "bool"):
            try:
                values[i] = cell
            except OverflowError:  # an integer beyond 1.8e308
                values[i] = np.inf
        elif isinstance(cell, (str, bytes)):
            raise ValueError(
                f"{describe(name)} must hold numbers; could not convert string to "
                f"float: {cell!r}. Turn the column into numbers, or, if it is a "
                "category, fit with it in categorical_features."
            )
        else:
            _raise_bad_cell(name, type(cell).__name__)
    return values


def unwrap_nullable(column: Any) -> Any:
    """Return a nullable pandas column of integers or booleans as a plain array.

    Only where no cell is missing; anything else comes back as it is. scikit-learn
    would make floats of them.
    """
    dtype = getattr(getattr(column, "dtype", None), "numpy_dtype", None)
    if dtype is None or dtype.kind not in "biu" or column.isna().any():
        return column
    return column.to_numpy(dtype=dtype)


def factorize(
    column: Column, name: str | int
) -> tuple[NDArray[np.intp], list[str | bytes | bool | int | float]]:
    """Return ``(codes, levels)``: the column is ``levels[codes]``, -1 where missing.

    Levels are Python scalars, so that 7, 7.0 and ``np.int64(7)`` are one level, and
    integers beyond 2**53 stay apart.

    Raises
    ------
    TypeError
        If a cell is neither a string, bytes, a number nor a boolean.
    """
    dtype_name = str(column.dtype)
    if column.dtype.kind in "mM":
        _raise_bad_cell(name, dtype_name)
    if dtype_name == "category":
        categories = column.cat.categories
        _check_cell_types({type(level) for level in categories.tolist()}, name)
        return column.cat.codes.to_numpy().astype(np.intp), categories.tolist()
    is_pandas_column = hasattr(column, "factorize")
    kind = column.dtype.kind
    if (
        (kind in "OT" and not is_pandas_column)
        or dtype_name.startswith("null")  # pandas 2.2 would make NA a level
    ):
        return factorize_cells(column.tolist(), name)
    if is_pandas_column:
        try:
            codes, index = column.factorize()
        except (TypeError, NotImplementedError):  # a cell that can't be hashed; name it
            return factorize_cells(column.tolist(), name)
        levels = index.tolist()
    else:
        levels, codes = np.unique(column, return_inverse=True)
        levels = levels.tolist()
        if levels[-1] != levels[-1]:  # NaN sorts last, as one value
            codes[codes == len(levels) - 1] = -1
            levels.pop()
    if kind not in "iufbUS":
        _check_cell_types({type(level) for level in levels}, name)
    return codes, levels


def factorize_cells(
    cells: list[Any], name: str | int
) -> tuple[NDArray[np.intp], list[Any]]:
    """Return ``(codes, levels)`` of a list of cells, as `factorize`."""
    missing = missing_types()
    _check_cell_types({type(cell) for cell in cells} - missing, name)
    index: dict[Any, int] = {}
    codes = np.empty(len(cells), dtype=np.intp)
    for i, cell in enumerate(cells):
        if type(cell) in missing or cell != cell:  # None, NA, NaT, and NaN
            codes[i] = -1
        else:
            codes[i] = index.setdefault(cell, len(index))
    return codes, list(index)
