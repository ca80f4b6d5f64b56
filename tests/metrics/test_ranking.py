"""Measures of rankings against loops over groups, orders of ties, scikit-learn."""

import itertools

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose
from sklearn.metrics import ndcg_score, roc_auc_score
from sklearn.model_selection import GroupKFold, cross_validate

from sklearn_dcn import DCNRanker
from sklearn_dcn.metrics import (
    group_auc_score,
    group_auc_scorer,
    hit_rate_at_k,
    hit_rate_at_k_scorer,
    mean_reciprocal_rank,
    mean_reciprocal_rank_scorer,
    ndcg_at_k,
    ndcg_at_k_scorer,
)

METRICS = pytest.mark.parametrize(
    "metric", [ndcg_at_k, hit_rate_at_k, mean_reciprocal_rank, group_auc_score]
)


def draw(n=300, n_groups=40, top=4, seed=0):
    """Return grades, scores with many ties, and groups in any order."""
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, n_groups, n)
    y = rng.integers(0, top, n) * (rng.random(n) < 0.4)
    return y, rng.integers(0, 6, n) / 2, groups


def by_group(y, score, groups):
    """Yield grades and scores of each group."""
    for group in np.unique(groups):
        at = groups == group
        yield y[at], score[at]


def over_orders(of_order, y, score):
    """Return the mean over all orders of tied scores of a measure of ordered grades."""
    ties = [y[score == s] for s in np.unique(score)[::-1]]
    parts = [list(itertools.permutations(tie)) for tie in ties]
    found = [of_order(np.concatenate(order)) for order in itertools.product(*parts)]
    return np.mean(found)


# NDCG ---------------------------------------------------------------------------------


@pytest.mark.parametrize("gain", ["exponential", "linear"])
@pytest.mark.parametrize("k", [1, 3, 10, None])
def test_ndcg_is_that_of_scikit_learn_of_each_group(k, gain):
    """Which has ties' mean as well; groups of one row have 1."""
    y, score, groups = draw()
    each = []
    for grades, of in by_group(y, score, groups):
        worth = 2.0**grades - 1 if gain == "exponential" else grades
        if len(grades) > 1 and grades.any():
            each.append(ndcg_score([worth], [of], k=k))
        elif grades.any():
            each.append(1.0)
    assert ndcg_at_k(y, score, groups, k, gain=gain) == pytest.approx(np.mean(each))


def test_ndcg_by_hand():
    """Grades 1 and 3 in the wrong order: gains 1 and 7, discounts 1 and 1 / log2(3)."""
    discount = 1 / np.log2(3)
    expected = (1 + 7 * discount) / (7 + discount)
    assert ndcg_at_k([1, 3], [2.0, 1.0], ["q", "q"]) == pytest.approx(expected)
    assert ndcg_at_k([1, 3], [2.0, 1.0], ["q", "q"], k=1) == pytest.approx(1 / 7)
    assert ndcg_at_k([1, 3], [1.0, 2.0], ["q", "q"]) == 1.0


# Hits ---------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 2, 3, 5, None])
def test_hits_and_reciprocal_ranks_are_the_mean_over_orders_of_ties(k):
    """Every order of rows of one score is tried."""
    y, score, groups = draw(n=120, n_groups=30, seed=1)
    places = len(y) if k is None else k

    def hit(order):
        return float((order[:places] > 0).any())

    def reciprocal(order):
        at = np.flatnonzero(order[:places] > 0)
        return 1 / (at[0] + 1) if len(at) else 0.0

    for metric, of_order in ((hit_rate_at_k, hit), (mean_reciprocal_rank, reciprocal)):
        each = [
            over_orders(of_order, grades, of)
            for grades, of in by_group(y, score, groups)
            if grades.any()
        ]
        assert metric(y, score, groups, k) == pytest.approx(np.mean(each), abs=1e-12)


def test_hits_of_many_ties_are_hypergeometric():
    """One of 1,000 rows of one score is among 10 with 1 in 100."""
    y = np.zeros(1000)
    y[7] = 1
    assert hit_rate_at_k(y, np.zeros(1000), np.zeros(1000)) == pytest.approx(0.01)
    expected = np.mean(1 / np.arange(1, 1001))
    found = mean_reciprocal_rank(y, np.zeros(1000), np.zeros(1000))
    assert found == pytest.approx(expected)


# GAUC ---------------------------------------------------------------------------------


@pytest.mark.parametrize("weight", ["size", "positives", "uniform"])
def test_group_auc_is_the_weighted_mean_of_scikit_learns(weight):
    y, score, groups = draw()
    auc, mass = [], []
    for grades, of in by_group(y, score, groups):
        positive = grades > 0
        if positive.any() and not positive.all():
            auc.append(roc_auc_score(positive, of))
            sizes = {"size": len(of), "positives": positive.sum(), "uniform": 1}
            mass.append(sizes[weight])
    assert 10 < len(auc) < 40  # some groups have no curve
    expected = np.average(auc, weights=mass)
    assert group_auc_score(y, score, groups, weight=weight) == pytest.approx(expected)


def test_group_auc_of_one_group_is_the_auc():
    y, score, _ = draw()
    found = group_auc_score(y > 0, score, np.ones(len(y)))
    assert found == pytest.approx(roc_auc_score(y > 0, score))


# All of them --------------------------------------------------------------------------


