"""Groups are those of np.unique, and sums those of a loop, whatever the keys."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_dcn._table.target_statistics.groups import (
    TABLE,
    EarlierRows,
    Groups,
    OtherFolds,
)

RANGES = {"few": 5, "table": 3_000, "sorted": 10**6, "long": 2**60}


def keys_of(high, dtype=np.int64, n=400):
    """Return keys from 7 on, some of them far apart."""
    rng = np.random.default_rng(0)
    return (7 + rng.integers(high, size=n) // rng.integers(1, 4, n)).astype(dtype)


@pytest.mark.parametrize("high", RANGES.values(), ids=RANGES)
def test_groups_are_those_of_unique(high):
    key = keys_of(high)
    keys, codes = np.unique(key, return_inverse=True)
    groups = Groups.of(key)
    assert_array_equal(groups.keys, keys)
    assert_array_equal(groups.codes, codes)


def test_both_ways_are_tried():
    assert RANGES["table"] < TABLE * 400 < RANGES["sorted"]


def test_narrow_keys_may_have_any_groups():
    """Ids and bins are of few bytes, which their range must not overflow."""
    key = np.array([-30_000, 30_000, 0, 0, -30_000], dtype=np.int16)
    assert_array_equal(Groups.of(key).keys[Groups.of(key).codes], key)
    empty = Groups.of(key[:0])
    assert len(empty.keys) == len(empty.codes) == 0


@pytest.mark.parametrize("high", RANGES.values(), ids=RANGES)
def test_loose_groups_have_the_same_rows(high):
    key = keys_of(high)
    loose = Groups.loose(key, 6)
    assert_array_equal(loose.keys[loose.codes], key)
    assert len(loose.keys) <= len(key)


@pytest.mark.parametrize("make", [Groups.of, lambda key: Groups.loose(key, 5)])
@pytest.mark.parametrize("high", [5, 60, 10**6])
def test_sums_of_other_folds_are_those_of_a_loop(high, make):
    key, rng = keys_of(high, n=120), np.random.default_rng(1)
    fold, values = rng.integers(5, size=120), rng.normal(size=120)
    others = OtherFolds(make(key), fold)
    expected = [
        values[(key == k) & (fold != f)].sum() for k, f in zip(key, fold, strict=True)
    ]
    assert_allclose(others.spread(others.sums(values)), expected, atol=1e-12)


def test_sums_of_earlier_rows_are_those_of_a_loop():
    key, rng = keys_of(20, n=120), np.random.default_rng(1)
    rank, values = rng.integers(30, size=120), rng.normal(size=120)
    earlier = EarlierRows(Groups.of(key), rank)
    expected = [
        values[(key == k) & (rank < r)].sum() for k, r in zip(key, rank, strict=True)
    ]
    assert_allclose(earlier.spread(earlier.sums(values)), expected, atol=1e-12)
