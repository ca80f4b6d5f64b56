"""Lists of the items that a model gives the highest scores, for each user."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from .._checks import check_count
from .._table import take_rows
from ._halves import HalfScores
from ._scores import GivenScores, PlainScores, cold_is_fine, shift
from ._tables import check_frame, ids_of, index_of, positions

__all__ = ["recommend"]

# Users, and items, that are encoded at a time.
BLOCK = 4096


def recommend(
    model: Any,
    users: Any,
    items: Any,
    k: int = 10,
    *,
    exclude: Any = None,
    user: str | None = None,
    item: str | None = None,
    item_offset: Any = None,
    batch_rows: int = 65_536,
) -> Any:
    r"""Return, for each user, the k of all items with the highest scores.

    All pairs are scored, in blocks. With a `DCNClassifier` or `DCNRegressor`, users and
    items are encoded and embedded once each, and so are their parts of the first layers
    (see Notes). With other models, each pair is a row of a table.

    Parameters
    ----------
    model : estimator or callable
        Fitted to a DataFrame with the columns of `users` and `items` side by side: an
        estimator of this package, or a classifier of two classes, a regressor or a
        `Pipeline` of scikit-learn. Or a function of a block of `users` and one of
        `items` that returns an array of shape (n_users, n_items).
    users : DataFrame
        A row for each user.
    items : DataFrame
        A row for each item that may be recommended.
    k : int, default=10
        Length of the lists.
    exclude : DataFrame or None, default=None
        Pairs not to recommend, such as those already seen: a row for each, with the
        columns `user` and `item`. Pairs with ids that are not in `users` and `items`
        have no effect.
    user : str or None, default=None
        Name of the column of `users` with their ids; None is the first column.
    item : str or None, default=None
        Name of the column of `items` with their ids; None is the first column.
    item_offset : array-like of shape (n_items,) or None, default=None
        What is added to the scores of each item; for a classifier, to its log-odds. If
        negatives were not drawn uniformly, give what `item_log_q` returns.
    batch_rows : int, default=65536
        How many pairs are scored at a time, at most (but at least one pair).

    Returns
    -------
    lists : DataFrame
        A frame of pandas with the columns `user`, "rank" (from 1 on), `item` and
        "score": for each user, in the order of `users`, k rows, or fewer where fewer
        items are left. Of items with equal scores, the one that comes first in `items`
        ranks first. The score of a classifier is the probability of its second class;
        otherwise what `decision_function` or `predict` returns.

    Raises
    ------
    ValueError
        If a column of the model is in neither table or in both, an id is missing or
        occurs twice, or the model has several outputs or more than two classes.
    TypeError
        If a table is not a DataFrame with named columns, or the model does not predict.

    See Also
    --------
    sample_negatives : Pairs to learn from where only interactions are known.
    evaluate_recommendations : How good lists are.

    Notes
    -----
    With :math:`x_0 = x_u + x_i`, the parts of user and item filled up with zeros, the
    product of the first deep layer is :math:`W x_u + W x_i`. So are those of all layers
    of ``cross="vector"``, and of the first and last of "matrix" and "low_rank": with up
    to two of these, a cross network is a product of a matrix of users with one of
    items. Memorised crosses of a user's column with an item's are looked up for each
    pair. Up to rounding, scores are those of a table with a row for each pair.
    Structures "stacked" and "fused", and other cross layers, are computed pair by pair,
    from what is encoded once.

    Memory holds the lists, blocks of 4,096 users and items, and `batch_rows` scores.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_dcn.recommend import recommend
    >>> users = pd.DataFrame({"user": ["Ann", "Bo"], "age": [20, 60]})
    >>> items = pd.DataFrame({"film": ["Alien", "Brazil"], "year": [1979, 1985]})
    >>> def score(users, items):
    ...     born = 2000 - users["age"].to_numpy()[:, None]
    ...     return -abs(items["year"].to_numpy() - born - 20)
    >>> recommend(score, users, items, k=1)
      user  rank    film  score
    0  Ann     1  Brazil  -15.0
    1   Bo     1   Alien  -19.0
    """
    k = check_count("k", k, minimum=1)
    batch_rows = check_count("batch_rows", batch_rows, minimum=1)
    users, items = check_frame(users, "users"), check_frame(items, "items")
    user = users.columns[0] if user is None else user
    item = items.columns[0] if item is None else item
    if len({user, item, "rank", "score"}) < 4:
        raise ValueError(
            "Columns of ids must have names of their own, and not 'rank' or 'score'; "
            f"got {user!r} in users and {item!r} in items. Rename one."
        )
    ids = [
        index_of(ids_of(users, user, "users", "user"), "users"),
        index_of(ids_of(items, item, "items", "item"), "items"),
    ]
    excluded = _Excluded(exclude, *ids)
    offset = _check_offset(item_offset, len(ids[1]))
    scorer = _scorer(model, users, items)
    is_probability = hasattr(model, "predict_proba")
    n_items = min(BLOCK, batch_rows)
    n_users = max(1, batch_rows // max(1, min(n_items, len(ids[1]))))
    found = []
    for start in range(0, len(ids[0]), BLOCK):
        block = np.arange(start, min(start + BLOCK, len(ids[0])))
        of_users = scorer.users(take_rows(users, block))
        best = [_Best(k) for _ in block]
        for first in range(0, len(ids[1]), n_items):
            at = np.arange(first, min(first + n_items, len(ids[1])))
            of_items = scorer.items(take_rows(items, at))
            for row in range(0, len(block), n_users):
                some = slice(row, min(row + n_users, len(block)))
                with cold_is_fine():
                    scores = scorer.scores(of_users, of_items, some)
                _check_finite(scores)
                if offset is not None:
                    scores = shift(scores, offset[at], is_probability)
                excluded.mask(scores, start + row, first)
                for own, of_user in zip(best[some], scores, strict=True):
                    own.update(of_user, first)
        found += best
    return _as_frame(found, ids, user, item)


def _scorer(model: Any, users: Any, items: Any) -> Any:
    """Return what scores pairs, the fastest that there is for the model."""
    if not hasattr(model, "fit") and callable(model):
        return GivenScores(model)
    if hasattr(model, "fit"):
        check_is_fitted(model)
    names = _names_of(model, list(users.columns), list(items.columns))
    if HalfScores.takes(model):
        n_pairs = users.shape[0] * items.shape[0]
        of_user = {*users.columns} & {*names}
        return HalfScores(model, of_user, users, items, n_pairs)
    return PlainScores(model, names)


def _names_of(model: Any, of_users: list[Any], of_items: list[Any]) -> list[Any]:
    """Return the model's columns, each of which one table has."""
    names = getattr(model, "feature_names_in_", None)
    if names is None:
        names = [*of_users, *of_items]
    names = list(names)
    nowhere = [name for name in names if name not in {*of_users, *of_items}]
    if nowhere:
        raise ValueError(
            f"users and items must have the columns of the model; {nowhere} are in "
            "neither. Add them, e.g. with users.assign(hour=20) for lists at that hour."
        )
    twice = [name for name in names if name in of_users and name in of_items]
    if twice:
        raise ValueError(
            f"A column of the model must be in users or in items; {twice} are in both. "
            "Rename or drop them in one."
        )
    return names


