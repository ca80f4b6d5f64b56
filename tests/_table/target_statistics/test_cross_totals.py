"""Sums of crosses that go on: against groups of all rows, and by hand."""

import numpy as np
import pandas as pd
import pytest

from sklearn_dcn._roles import RandomRoles
from sklearn_dcn._table.target_statistics.cross_totals import (
    LEAST,
    CrossTotals,
    resized_keys,
)
from sklearn_dcn._table.target_statistics.crosses import CrossStatistics
from sklearn_dcn._table.target_statistics.supervision import Supervision

PAIRS = [(0, 1), (1, 2), (1, 1)]
SIZES = [5, 30, 4]


def rows(n, seed, first=0):
    """Return codes, weights and a target of 0 and 1."""
    rng = np.random.default_rng(seed)
    codes = [rng.integers(first * (c == 1), size, n) for c, size in enumerate(SIZES)]
    return codes, rng.integers(1, 4, n).astype(float), rng.integers(0, 2, n)


def fitted(codes, weight, y, pairs=PAIRS):
    """Return crosses that are to go on."""
    sizes = [int(c.max()) + 1 for c in codes]
    crosses = CrossStatistics(pairs, ["a", "b", "c"], sizes, None, goes_on=True)
    roles = RandomRoles(len(y))
    crosses.fit_transform(codes, weight, Supervision({"": y}, True, 0, roles))
    return crosses


def values_of(weight, y):
    """Return what is learned of rows."""
    return np.stack([weight, weight * y], axis=1)


def expected(codes, weight, y, mean=None, pairs=PAIRS):
    """Return statistics (n, n_pairs) by groups of pandas."""
    mean = np.average(y, weights=weight) if mean is None else mean
    found = []
    for a, b in pairs:
        frame = pd.DataFrame({"a": codes[a], "b": codes[b], "w": weight})
        frame["wy"] = weight * y
        sums = frame.groupby(["a", "b"])[["w", "wy"]].transform("sum")
        p = (sums["wy"] + 10 * mean) / (sums["w"] + 10)
        found.append(np.log(p / (1 - p)))
    return np.stack(found, axis=1)


def test_all_that_is_kept_goes_on_as_one_fit():
    """Nothing decays: the sums are those of all rows together."""
    first, more = rows(300, 0), rows(200, 1)
    crosses = fitted(*first)
    crosses.resize(SIZES, {})
    crosses.learn(more[0], values_of(*more[1:]), decay=1.0)
    joined = [np.concatenate(pair) for pair in zip(first[0], more[0], strict=True)]
    weight = np.concatenate([first[1], more[1]])
    y = np.concatenate([first[2], more[2]])
    found = crosses.transform(joined)[:, : len(PAIRS)]
    np.testing.assert_allclose(found, expected(joined, weight, y), rtol=1e-10)
    mean = np.average(y, weights=weight)
    np.testing.assert_allclose(crosses.default, np.log(mean / (1 - mean)))
    assert crosses.counted == (0, 1)
    n = pd.Series(weight).groupby([joined[1], joined[2]]).transform("sum")
    counts = crosses.transform(joined)[:, len(PAIRS) + 1]
    np.testing.assert_allclose(counts, np.log1p(n))


def test_what_is_kept_decays():
    first, more = rows(300, 0), rows(300, 1)
    crosses = fitted(*first)
    crosses.resize(SIZES, {})
    crosses.learn(more[0], values_of(*more[1:]), decay=0.5)
    joined = [np.concatenate(pair) for pair in zip(first[0], more[0], strict=True)]
    weight = np.concatenate([0.5 * first[1], more[1]])
    y = np.concatenate([first[2], more[2]])
    found = crosses.transform(joined)[:, : len(PAIRS)]
    np.testing.assert_allclose(found, expected(joined, weight, y), rtol=1e-10)
    for _ in range(12):  # levels that came long ago are forgotten
        crosses.learn([c[:0] for c in more[0]], np.empty((0, 2)), decay=0.5)
    assert len(crosses.keys) < 60
    assert (crosses.totals.by_key[:, 0] >= LEAST).all()


def test_levels_of_the_fit_stay_as_they_were():
    """Without a decay rows are added to pairs of later levels alone."""
    codes, weight, y = rows(400, 0)
    codes[1] %= 20
    crosses = fitted(codes, weight, y)
    before = crosses.transform(codes)
    crosses.resize(SIZES, {1: np.arange(20, 30)})
    assert crosses.transform(codes).tobytes() == before.tobytes()
    more, w, target = rows(500, 1)
    crosses.learn(more, values_of(w, target))
    assert crosses.transform(codes).tobytes() == before.tobytes()
    late = more[1] >= 20
    some = [c[late] for c in more]
    mean = np.average(y, weights=weight)
    found = crosses.transform(some)[:, : len(PAIRS)]
    np.testing.assert_allclose(
        found, expected(some, w[late], target[late], mean), rtol=1e-10
    )


def test_a_level_does_not_inherit_what_another_was():
    codes, weight, y = rows(400, 0)
    crosses = fitted(codes, weight, y)
    before = crosses.transform(codes)
    crosses.resize(SIZES, {1: np.array([7, 9])})
    now = crosses.transform(codes)
    gone = np.isin(codes[1], [7, 9])
    assert np.allclose(now[gone][:, : len(PAIRS)], crosses.default)
    assert now[~gone].tobytes() == before[~gone].tobytes()


@pytest.mark.parametrize("grown", [[5, 31, 4], [9, 300, 8], [6, 30, 4]])
def test_keys_of_more_codes(grown):
    """Keys made anew from the codes of each, in order still."""
    codes, weight, y = rows(400, 0)
    crosses = fitted(codes, weight, y)
    old = crosses._keys(codes)
    keys, stays = resized_keys(crosses.keys, PAIRS, SIZES, grown, {})
    assert stays.all() and (np.diff(keys) > 0).all()
    crosses.sizes = grown
    now = crosses._keys(codes)
    at = np.searchsorted(crosses.keys, old)
    np.testing.assert_array_equal(keys[at], now)


def test_sums_by_hand():
    totals = CrossTotals(np.array([4.0, 2.0]), np.array([[3.0, 1.0], [1.0, 1.0]]))
    found = totals.add(
        np.array([2, 5]), np.array([5, 3, 5]), np.array([[1.0, 0.0]] * 3), None
    )
    keys, before, touched = (part.tolist() for part in found)
    assert (keys, before, touched) == ([2, 3, 5], [0, -1, 1], [1, 2])
    assert totals.by_key.tolist() == [[3, 1], [1, 0], [3, 1]]
    totals.keep(np.array([True, False, True]))
    assert totals.by_key.tolist() == [[3, 1], [3, 1]]
    default, means, counts = totals.statistics(False)
    assert default.tolist() == [0.5]
    assert means.ravel().tolist() == [6 / 13, 6 / 13]
    assert counts.tolist() == [np.log(4), np.log(4)]
