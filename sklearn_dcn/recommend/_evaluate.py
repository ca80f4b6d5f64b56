"""How good lists are, by interactions that were held out."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._checks import check_count
from ._tables import check_frame, ids_of

__all__ = ["evaluate_recommendations"]


def evaluate_recommendations(
    lists: Any, held_out: Any, *, k: int = 10, n_items: int | None = None
) -> Any:
    r"""Return how good lists are, as means over the users of `held_out`.

    Parameters
    ----------
    lists : DataFrame
        What `recommend` returned: a column of users, "rank", a column of items, and
        "score".
    held_out : DataFrame
        Later interactions, with columns of users and items of the same names.
    k : int, default=10
        How many items of each list count.
    n_items : int or None, default=None
        How many items there are, for the coverage.

    Returns
    -------
    figures : Series
        - "HitRate@k": the share of users with a held-out item in their list.
        - "recall@k": the share of a user's held-out items that are in the list.
        - "NDCG@k": the sum of :math:`1 / \log_2(1 + rank)` over held-out items in the
          list, divided by the most that it can be.
        - "MRR@k": 1 over the rank of the first held-out item in the list, or 0 without
          one.
        - "users": how many users these means are over.
        - "coverage@k": only with `n_items`, the share of items that are in some list.

        Users of `held_out` without a list count as 0; lists of other users do not
        count.

    Raises
    ------
    ValueError
        If a column is missing, or `held_out` has no row.

    References
    ----------
    Jarvelin & Kekalainen, "Cumulated Gain-based Evaluation of IR Techniques", 2002;
    Krichene & Rendle, "On Sampled Metrics for Item Recommendation", 2020, on why to
    rank all items and not a sample of them.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_dcn.recommend import evaluate_recommendations
    >>> lists = pd.DataFrame(
    ...     {"user": [1, 1, 2, 2], "rank": [1, 2, 1, 2], "film": list("abcd")}
    ... )
    >>> held_out = pd.DataFrame({"user": [1, 2], "film": ["b", "x"]})
    >>> evaluate_recommendations(lists, held_out, k=2)
    HitRate@2    0.500000
    recall@2     0.500000
    NDCG@2       0.315465
    MRR@2        0.250000
    users        2.000000
    dtype: float64
    """
    import pandas

    k = check_count("k", k, minimum=1)
    table, truth = check_frame(lists, "lists"), check_frame(held_out, "held_out")
    names = [name for name in table.columns if name not in ("rank", "score")]
    if len(names) != 2 or "rank" not in table.columns:
        raise ValueError(
            "lists must have the columns of recommend: users, 'rank', items, 'score'; "
            f"got {list(table.columns)}."
        )
    given = pandas.DataFrame(
        {what: ids_of(table, name, "lists", what) for what, name in _named(names)}
    )
    given["rank"] = ids_of(table, "rank", "lists", "rank")
    given = given[given["rank"] <= k]
    wanted = pandas.DataFrame(
        {what: ids_of(truth, name, "held_out", what) for what, name in _named(names)}
    ).drop_duplicates()
    hits = wanted.merge(given, on=["user", "item"])
    hits["gain"] = 1 / np.log2(1 + hits["rank"])
    by_user = hits.groupby("user")
    n_wanted = wanted.groupby("user").size()
    ideal = np.cumsum(1 / np.log2(1 + np.arange(1, k + 1)))
    most = ideal[np.minimum(n_wanted, k) - 1]
    n_hits = by_user.size().reindex(n_wanted.index, fill_value=0)
    gain = by_user["gain"].sum().reindex(n_wanted.index, fill_value=0.0)
    first = 1 / by_user["rank"].min().reindex(n_wanted.index)
    figures = {
        f"HitRate@{k}": (n_hits > 0).mean(),
        f"recall@{k}": (n_hits / n_wanted).mean(),
        f"NDCG@{k}": (gain / most).mean(),
        f"MRR@{k}": first.fillna(0.0).mean(),
        "users": float(len(n_wanted)),
    }
    if n_items is not None:
        n_items = check_count("n_items", n_items, minimum=1)
        figures[f"coverage@{k}"] = given["item"].nunique() / n_items
    return pandas.Series(figures)


def _named(names: list[Any]) -> list[tuple[str, Any]]:
    return [*zip(("user", "item"), names, strict=True)]
