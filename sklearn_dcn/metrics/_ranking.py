r"""Measures of the order of rows in groups, and scorers made of them.

Rows of a group, e.g. the answers to a query or what a user was shown, are ordered by
their scores. Among equal scores every order counts alike: a measure is the mean over
these orders.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import gammaln
from sklearn import config_context
from sklearn.metrics import make_scorer

from .._checks import check_option
from .._targets import GAINS, gains_of
from ._order import Floats, Integers, order_rows

__all__ = [
    "group_auc_score",
    "group_auc_scorer",
    "hit_rate_at_k",
    "hit_rate_at_k_scorer",
    "mean_reciprocal_rank",
    "mean_reciprocal_rank_scorer",
    "ndcg_at_k",
    "ndcg_at_k_scorer",
]

WEIGHTS = ("size", "positives", "uniform")


def ndcg_at_k(
    y_true: Any,
    y_score: Any,
    groups: Any,
    k: int | None = 10,
    *,
    gain: str = "exponential",
    sample_weight: Any = None,
) -> float:
    r"""Return the mean NDCG of the first k rows of each group; greater is better.

    With rows i of a group in the order of their scores [1]_:

    .. math::

        DCG@k = \sum_{i=1}^{k} \frac{G(y_i)}{\log_2(i + 1)}, \qquad
        NDCG@k = \frac{DCG@k}{\max DCG@k}

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Relevance, at least 0.
    y_score : array-like of shape (n_samples,)
        Scores, e.g. from `predict` of a :class:`DCNRanker`.
    groups : array-like of shape (n_samples,)
        The group of each row, e.g. its query or user, in any order.
    k : int or None, default=10
        How many of the first rows count; None is all.
    gain : {"exponential", "linear"}, default="exponential"
        G: :math:`2^y - 1`, as LightGBM and XGBoost have it, or y itself, as
        `sklearn.metrics.ndcg_score`. They are the same for 0 and 1.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each row; a group has the mean weight of its rows.

    Returns
    -------
    score : float
        Between 0 and 1. Groups without a row of relevance above 0, whose greatest DCG
        is 0, are left out.

    Raises
    ------
    ValueError, TypeError
        If no group has a relevant row, if relevance is negative, or above 50 with an
        exponential gain; if lengths do not match, a group is missing, or `k` or `gain`
        breaks its rule.

    See Also
    --------
    sklearn.metrics.ndcg_score : One row of a matrix for each group, all of one size.

    References
    ----------
    .. [1] Järvelin and Kekäläinen, "Cumulated Gain-Based Evaluation of IR Techniques",
       ACM TOIS 2002; the gain is that of Burges et al., "Learning to Rank Using
       Gradient Descent", ICML 2005.

    Examples
    --------
    >>> from sklearn_dcn.metrics import ndcg_at_k
    >>> y_true, groups = [1, 0, 0, 1], ["a", "a", "b", "b"]
    >>> print(f"{ndcg_at_k(y_true, [0.9, 0.1, 0.8, 0.2], groups):.3f}")
    0.815
    """
    check_option("gain", gain, GAINS)
    rows = order_rows(y_true, y_score, groups, k, sample_weight)
    gains = gains_of(rows.y, gain, "y_true")
    discount = _discount(rows.place, k)
    # Of a tie each row has the mean gain.
    dcg = rows.sums(rows.of_ties(gains) * discount)
    order = np.lexsort((-gains, rows.group))
    best = rows.sums(gains[order] * discount)
    return rows.mean(np.divide(dcg, best, out=np.zeros_like(dcg), where=best > 0))


def hit_rate_at_k(
    y_true: Any,
    y_score: Any,
    groups: Any,
    k: int | None = 10,
    *,
    sample_weight: Any = None,
) -> float:
    """Return the share of groups with a relevant row among the first k.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Relevance, at least 0; a row above 0 is relevant.
    y_score : array-like of shape (n_samples,)
        Scores.
    groups : array-like of shape (n_samples,)
        The group of each row, in any order.
    k : int or None, default=10
        How many of the first rows count; None is all.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each row; a group has the mean weight of its rows.

    Returns
    -------
    score : float
        Between 0 and 1. Groups without a relevant row are left out. Rows that tie for
        the last of the k places are equally likely to take it.

    Raises
    ------
    ValueError, TypeError
        As in :func:`ndcg_at_k`.

    References
    ----------
    He et al., "Neural Collaborative Filtering", WWW 2017, section 4.1, which has one
    relevant row a group.

    Examples
    --------
    >>> from sklearn_dcn.metrics import hit_rate_at_k
    >>> y_true, groups = [1, 0, 0, 1], ["a", "a", "b", "b"]
    >>> hit_rate_at_k(y_true, [0.9, 0.1, 0.8, 0.2], groups, k=1)
    0.5
    """
    rows = order_rows(y_true, y_score, groups, k, sample_weight)
    at, first, size, relevant = rows.first_hits()
    places = len(rows.y) if k is None else k
    free = np.clip(places - first, 0, size)  # places that the tie has a part of
    misses = np.zeros(len(at))  # none of so many rows of the tie is relevant
    some = free <= size - relevant
    misses[some] = np.exp(
        _log_choose(size - relevant, free)[some] - _log_choose(size, free)[some]
    )
    return rows.mean(rows.spread(at, 1.0 - misses))


def mean_reciprocal_rank(
    y_true: Any,
    y_score: Any,
    groups: Any,
    k: int | None = None,
    *,
    sample_weight: Any = None,
) -> float:
    """Return the mean over groups of 1 / the place of the first relevant row, MRR.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Relevance, at least 0; a row above 0 is relevant.
    y_score : array-like of shape (n_samples,)
        Scores.
    groups : array-like of shape (n_samples,)
        The group of each row, in any order.
    k : int or None, default=None
        How many of the first rows count; a group without a relevant one among them
        counts as 0. None is all.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each row; a group has the mean weight of its rows.

    Returns
    -------
    score : float
        Between 0 and 1. Groups without a relevant row are left out.

    Raises
    ------
    ValueError, TypeError
        As in :func:`ndcg_at_k`.

    References
    ----------
    Voorhees, "The TREC-8 Question Answering Track Report", 1999, section 4.

    Examples
    --------
    >>> from sklearn_dcn.metrics import mean_reciprocal_rank
    >>> y_true, groups = [1, 0, 0, 1], ["a", "a", "b", "b"]
    >>> mean_reciprocal_rank(y_true, [0.9, 0.1, 0.8, 0.2], groups)
    0.75
    """
    rows = order_rows(y_true, y_score, groups, k, sample_weight)
    at, first, size, relevant = rows.first_hits()
    # In a tie the first relevant row is the j-th with the probability
    # C(size - j, relevant - 1) / C(size, relevant).
    of = np.repeat(np.arange(len(at)), size)
    j = np.arange(len(of)) - np.repeat(np.cumsum(size) - size, size) + 1
    later, others = (size[of] - j), (relevant[of] - 1)
    can = others <= later
    p = np.zeros(len(of))
    p[can] = np.exp(
        _log_choose(later, others)[can] - _log_choose(size, relevant)[of][can]
    )
    place = first[of] + j
    if k is not None:
        p[place > k] = 0.0
    found = np.bincount(of, p / place, minlength=len(at))
    return rows.mean(rows.spread(at, found))


def group_auc_score(
    y_true: Any, y_score: Any, groups: Any, *, weight: str = "size"
) -> float:
    r"""Return the mean of the groups' areas under the ROC curve, GAUC.

    How often a relevant row stands before an irrelevant one of its group, where a tie
    counts half. Differences between groups have no effect on it [1]_:

    .. math::

        GAUC = \frac{\sum_g w_g\, AUC_g}{\sum_g w_g}

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Relevance, at least 0; a row above 0 is relevant.
    y_score : array-like of shape (n_samples,)
        Scores.
    groups : array-like of shape (n_samples,)
        The group of each row, in any order.
    weight : {"size", "positives", "uniform"}, default="size"
        The weight of a group: its number of rows, its number of relevant rows, or the
        same for all groups.

    Returns
    -------
    score : float
        Between 0 and 1; 0.5 for random scores. Groups in which all rows are relevant,
        or none, have no curve and are left out.

    Raises
    ------
    ValueError, TypeError
        If no group has rows of both kinds; otherwise as in :func:`ndcg_at_k`.

    See Also
    --------
    sklearn.metrics.roc_auc_score : Of all rows together.

    References
    ----------
    .. [1] Zhou et al., "Deep Interest Network for Click-Through Rate Prediction", KDD
       2018, :arxiv:`1706.06978`, section 6.3, which weighs by impressions.

    Examples
    --------
    >>> from sklearn_dcn.metrics import group_auc_score
    >>> y_true, groups = [1, 0, 0, 0, 1], ["a", "a", "b", "b", "b"]
    >>> group_auc_score(y_true, [0.9, 0.1, 0.8, 0.2, 0.5], groups)
    0.7
    """
    check_option("weight", weight, WEIGHTS)
    rows = order_rows(y_true, y_score, groups, None)
    is_positive = (rows.y > 0).astype(np.float64)
    size = np.bincount(rows.group).astype(np.float64)
    positives = rows.sums(is_positive)
    # Mann and Whitney: the sum of the positives' ranks, from below; ties have the mean.
    rank = rows.of_ties(size[rows.group] - rows.place)
    above = rows.sums(rank * is_positive) - positives * (positives + 1) / 2
    pairs = positives * (size - positives)
    has_both = pairs > 0
    if not has_both.any():
        raise ValueError(
            "At least one group must have rows of relevance 0 and above 0; got "
            f"{len(size)} groups of one kind. Score groups of several rows, or use "
            "sklearn.metrics.roc_auc_score for all rows together."
        )
    auc = above[has_both] / pairs[has_both]
    w = {"size": size, "positives": positives, "uniform": np.ones_like(size)}[weight]
    return float(np.average(auc, weights=w[has_both]))


def _discount(place: Integers, k: int | None) -> Floats:
    """Return what a place, from 0, counts in DCG@k."""
    found = 1.0 / np.log2(place + 2.0)
    return found if k is None else np.where(place < k, found, 0.0)


def _log_choose(n: Integers, k: Integers) -> Floats:
    """Return log of n choose k; nothing sensible for k > n."""
    log: Floats = gammaln(n + 1) - gammaln(k + 1) - gammaln(np.maximum(n - k, 0) + 1)
    return log


def _make_scorer(metric: Any) -> Any:
    """Return a scorer that is given `groups` where metadata are routed."""
    scorer = make_scorer(metric, response_method=["decision_function", "predict"])
    with config_context(enable_metadata_routing=True):
        return scorer.set_score_request(groups=True)


#: Scorer of `ndcg_at_k` for `scoring=`, which takes `groups` by metadata routing.
ndcg_at_k_scorer = _make_scorer(ndcg_at_k)
#: Scorer of `hit_rate_at_k` for `scoring=`, which takes `groups` by metadata routing.
hit_rate_at_k_scorer = _make_scorer(hit_rate_at_k)
#: Scorer of `mean_reciprocal_rank`, which takes `groups` by metadata routing.
mean_reciprocal_rank_scorer = _make_scorer(mean_reciprocal_rank)
#: Scorer of `group_auc_score` for `scoring=`, which takes `groups` by metadata routing.
group_auc_scorer = _make_scorer(group_auc_score)
