"""Figures of lists, worked out by hand and by scikit-learn's NDCG."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import ndcg_score

from sklearn_dcn.recommend import evaluate_recommendations, recommend

LISTS = pd.DataFrame(
    {
        "user": ["a", "a", "a", "b", "b", "b", "z"],
        "rank": [1, 2, 3, 1, 2, 3, 1],
        "film": ["p", "q", "r", "q", "p", "s", "p"],
    }
)


def test_by_hand():
    """Ann takes q and s, of which q is second; Bo s, third; Cy has no list."""
    held_out = pd.DataFrame({"user": list("aaabc"), "film": list("qqssp")})
    found = evaluate_recommendations(LISTS, held_out, k=3, n_items=8)
    half = 1 / np.log2(3)
    assert found.to_dict() == pytest.approx(
        {
            "HitRate@3": 2 / 3,
            "recall@3": (1 / 2 + 1) / 3,
            "NDCG@3": (half / (1 + half) + 1 / 2) / 3,
            "MRR@3": (1 / 2 + 1 / 3) / 3,
            "users": 3,
            "coverage@3": 4 / 8,
        }
    )
    found = evaluate_recommendations(LISTS, held_out, k=2)
    assert found["HitRate@2"] == pytest.approx(1 / 3)
    assert found["NDCG@2"] == pytest.approx(half / (1 + half) / 3)
    assert "coverage@2" not in found


def test_ndcg_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    scores, wanted = rng.normal(size=(20, 30)), rng.random((20, 30)) < 0.2
    users = pd.DataFrame({"user": np.arange(20)})
    items = pd.DataFrame({"item": np.arange(30)})

    def score(users, items):
        return scores[np.ix_(users["user"], items["item"])]

    lists = recommend(score, users, items, 7)
    user, item = np.nonzero(wanted)
    held_out = pd.DataFrame({"user": user, "item": item})
    found = evaluate_recommendations(lists, held_out, k=7)
    assert found["users"] == 20
    assert found["NDCG@7"] == pytest.approx(ndcg_score(wanted, scores, k=7))


def test_no_hit_is_zero():
    held_out = pd.DataFrame({"user": ["a"], "film": ["x"]})
    found = evaluate_recommendations(LISTS, held_out, k=3)
    assert found.drop("users").eq(0).all()


def test_bad_input():
    held_out = pd.DataFrame({"user": ["a"], "film": ["x"]})
    with pytest.raises(ValueError, match="lists must have the columns of recommend"):
        evaluate_recommendations(LISTS.drop(columns="rank"), held_out)
    with pytest.raises(ValueError, match="must be a column of held_out"):
        evaluate_recommendations(LISTS, held_out.rename(columns={"film": "item"}))
    with pytest.raises(ValueError, match="held_out must have a row"):
        evaluate_recommendations(LISTS, held_out[:0])
    with pytest.raises(ValueError, match="k must be"):
        evaluate_recommendations(LISTS, held_out, k=0)