@METRICS
def test_names_and_order_of_groups_do_not_matter(metric):
    y, score, groups = draw()
    order = np.random.default_rng(2).permutation(len(y))
    names = np.array([f"user {g}" for g in groups], dtype=object)
    found = metric(y[order], score[order], names[order])
    assert_allclose(found, metric(y, score, groups), rtol=1e-12)


@METRICS
def test_scores_count_by_their_order_alone(metric):
    """And none of them by the level of its group."""
    y, score, groups = draw()
    assert_allclose(
        metric(y, np.exp(score) + 1000 * groups, groups), metric(y, score, groups)
    )


@METRICS
def test_groups_without_a_relevant_row_are_left_out(metric):
    y, score, groups = draw()
    more = np.append(groups, [99, 99])
    found = metric(np.append(y, [0, 0]), np.append(score, [3, 1]), more)
    assert_allclose(found, metric(y, score, groups))


@METRICS
@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"y_true": [0, 0, 0]}, "y_true must have a row of relevance above 0"),
        ({"y_true": [1, 0, -1]}, "y_true must hold relevance.*got -1"),
        ({"y_true": [1, np.nan, 0]}, "y_true contains NaN"),
        ({"y_true": [1, 0]}, "inconsistent numbers of samples"),
        ({"y_score": [np.inf, 0, 1]}, "y_score contains infinity"),
        ({"groups": [1, 1]}, r"groups must have one entry for each of the 3 rows"),
        ({"groups": ["a", None, "a"]}, "groups must have no missing entry; row 1"),
        ({"groups": np.array(["a", 1, "a"], dtype=object)}, "groups must hold entries"),
    ],
)
def test_bad_input_is_named(metric, change, match):
    right = {"y_true": [1, 0, 0], "y_score": [0.3, 0.2, 0.1], "groups": ["a"] * 3}
    metric(**right)
    with pytest.raises(ValueError, match=match):
        metric(**right | change)


def test_bad_options_are_named():
    rows = [1, 0], [0.2, 0.1], ["a", "a"]
    for metric in (ndcg_at_k, hit_rate_at_k, mean_reciprocal_rank):
        for k, error in ((0, ValueError), (1.5, TypeError)):
            with pytest.raises(error, match="k must be an integer of at least 1 or No"):
                metric(*rows, k)
    with pytest.raises(ValueError, match="gain must be one of"):
        ndcg_at_k(*rows, gain="log")
    with pytest.raises(ValueError, match="weight must be one of"):
        group_auc_score(*rows, weight="rows")
    with pytest.raises(ValueError, match=r"y_true must be at most 50 .* gain='linear'"):
        ndcg_at_k([51, 0], *rows[1:])
    assert ndcg_at_k([51, 0], *rows[1:], gain="linear") == 1.0
    with pytest.raises(ValueError, match="At least one group must have rows of rel"):
        group_auc_score([1, 1, 0], [0.3, 0.2, 0.1], ["a", "a", "b"])


@METRICS
def test_groups_count_by_the_mean_weight_of_their_rows(metric):
    if metric is group_auc_score:
        with pytest.raises(TypeError, match="sample_weight"):
            metric([1, 0], [0.3, 0.2], ["a", "a"], sample_weight=[1, 1])
        return
    y, score, groups = draw()
    weight = np.random.default_rng(1).uniform(0, 2, len(y))
    each, mass = [], []
    for group in np.unique(groups):
        at = groups == group
        if y[at].any():
            each.append(metric(y[at], score[at], groups[at]))
            mass.append(weight[at].mean())
    found = metric(y, score, groups, sample_weight=weight)
    assert found == pytest.approx(np.average(each, weights=mass))
    with pytest.raises(ValueError, match="sample_weight must leave some weight to a g"):
        metric([1, 0, 0, 0], [4, 3, 2, 1], [0, 0, 1, 1], sample_weight=[0, 0, 1, 1])


# Scorers ------------------------------------------------------------------------------


def test_scorers_get_groups_where_metadata_are_routed():
    """In cross-validation by groups, of which fit is told as well."""
    rng = np.random.default_rng(0)
    X, groups = rng.normal(size=(120, 2)), np.repeat(np.arange(12), 10)
    y = (X[:, 0] > 0.5).astype(int)
    scoring = {
        "ndcg": ndcg_at_k_scorer,
        "hits": hit_rate_at_k_scorer,
        "mrr": mean_reciprocal_rank_scorer,
        "gauc": group_auc_scorer,
    }
    model = DCNRanker(max_epochs=2, hidden_layer_sizes=(8,), random_state=0)
    with sklearn.config_context(enable_metadata_routing=True):
        found = cross_validate(
            model.set_fit_request(qid=True),
            X,
            y,
            cv=GroupKFold(2),
            scoring=scoring,
            params={"groups": groups, "qid": groups},
            return_estimator=True,
            return_indices=True,
        )
    of_metric = {
        "ndcg": ndcg_at_k,
        "hits": hit_rate_at_k,
        "mrr": mean_reciprocal_rank,
        "gauc": group_auc_score,
    }
    for fold, fitted in enumerate(found["estimator"]):
        at = found["indices"]["test"][fold]
        for name, metric in of_metric.items():
            expected = metric(y[at], fitted.predict(X[at]), groups[at])
            assert found[f"test_{name}"][fold] == pytest.approx(expected)
