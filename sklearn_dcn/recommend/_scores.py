"""Scores of all pairs of some users and items, from a table with a row for each."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from .._table import columns_beside, take_rows
from ._tables import native

__all__ = [
    "GivenScores",
    "PlainScores",
    "cold_is_fine",
    "pairs_of",
    "scores_of",
    "shift",
]


@contextmanager
def cold_is_fine() -> Iterator[None]:
    """Hide the warning of a column without any level that the fit has seen."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*no level that fit has seen")
        yield


def pairs_of(users: Any, items: Any, names: list[Any]) -> Any:
    """Return the table of all pairs of some users and items, user by user."""
    n_users, n_items = users.shape[0], items.shape[0]
    one = take_rows(users, np.repeat(np.arange(n_users), n_items))
    other = take_rows(items, np.tile(np.arange(n_items), n_users))
    return columns_beside(one, other, names)


def scores_of(model: Any) -> Callable[[Any], NDArray[np.float64]]:
    """Return what a fitted model scores rows by.

    Raises
    ------
    TypeError
        If it does not predict.
    ValueError
        If it has more than two classes.
    """
    classes = getattr(model, "classes_", None)
    # Of estimators of this package two labels a row are not two classes.
    n_outputs = model.net_.module_.d_out if hasattr(model, "net_") else 1
    if classes is not None:
        is_several = isinstance(classes, list) or (len(classes) == 2 and n_outputs > 1)
        if is_several or len(classes) != 2:
            what = "several labels" if is_several else f"{len(classes)} classes"
            raise ValueError(
                f"model must give one score a row, as with two classes; got {what}. "
                "Fit it to one of them against the others."
            )
    if hasattr(model, "predict_proba"):
        return lambda X: np.asarray(model.predict_proba(X)[:, 1], dtype=np.float64)
    for name in ("decision_function", "predict"):
        if hasattr(model, name):
            return lambda X: np.asarray(getattr(model, name)(X), dtype=np.float64)
    raise TypeError(
        "model must be fitted and have predict_proba, decision_function or predict, or "
        f"be a function of users and items; got {type(model).__name__}."
    )


def shift(
    scores: NDArray[np.float64], offset: NDArray[np.float64], is_probability: bool
) -> NDArray[np.float64]:
    """Return scores with an offset of each item added, to the log-odds if they can."""
    if is_probability:
        return expit(logit(scores) + offset)
    return scores + offset


class PlainScores:
    """Scores of a table with a row for each pair.

    Parameters
    ----------
    model : object
        A fitted estimator.
    names : list of str
        Its columns.
    """

    def __init__(self, model: Any, names: list[Any]) -> None:
        self.names, self.score = names, scores_of(model)

    def users(self, table: Any) -> Any:
        """Return what `scores` takes of users."""
        return table

    items = users

    def scores(self, users: Any, items: Any, rows: slice) -> NDArray[np.float64]:
        """Return the scores (n_users, n_items) of those users at `rows`."""
        some = take_rows(users, np.arange(users.shape[0])[rows])
        pairs = native(pairs_of(some, items, self.names))
        found = self.score(pairs)
        shape = some.shape[0], items.shape[0]
        if found.size != shape[0] * shape[1]:
            raise ValueError(
                "model must give one score a row; its scores of "
                f"{shape[0] * shape[1]:,} rows have the shape {found.shape}."
            )
        return found.reshape(shape)


class GivenScores:
    """Scores of a function of users and items."""

    def __init__(self, function: Callable[[Any, Any], Any]) -> None:
        self.function = function

    def users(self, table: Any) -> Any:
        """Return what `scores` takes of users."""
        return table

    items = users

    def scores(self, users: Any, items: Any, rows: slice) -> NDArray[np.float64]:
        """Return the scores (n_users, n_items) of those users at `rows`."""
        some = take_rows(users, np.arange(users.shape[0])[rows])
        shape = some.shape[0], items.shape[0]
        found = np.asarray(self.function(native(some), native(items)), np.float64)
        if found.shape != shape:
            raise ValueError(
                f"A function as model must return an array of shape {shape}, a row for "
                f"each user and a column for each item; got {found.shape}."
            )
        return found
