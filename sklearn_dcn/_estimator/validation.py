"""Which rows validate, and which give others their statistics."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._roles import GroupRoles, LastRoles, Mask, RandomRoles, Roles
from .._table import column_names
from .offsets import find_column

__all__ = [
    "VALIDATIONS",
    "advise_order",
    "held_out",
    "read_key",
    "roles_of",
    "which_way",
]

VALIDATIONS = ("auto", "random", "last", "groups")

# The parameter that says by what, of each way that has one.
KEYS = {"last": "validation_time", "groups": "validation_groups"}


def which_way(parameters: dict[str, Any]) -> str:
    """Return `validation`; "auto" is the kind whose key parameter is set, if one is."""
    validation: str = parameters["validation"]
    if validation == "auto":
        named = [way for way, other in KEYS.items() if parameters[other] is not None]
        return named[0] if named else "auto"
    return validation


def read_key(parameters: dict[str, Any], X: Any) -> NDArray[Any] | None:
    """Return the time, or the group, of each row of a checked table, if it has one.

    Raises
    ------
    ValueError
        If `validation`, `validation_time` and `validation_groups` do not match each
        other or the table.
    """
    validation = which_way(parameters)
    for way, other in KEYS.items():
        if way != validation and parameters[other] is not None:
            raise ValueError(
                f"{other} is for validation={way!r}; got validation={validation!r}. "
                "Leave one of them out."
            )
    if validation == "groups" and parameters["validation_groups"] is None:
        raise ValueError(
            "validation='groups' needs validation_groups: the name of the column that "
            "holds the group of each row, or an array of groups."
        )
    name = KEYS.get(validation)
    value = None if name is None else parameters[name]
    if name is None or value is None:
        return None
    is_column = isinstance(value, (str, Integral, tuple))
    also = " An array of one entry a row does as well."
    names = column_names(X)
    column = find_column(X, value, name, names, also) if is_column else value
    key = np.asarray(column)
    if key.shape != (X.shape[0],):
        raise ValueError(
            f"{name} must be the name of a column, or an array of one entry for each "
            f"of the {X.shape[0]} rows; got shape {key.shape}."
        )
    missing = key != key
    if key.dtype == object:
        missing = np.array([cell is None or cell != cell for cell in key], dtype=bool)
    if missing.any():
        raise ValueError(
            f"{name} must have no missing entry; row {int(missing.argmax())} has one. "
            "Drop such rows, or give them an entry of their own."
        )
    try:
        return np.unique(key, return_inverse=True)[1].reshape(-1)
    except TypeError as error:
        raise ValueError(
            f"{name} must hold entries that can be sorted, all of one type: {error}."
        ) from None


def roles_of(
    validation: str,
    n_rows: int,
    key: NDArray[Any] | None,
    strata: NDArray[Any] | None,
) -> Roles:
    """Return the roles of checked rows.

    Parameters
    ----------
    validation : {"auto", "random", "last", "groups"}
        "auto" is "random", as long as nothing is known about the rows.
    n_rows : int
    key : ndarray of shape (n_rows,) or None
        The time, or the group, of each row.
    strata : ndarray of shape (n_rows,) or None
        Classes that a random split keeps in proportion.
    """
    if validation == "last":
        return LastRoles(n_rows, key)
    if validation == "groups":
        assert key is not None
        return GroupRoles(key)
    return RandomRoles(n_rows, strata, key)


def advise_order(share: float, by: Any) -> str:
    """Return the text of the warning that rows are in an order.

    Parameters
    ----------
    share : float
        How much higher the loss of the last rows is.
    by : str, int or None
        The column of dates that orders them; None is the order of the table.
    """
    order = "the order of the table" if by is None else f"the order of {by!r}"
    last = "None" if by is None else repr(by)
    return (
        f"Rows look as if {order} were that of time: the last two fifths are predicted "
        f"{share:.0%} worse from the rows before them than from rows at random. So the "
        "last rows validate, and statistics of rows come from earlier ones. If this is "
        f"right, set validation='last' and validation_time={last}; if new rows will be "
        "like any of these, set validation='random'."
    )


def held_out(trains: Mask) -> NDArray[np.intp]:
    """Return the positions of the rows that validate a member."""
    return np.flatnonzero(~trains.all(axis=1))
