"""Columns that are not features, but factors or terms of predictions."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from .._table import column_names, get_columns, to_float

__all__ = ["find_column", "left_out", "read_offset"]

OFFSETS = ("exposure", "offset")


def left_out(estimator: Any) -> dict[str, Any]:
    """Return the parameters that name columns which are not features, if any do."""
    found = {name: getattr(estimator, name, None) for name in OFFSETS}
    return {name: value for name, value in found.items() if value is not None}


def read_offset(estimator: Any, X: Any) -> NDArray[np.float64] | None:
    """Return the offset of each row (n,) in the units of the link, if there is one.

    Raises
    ------
    ValueError
        If the table has no such column, or a cell is missing or out of bounds.
    TypeError
        If a cell is not a number.
    """
    total: NDArray[np.float64] | None = None
    for name, value in left_out(estimator).items():
        if issparse(X):
            raise ValueError(
                f"{name}={value!r} names a column of a table, and X is a sparse "
                "matrix. Give a DataFrame; BagColumn of sklearn_dcn.preprocessing "
                "makes one column of a sparse matrix."
            )
        # Rows of dicts are an array by now, of the columns of fit.
        names = column_names(X) or getattr(estimator, "feature_names_in_", None)
        x = to_float(find_column(X, value, name, names), value)
        bad = ~np.isfinite(x) | (x <= 0 if name == "exposure" else False)
        if bad.any():
            row = int(bad.argmax())
            must = "above 0 and finite" if name == "exposure" else "finite"
            raise ValueError(
                f"Column {value!r}, the {name}, must be {must}; got {x[row]:g} in row "
                f"{row}. Drop such rows, or fill in the values."
            )
        if X.shape[1] <= len(left_out(estimator)):
            raise ValueError(
                f"X must have columns beside {value!r}, the {name}, which is not a "
                "feature; got none. Add one."
            )
        x = np.log(x) if name == "exposure" else x
        total = x if total is None else total + x
    return total


def find_column(
    X: Any, value: Any, parameter: str, names: Any = None, remedy: str = ""
) -> Any:
    """Return the column of a checked table that a parameter names, or its position.

    Parameters
    ----------
    X : checked table
    value : str, int or tuple
        The value of the parameter.
    parameter : str
        Its name.
    names : sequence of str or None, default=None
        Names of the columns, if they have any.
    remedy : str, default=""
        The end of the message.

    Raises
    ------
    ValueError
        If there is no such column.
    """
    known = [*range(X.shape[1])] if names is None else [*names]
    if value in known:
        return get_columns(X)[known.index(value)]
    if isinstance(value, Integral) and 0 <= int(value) < X.shape[1]:
        return get_columns(X)[int(value)]
    raise ValueError(
        f"{parameter} names {value!r}, which is no column of X; its columns are "
        f"{known[:10]}{'...' if len(known) > 10 else ''}.{remedy}"
    )
