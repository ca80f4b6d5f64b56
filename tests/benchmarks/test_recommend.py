"""The benchmark of lists: histories without the row's own item, rivals by hand."""

import sys

import numpy as np
import pandas as pd
import pytest
from helpers.paths import REPO

sys.path.insert(0, str(REPO))  # the benchmarks are run from there, not installed

from benchmarks import recommend as suite

TRAIN = pd.DataFrame({"user": list("abaab"), "item": list("wxyzy")})


@pytest.fixture
def log():
    users = pd.DataFrame({"user": list("abc")})
    items = pd.DataFrame({"item": list("vwxyz"), "year": 1990.0})
    return suite.Log(TRAIN, users, items)


def test_histories_have_what_was_taken_before(log):
    rows, users = suite.with_history(TRAIN, log)
    assert rows["history"].tolist() == [[], [], ["w"], ["w", "y"], ["x"]]
    assert users["history"].tolist() == [["w", "y", "z"], ["x", "y"], []]


def test_histories_are_short(log, monkeypatch):
    monkeypatch.setattr(suite, "HISTORY", 1)
    rows, users = suite.with_history(TRAIN, log)
    assert rows["history"].tolist() == [[], [], ["w"], ["y"], ["x"]]
    assert users["history"].tolist() == [["z"], ["y"], []]


def scores(log, rival, **options):
    score = rival(TRAIN, log, 0, **options)
    return np.asarray(score(log.users, log.items.sort_values("item")))


def test_rivals_by_hand(log):
    found = scores(log, suite.popularity)
    np.testing.assert_array_equal(found, [[0, 1, 1, 2, 1]] * 3)
    half = 2**-0.5  # cos of y with each of the others; w and z are alike
    found = scores(log, suite.cosine, n_neighbors=4)
    expected = half + 1 + 0  # of w: y, z and not itself
    assert found[0, 1] == pytest.approx(expected)
    assert found[1, 1] == pytest.approx(half)
    assert found[2].tolist() == [0] * 5


def test_run_ranks_all_unseen_items(log):
    found = suite.run(log, 0, None, ["popularity", "cosine"])
    assert [*found] == ["popularity", "cosine"]
    for figures in found.values():
        assert figures["HitRate@10"] == 1  # of five items ten are all
        assert figures["users"] == 2
