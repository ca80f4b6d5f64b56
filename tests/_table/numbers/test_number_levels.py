"""Values of numbers as levels: their ids, which columns have them, and what for."""

import numpy as np
import pytest
from helpers.draws import rng
from helpers.numbers import spiked
from numpy.testing import assert_array_equal as assert_equal

from sklearn_dcn import DCNClassifier
from sklearn_dcn._table.numbers import scaler as _numbers
from sklearn_dcn._table.numbers.number_levels import NumberLevels


def levels(x, most=256, weight=None):
    """Return fitted levels."""
    x = np.asarray(x, dtype=float)
    return NumberLevels(most).fit(x, np.ones(len(x)) if weight is None else weight)


def test_levels_of_rows_that_validate_do_not_count():
    """With no weight they are as if absent, however many distinct ones there are."""
    x = np.repeat([1.0, 2.0, 3.0], 6)
    held_out = np.r_[np.arange(100.0), np.repeat(7.0, 9)]
    weight = np.r_[np.ones(len(x)), np.zeros(len(held_out))]
    both = levels(np.r_[x, held_out], most=3, weight=weight)
    assert_equal(both.values, [1, 2, 3])
    assert_equal(both.counts, levels(x, most=3).counts)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (range(18, 98), 0),  # ages
        ([0.0, 0.2, 0.4, 0.6, 1.0], 0),  # most multiples of a fifth
        ([-1.5, -1.0, 0.5, 4.0], 4),  # 4 of 12 multiples of a half
        ([10, 20, 50, 99_999], 4),
        ([0, *range(0, 9000, 1500), 99_999], 7),
        ([7.0, 7.5], 0),  # two are told apart by a line
    ],
)
def test_isolated_values(values, expected):
    """Those that fill more than half of their range have no levels."""
    x = np.repeat(np.array([*values], dtype=float), 6)
    found = NumberLevels(256).fit(x, np.ones(len(x)), isolated=True)
    assert len(found.values) == expected
    weight = np.r_[np.ones(len(x)), np.zeros(1)]  # a row that is as if absent
    found = NumberLevels(256).fit(np.r_[x, 0.123], weight, isolated=True)
    assert len(found.values) == expected


def test_ids_by_hand():
    """0 is unknown: new, or in fewer than 5 rows; 1 is missing; then in order."""
    x = [7.0] * 5 + [-1.0] * 6 + [3.5] * 4 + [0.0] * 9 + [np.nan] * 2
    found = levels(x)
    assert_equal(found.values, [-1.0, 0.0, 7.0])
    assert_equal(found.counts, [4, 2, 6, 9, 5])
    assert found.n_ids == 5
    new = np.array([-1, 0, 7, 3.5, 8, -2, np.nan, np.inf, 6.999])
    ids = found.ids(new)
    assert_equal(ids, [2, 3, 4, 0, 0, 0, 1, 0, 0])
    assert ids.dtype == np.int32


@pytest.mark.parametrize(
    ("x", "most", "n_kept"),
    [
        (np.repeat(np.arange(4.0), 5), 4, 4),
        (np.repeat(np.arange(4.0), 5), 3, 0),  # too many
        (np.r_[np.repeat(np.arange(4.0), 5), 9.0], 4, 0),  # the rare ones count
        (np.repeat(np.arange(3.0), 5), 9, 3),
        (np.repeat(np.arange(2.0), 5), 9, 0),  # a curve tells two apart as well
        (np.r_[np.repeat(np.arange(2.0), 5), 2.0], 9, 0),
        (np.repeat(np.arange(9.0), 4), 9, 0),  # all are rare
        (np.full(9, np.nan), 9, 0),
        (np.r_[np.repeat(np.arange(4.0), 5), np.full(99, np.nan)], 4, 4),
    ],
)
def test_columns_that_have_levels(x, most, n_kept):
    assert len(levels(x, most).values) == n_kept
    assert len(levels(x[::-1], most).values) == n_kept


def test_distinct_numbers_beyond_the_head_count(monkeypatch):
    monkeypatch.setattr(_numbers, "N_SAMPLE", 20)
    x = np.r_[np.repeat(np.arange(3.0), 10), np.arange(100.0)]
    assert len(levels(x, most=10).values) == 0
    assert len(levels(x[:30], most=10).values) == 3


def test_levels_of_weights_are_those_of_repeated_rows():
    x = rng().integers(0, 8, 60).astype(float)
    x[::7] = np.nan
    weight = rng(1).integers(1, 4, 60)
    weight[x == 3] = 0
    weight[np.flatnonzero(x == 3)[0]] = 4  # rare by its weight
    weighted, repeated = levels(x, weight=weight * 1.0), levels(np.repeat(x, weight))
    assert 3 not in weighted.values
    assert_equal(weighted.values, repeated.values)
    assert_equal(weighted.counts, repeated.counts)


def test_spike_is_learned_with_levels_alone():
    """A value with a rate of its own: a line through the numbers can't have it."""
    X, y = spiked()
    options = {"numeric_embedding": None, "memorized_crosses": None, "max_epochs": 5}
    options |= {"early_stopping": False, "random_state": 0}
    new = np.stack([np.array([39.0, 40.0, 41.0]), np.zeros(3)], axis=1)
    model = DCNClassifier(**options, numeric_levels=256).fit(X, y)
    p = model.predict_proba(new)[:, 1]
    assert p[1] > 0.8
    assert max(p[0], p[2]) < 0.5
    smooth = DCNClassifier(**options, numeric_levels=None).fit(X, y)
    q = smooth.predict_proba(new)[:, 1]
    assert abs(q[1] - q[[0, 2]].mean()) < 0.2


def test_values_of_one_stretch_are_no_levels():
    """Those that name a day; what comes again is one, in rows of whatever weight."""
    day = np.repeat([10.5, 20.0, 31.0, 44.0, 90.0], 200)
    stretch = np.arange(1000) // 200
    x = day.copy()
    x[::4] = np.resize([0.0, 7.0, 99_999.0], 250)
    x[5] = np.nan
    levels = NumberLevels(256).fit(x, np.ones(1000), isolated=True, stretch=stretch)
    assert_equal(levels.values, [0.0, 7.0, 99_999.0])
    mixed = np.random.default_rng(0).permutation(stretch)
    levels = NumberLevels(256).fit(x, np.ones(1000), isolated=True, stretch=mixed)
    assert len(levels.values) == 8
    levels = NumberLevels(256).fit(x, np.ones(1000), stretch=stretch)
    assert len(levels.values) == 8  # asked for
