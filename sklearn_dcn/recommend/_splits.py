"""Interactions to train on, and later ones to test on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._checks import check_count, check_rate
from .._table import take_rows
from ._tables import check_frame, ids_of, native

__all__ = ["leave_one_out", "split_by_time"]


def leave_one_out(
    interactions: Any, *, user: str, time: str | None = None, n: int = 1
) -> tuple[Any, Any]:
    """Return all interactions except the last of each user, and those last ones.

    Parameters
    ----------
    interactions : DataFrame
        A row for each interaction.
    user : str
        Name of the column of users.
    time : str or None, default=None
        Name of the column of times, dates or numbers; None is the order of the rows,
        which also decides between equal times.
    n : int, default=1
        How many of each user's last interactions are held out.

    Returns
    -------
    train, held_out : DataFrame
        Rows in their original order. Users with n interactions or fewer are in `train`
        alone.

    Raises
    ------
    ValueError
        If a column is missing, or has missing cells.

    See Also
    --------
    split_by_time : One moment for all: no row of `train` is later than one held out.
    sklearn_dcn.model_selection.DaySplit : Day by day, for `cross_val_score`.

    Notes
    -----
    `train` has rows of other users that are later than some of `held_out`, so models
    learn too early what becomes popular. That flatters all models, those of popularity
    the most.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_dcn.recommend import leave_one_out
    >>> views = pd.DataFrame({"user": [1, 2, 1, 1], "film": list("abcd")})
    >>> views["time"] = [3, 1, 9, 2]
    >>> train, held_out = leave_one_out(views, user="user", time="time")
    >>> held_out
       user film  time
    2     1    c     9
    """
    n = check_count("n", n, minimum=1)
    table = check_frame(interactions, "interactions")
    ids = ids_of(table, user, "interactions", "user")
    code = ids.factorize()[0]
    order = np.arange(len(code))
    if time is not None:
        order = _times(table, time).argsort(kind="stable")
    order = order[np.argsort(code[order], kind="stable")]  # by user, then by time
    size = np.bincount(code)
    from_end = np.repeat(np.cumsum(size), size) - np.arange(len(code))
    is_held_out = np.zeros(len(code), dtype=bool)
    is_held_out[order] = (from_end <= n) & (np.repeat(size, size) > n)
    return _split(table, is_held_out)


def split_by_time(
    interactions: Any, *, time: str, test_fraction: float = 0.2
) -> tuple[Any, Any]:
    """Return the interactions up to a moment, and those after it.

    Parameters
    ----------
    interactions : DataFrame
        A row for each interaction.
    time : str
        Name of the column of times, dates or numbers.
    test_fraction : float, default=0.2
        Share of the rows that is held out, in (0, 1). It can be less, as rows of the
        same time stay together.

    Returns
    -------
    train, held_out : DataFrame
        Rows in their order.

    Raises
    ------
    ValueError
        If the column is missing, has missing cells, or all rows would be in one part.

    See Also
    --------
    leave_one_out : The last interaction of each user.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_dcn.recommend import split_by_time
    >>> views = pd.DataFrame({"film": list("abcd"), "time": [3, 1, 9, 2]})
    >>> train, held_out = split_by_time(views, time="time", test_fraction=0.25)
    >>> held_out
      film  time
    2    c     9
    """
    rate = check_rate("test_fraction", test_fraction)
    table = check_frame(interactions, "interactions")
    times = _times(table, time)
    rank = np.unique(times, return_inverse=True)[1].ravel()
    at = np.sort(rank)
    n_train = len(at) - round(rate * len(at))
    last = at[n_train - 1] if n_train else -1  # the last moment that is trained on
    is_held_out = rank > last
    if is_held_out.all() or not is_held_out.any():
        raise ValueError(
            f"test_fraction={test_fraction!r} must leave rows in both parts; of "
            f"{len(at):,} rows {int(is_held_out.sum()):,} are held out. Give another, "
            f"or a finer column than {time!r}."
        )
    return _split(table, is_held_out)


def _times(table: Any, time: str) -> NDArray[Any]:
    """Return a column of times."""
    column = ids_of(table, time, "interactions", "time")
    found: NDArray[Any] = column.to_numpy()
    if found.dtype == object:  # as of dates with a zone
        import pandas

        found = pandas.to_datetime(column, utc=True).to_numpy()
    return found


def _split(table: Any, is_held_out: NDArray[np.bool_]) -> tuple[Any, Any]:
    parts = (take_rows(table, np.flatnonzero(of)) for of in (~is_held_out, is_held_out))
    train, held_out = map(native, parts)
    return train, held_out
