"""Sums over the rows of a level: weights repeat rows, and no row sees its target."""

import numpy as np
from helpers.memorising import small, supervise
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_dcn._roles import LastRoles
from sklearn_dcn._table.target_statistics.target_rows import TargetRows


def test_weights_are_repeated_rows():
    codes, _, rng = small()
    weight, y = rng.integers(1, 4, 80), rng.integers(0, 2, 80)
    table = TargetRows(codes.T, weight.astype(float), supervise(y))
    rows = np.repeat(np.arange(80), weight)
    repeated = TargetRows(codes[rows].T, np.ones(len(rows)), supervise(y[rows]))
    repeated.fold = table.fold[rows]
    key = codes[:, 0] * 6 + codes[:, 1]
    once = table.memorise(key, table.by_member())
    again = repeated.memorise(key[rows], repeated.by_member())
    assert_array_equal(again.keys, once.keys)
    assert_allclose(again.means, once.means)
    assert_allclose(again.counts, once.counts)
    assert_allclose(again.of_others, once.of_others[rows])


def test_the_last_rows_judge_a_choice():
    """By chance two fifths of any rows; in an order of time those that come last."""
    y = np.arange(100) % 2
    by_chance = TargetRows(np.zeros((1, 100), int), np.ones(100), supervise(y)).is_test
    assert by_chance.sum() == 40
    assert by_chance[:60].any()
    supervision = supervise(y, roles=LastRoles(100))
    rows = TargetRows(np.zeros((1, 100), int), np.ones(100), supervision)
    assert_array_equal(rows.is_test, np.arange(100) >= 60)
    rest = rows.without_test_rows()
    assert_array_equal(rest.weight, np.arange(100) < 60)


def test_own_target_is_not_in_the_statistic_of_a_row():
    """The mean of all rows, which smooths, is the same for all and kept by a swap."""
    codes = np.full((40, 2), 2)  # one pair that all rows have
    y = np.arange(40) % 2
    table = TargetRows(codes.T, np.ones(40), supervise(y, "number"))
    levels = [codes[:, 0]]
    before = table.statistics(levels)[:, 0]
    i = 3
    table.y = table.y.copy()
    table.y[i] += 100.0  # the mean stays: it was taken before
    after = table.statistics(levels)[:, 0]
    same_fold = table.fold == table.fold[i]
    assert_array_equal(after[same_fold], before[same_fold])
    assert (after[~same_fold] > before[~same_fold] + 1).all()
