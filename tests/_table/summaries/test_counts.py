"""Counts of blocks: whatever the cut and the order, those of all rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_dcn._table.reading import factorize
from sklearn_dcn._table.summaries import LevelCounts, NumberCounts
from sklearn_dcn._table.summaries.counts import MAX_VALUES

CELLS = st.lists(st.sampled_from(["a", "b", "c", None]), max_size=30)
NUMBERS = st.lists(
    st.sampled_from([0.0, 1.5, -3.0, 1e6, float("nan")]), min_size=1, max_size=30
)


def levels_of(cells, weight=None):
    """Return the counts of a block of cells."""
    counts = LevelCounts()
    codes, levels = factorize(list(cells), "column")
    counts.add(codes, levels, np.ones(len(cells)) if weight is None else weight)
    return counts


def numbers_of(x, weight=None):
    """Return the counts of a block of numbers."""
    counts = NumberCounts()
    x = np.array(x, dtype=float)
    counts.add(x, np.ones(len(x)) if weight is None else weight)
    return counts


def told(counts):
    """Return what is known of levels, or of numbers, without an order."""
    if isinstance(counts, NumberCounts):
        return vars(counts)
    by_level = zip(
        list(counts.levels), counts.rows.tolist(), counts.weight.tolist(), strict=True
    )
    return sorted(by_level), counts.n_missing, counts.missing


@pytest.mark.parametrize(
    ("make", "cells"), [(levels_of, CELLS), (numbers_of, NUMBERS)], ids=["levels", "x"]
)
def test_merging_is_associative_with_a_neutral_element(make, cells):
    @given(cells, cells, cells)
    def check(a, b, c):
        left = make(a).merge(make(b)).merge(make(c))
        right = make(a).merge(make(b).merge(make(c)))
        turned = make(c).merge(make(b)).merge(make(a))
        assert told(left) == told(right) == told(turned) == told(make([*a, *b, *c]))
        empty = type(left)()
        assert told(empty.merge(make(a))) == told(make(a))
        assert told(make(a).merge(type(left)())) == told(make(a))

    check()


def test_levels_by_hand():
    counts = levels_of(["x", "y", "x", None], np.array([1.0, 2.0, 4.0, 8.0]))
    counts.merge(levels_of(["y"], np.array([16.0])))
    assert told(counts) == ([("x", 2.0, 5.0), ("y", 2.0, 18.0)], 1.0, 8.0)


def test_integers_stay_an_array():
    counts = LevelCounts()
    counts.add(np.array([0, 1, 1]), np.array([7, 9]), np.ones(3))
    assert counts.levels.dtype == np.int64
    assert counts.levels.tolist() == [7, 9]
    counts.add(np.array([0]), ["a"], np.ones(1))
    assert counts.levels == [7, 9, "a"]


def test_numbers_by_hand():
    counts = numbers_of([2.0, np.nan, 2.0, 5.5], np.array([1.0, 2.0, 4.0, 8.0]))
    assert (counts.n, counts.low, counts.high, counts.is_whole) == (3, 2.0, 5.5, False)
    assert (counts.total, counts.missing, counts.has_missing) == (15.0, 2.0, True)
    assert counts.values == {2.0: 5.0, 5.5: 8.0}


def test_values_are_counted_while_they_are_few():
    half = np.arange(MAX_VALUES // 2, dtype=float)
    counts = numbers_of(half).merge(numbers_of(half + MAX_VALUES // 2))
    assert len(counts.values) == MAX_VALUES
    assert counts.merge(numbers_of([-1.0])).values is None
    assert numbers_of([1.0]).merge(counts).values is None
    assert numbers_of(np.arange(2000.0)).values is None
