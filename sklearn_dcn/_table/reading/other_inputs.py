"""What users pass instead of a table: it is converted, or an error says how to."""

from __future__ import annotations

from collections.abc import Iterator, Set, ValuesView
from typing import Any, NoReturn

__all__ = ["refuse_lazy", "to_table_like"]

# The method that brings a table into memory, of those that have it: of dask, of Spark,
# of ibis, of duckdb, and of polars.
LOADERS = ("compute", "toPandas", "to_pandas", "df", "collect")


def refuse_lazy(X: Any) -> NoReturn:
    """Raise a TypeError for a frame that is not in memory, or not computed yet."""
    loader = next((name for name in LOADERS if hasattr(X, name)), None)
    remedy = "Compute it first" + (f", e.g. with X.{loader}()." if loader else ".")
    raise TypeError(f"X must be in memory; got {_kind(X)}. {remedy}")


def to_table_like(X: Any) -> Any:
    """Return `X`, or what it holds if its type alone is not that of a table.

    A tensor becomes an array.

    Raises
    ------
    ValueError
        For a Series.
    TypeError
        For lists of series, groups, iterators and other things that are no tables.
    """
    if hasattr(X, "detach") and hasattr(X, "cpu"):
        return _tensor_to_array(X)
    what, remedy = _kind(X), ""
    if _is_series(X):  # in scikit-learn's words
        raise ValueError(
            f"Expected a 2-dimensional container, i.e. a table; got {what}. If it is "
            "one column, use X.to_frame(); if it is one row, X.to_frame().T."
        )
    if isinstance(X, (list, tuple)) and len(X) and _is_series(X[0]):
        what = f"a {type(X).__name__} of {_kind(X[0])}"
        remedy = "for columns, pandas.concat(X, axis=1); for rows, pandas.DataFrame(X)"
    elif type(X).__name__.endswith("GroupBy"):
        remedy = "the rows themselves, or an aggregate such as X.mean()"
    elif isinstance(X, Iterator):
        remedy = "its rows are list(X)"
    elif isinstance(X, (Set, ValuesView)):
        remedy = "rows in their order, as a list"
    if remedy:
        raise TypeError(
            f"X must be a table, i.e. a DataFrame, a 2-D array, a list of rows or a "
            f"sparse matrix; got {what}. What is needed: {remedy}."
        )
    return X


def _tensor_to_array(X: Any) -> Any:
    try:
        return X.detach().cpu().numpy()
    except TypeError as error:  # a sparse one, or of a dtype that numpy has not
        raise TypeError(
            f"X must be a dense tensor of a dtype of numpy; got {X.layout}, "
            f"{X.dtype}. Convert it, e.g. with X.to_dense().float(). {error}"
        ) from None


def _is_series(X: Any) -> bool:
    """Tell whether `X` is a Series or Index of pandas, or a Series of polars."""
    return hasattr(X, "to_frame") and getattr(X, "ndim", len(X.shape)) == 1


def _kind(X: Any) -> str:
    return f"{type(X).__module__}.{type(X).__name__}"