def _check_offset(offset: Any, n_items: int) -> NDArray[np.float64] | None:
    """Return `item_offset` as an array."""
    if offset is None:
        return None
    found = np.asarray(offset, dtype=np.float64)
    if found.shape != (n_items,) or not np.isfinite(found).all():
        raise ValueError(
            f"item_offset must have a finite number for each of {n_items:,} items; got "
            f"an array of shape {found.shape}, {int((~np.isfinite(found)).sum())} of "
            "them not finite."
        )
    return found


def _check_finite(scores: NDArray[np.float64]) -> None:
    if np.isnan(scores).any():
        raise ValueError(
            "Scores of the model must be numbers; some are NaN. Look at the cells of "
            "users and items that it cannot take."
        )


class _Excluded:
    """Pairs that are not to be recommended.

    Parameters
    ----------
    pairs : DataFrame or None
    users, items : Index
    """

    def __init__(self, pairs: Any, users: Any, items: Any) -> None:
        self.user = self.item = np.empty(0, dtype=np.intp)
        if pairs is None or (hasattr(pairs, "columns") and not len(pairs)):
            return
        table = check_frame(pairs, "exclude")
        found = [
            positions(
                ids_of(table, index.name, "exclude", what), index, "exclude", f"{what}s"
            )
            for index, what in ((users, "user"), (items, "item"))
        ]
        known = (found[0] >= 0) & (found[1] >= 0)
        order = np.argsort(found[0][known], kind="stable")
        self.user, self.item = (of[known][order] for of in found)

    def mask(self, scores: NDArray[np.float64], row: int, column: int) -> None:
        """Set the scores of these pairs, in a block that begins there, to -inf."""
        ends = np.searchsorted(self.user, [row, row + len(scores)])
        user, item = self.user[slice(*ends)] - row, self.item[slice(*ends)] - column
        inside = (item >= 0) & (item < scores.shape[1])
        scores[user[inside], item[inside]] = -np.inf


class _Best:
    """The k best items of one user up to now; of equal ones those that came first."""

    def __init__(self, k: int) -> None:
        self.k, self.item, self.score = k, np.empty(0, np.intp), np.empty(0)

    def update(self, scores: NDArray[np.float64], first: int) -> None:
        """Look at the scores of further items, from the position `first` on."""
        least = -np.inf if len(self.score) < self.k else self.score[-1]
        at = np.flatnonzero(scores > least)
        if len(at) > self.k:
            least = np.partition(scores[at], len(at) - self.k)[len(at) - self.k]
            at = at[scores[at] >= least]
        score = np.append(self.score, scores[at])
        order = np.argsort(-score, kind="stable")[: self.k]
        self.item, self.score = np.append(self.item, first + at)[order], score[order]


def _as_frame(found: list[_Best], ids: list[Any], user: str, item: str) -> Any:
    import pandas

    lengths = [len(best.item) for best in found]
    empty = np.empty(0, dtype=np.intp)
    items = np.concatenate([empty, *(best.item for best in found)])
    ranks = np.concatenate([empty, *(np.arange(1, n + 1) for n in lengths)])
    return pandas.DataFrame(
        {
            user: ids[0].take(np.repeat(np.arange(len(found)), lengths)),
            "rank": ranks,
            item: ids[1].take(items),
            "score": np.concatenate([np.empty(0), *(best.score for best in found)]),
        }
    )
