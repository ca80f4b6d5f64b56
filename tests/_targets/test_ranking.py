"""Relevance and groups: what is checked, what statistics and the loss are given."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_dcn._targets.ranking import (
    RankTarget,
    check_groups,
    check_relevance,
    gains_of,
)


def make_target(y):
    return RankTarget(y, np.ones(len(y)), "softmax", 10, 30, "exponential")


def test_groups_are_counted_by_their_first_rows():
    groups = ["c", "a", "c", "b", "a"]
    assert check_groups(groups, 5, "qid").tolist() == [0, 1, 0, 2, 1]
    assert check_groups(np.array([7, 7, -1]), 3, "qid").tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("groups", "match"),
    [
        ([1, 2], "qid must have one entry for each of the 3 rows; got shape"),
        ([[1], [2], [3]], r"got shape \(3, 1\)"),
        ([1.0, np.nan, 1.0], "qid must have no missing entry; row 1"),
        (np.array(["a", 1, 2], dtype=object), "qid must hold entries that can be sort"),
    ],
)
def test_wrong_groups_are_named(groups, match):
    with pytest.raises(ValueError, match=match):
        check_groups(groups, 3, "qid")


def test_relevance_is_a_column_of_numbers_of_at_least_0():
    assert check_relevance([True, False, True]).tolist() == [1.0, 0.0, 1.0]
    for y, match in (
        ([0, -2], "y must hold relevance, numbers of at least 0; got -2"),
        ([0.0, np.nan], "y contains NaN"),
        ([[0, 1], [1, 0]], "1d array"),
    ):
        with pytest.raises(ValueError, match=match):
            check_relevance(y)


def test_gains_are_burges_or_the_grades():
    y = np.array([0.0, 1.0, 4.0])
    assert gains_of(y, "exponential", "y").tolist() == [0.0, 1.0, 15.0]
    assert gains_of(y, "linear", "y") is y
    with pytest.raises(
        ValueError, match="y must be at most 50 with gain='exponential'"
    ):
        gains_of(np.array([60.0]), "exponential", "y")


def test_statistics_are_of_relevance_in_units_of_its_spread():
    y = np.array([[0.0, 0], [2.0, 0], [4.0, 1]])
    target = make_target(y)
    expected = (y[:, 0] - 2) / np.std([0, 2, 4])
    assert_allclose(target.columns(y)[""], expected)
    assert_allclose(target.score(y), expected)
    assert_allclose(target.encode(y)[:, 0], expected)


def test_the_loss_has_relevance_and_groups():
    y = np.array([[0.0, 3], [2.0, 3], [4.0, 5]])
    target = make_target(y)
    assert target.tensor(y, torch.float32).tolist() == [0.0, 2.0, 4.0]
    assert target.groups(y).tolist() == [3, 3, 5]
    assert target.initial_logits(y, np.ones(3)).tolist() == [0.0]
    assert not target.constant_outputs(y).any()
    logits = np.array([[0.5], [0.1]])
    assert_array_equal(target.predictions(logits), logits[:, 0])
    criterion = target.criterion
    assert (criterion.kind, criterion.k, criterion.truncation) == ("softmax", 10, 30)
