"""Splits of rows by the period of time that they are in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import BaseCrossValidator

from .._checks import check_count
from .._table import column_names, get_columns

__all__ = ["DaySplit", "periods_of"]


class DaySplit(BaseCrossValidator):
    """Train on the days up to one, and test on the next; for `cross_val_score`.

    Unlike `sklearn.model_selection.TimeSeriesSplit`, which cuts the table by numbers of
    rows, days stay whole, however many rows each has, and rows may be in any order.

    Parameters
    ----------
    time : str, int or array-like of shape (n_samples,)
        When each row was: the name of a column of `X` (or its position where columns
        have no names), or one value for each row. Dates are cut into periods; with
        numbers, each value is a period.
    period : str, default="D"
        How long a period of dates is, as an alias of pandas: "D", "W", "M", "h".
    n_splits : int or None, default=None
        How many of the last periods are tested on; None is all but the first.
    max_train_periods : int or None, default=None
        How many periods before the gap are trained on; None is all.
    gap : int, default=0
        Periods between the last one to train on and the one to test on.

    See Also
    --------
    progressive_validate : One model that goes on learning, day by day.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_dcn.model_selection import DaySplit
    >>> day = np.array([3, 1, 1, 2, 3])
    >>> for train, test in DaySplit(day).split(np.zeros((5, 1))):
    ...     print(train, test)
    [1 2] [3]
    [1 2 3] [0 4]
    """

    def __init__(
        self,
        time: Any,
        *,
        period: str = "D",
        n_splits: int | None = None,
        max_train_periods: int | None = None,
        gap: int = 0,
    ) -> None:
        self.time = time
        self.period = period
        self.n_splits = n_splits
        self.max_train_periods = max_train_periods
        self.gap = gap

    def split(
        self, X: Any, y: Any = None, groups: Any = None
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Yield the positions of the rows to train on, and of those to test on.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Rows.
        y, groups : object, default=None
            Not used.

        Yields
        ------
        train, test : ndarray
            Positions of rows, in the order of the table.

        Raises
        ------
        ValueError
            If there are too few periods, or a time is missing.
        """
        code, _ = periods_of(self.time, X, self.period)
        n = int(code.max()) + 1
        for k in self._tested(n):
            stop = k - self.gap
            start = 0
            if self.max_train_periods is not None:
                start = max(0, stop - self.max_train_periods)
            train = np.flatnonzero((code >= start) & (code < stop))
            yield train, np.flatnonzero(code == k)

    def _tested(self, n: int) -> range:
        """Return the periods to test on, of n."""
        gap = check_count("gap", self.gap, minimum=0)
        if self.max_train_periods is not None:
            check_count("max_train_periods", self.max_train_periods, minimum=1)
        most = n - 1 - gap
        wanted = most
        if self.n_splits is not None:
            wanted = check_count("n_splits", self.n_splits, minimum=1)
        if most < 1 or wanted > most:
            n_splits = max(wanted, 1)
            raise ValueError(
                f"{n_splits} splits with gap={gap} need {n_splits + 1 + gap} periods; "
                f"the rows have {n}. Give a shorter period, or fewer splits."
            )
        return range(n - wanted, n)

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of splits.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features), default=None
            Rows; needed if `time` is a column and `n_splits` None.
        y, groups : object, default=None
            Not used.

        Returns
        -------
        n_splits : int
            How many pairs `split` yields.
        """
        if self.n_splits is not None:
            return check_count("n_splits", self.n_splits, minimum=1)
        code, _ = periods_of(self.time, X, self.period)
        return len(self._tested(int(code.max()) + 1))

    def _iter_test_indices(
        self, X: Any = None, y: Any = None, groups: Any = None
    ) -> Any:
        return (test for _, test in self.split(X))


def periods_of(time: Any, X: Any, period: str) -> tuple[NDArray[np.intp], list[Any]]:
    """Return the period of each row, from 0 on, and what periods are called.

    Raises
    ------
    ValueError
        If `time` names no column, does not have one value for each row, or has missing
        ones.
    """
    import pandas

    is_name = isinstance(time, (str, int))
    cells = _column(X, time) if is_name else time
    column = pandas.Series(np.asarray(cells) if not hasattr(cells, "dtype") else cells)
    column = column.reset_index(drop=True)
    what = f"Column {time!r}" if is_name else "time"
    n_rows = None if X is None else X.shape[0] if hasattr(X, "shape") else len(X)
    if n_rows is not None and len(column) != n_rows:
        raise ValueError(
            f"time must have a value for each of {n_rows:,} rows; got {len(column):,}."
        )
    if column.isna().any():
        raise ValueError(
            f"{what} must tell when each row was; {int(column.isna().sum()):,} are "
            "missing. Leave these rows out."
        )
    if not pandas.api.types.is_numeric_dtype(column.dtype):
        dates = pandas.to_datetime(column)
        if getattr(dates.dt, "tz", None) is not None:
            dates = dates.dt.tz_localize(None)
        column = dates.dt.to_period(period)
    code, names = pandas.factorize(column, sort=True)
    return code.astype(np.intp), list(names)


def _column(X: Any, name: Any) -> Any:
    """Return a column of a table."""
    names = column_names(X) if X is not None else None
    if names is None and isinstance(name, int) and X is not None:
        return get_columns(X)[name]
    if names is None or name not in names:
        raise ValueError(
            f"time={name!r} must be a column of X, or one value a row; the columns are "
            f"{names}."
        )
    return X[name]
