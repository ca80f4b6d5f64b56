"""Numbers that scalers follow: their quantiles are those of weighted rows."""

import numpy as np
import pytest

from sklearn_dcn._table.numbers import (
    NUMERIC_TRANSFORMS,
    NumberScaler,
    RecentNumbers,
    follow,
)
from sklearn_dcn._table.numbers.recent import MOST


def days(n_days, n, seed=0):
    """Return numbers that rise from day to day, a tenth of them missing."""
    rng = np.random.default_rng(seed)
    found = [rng.lognormal(0.3 * day, 1.0, n) for day in range(n_days)]
    for x in found:
        x[rng.random(n) < 0.1] = np.nan
    return found


@pytest.mark.parametrize("transform", NUMERIC_TRANSFORMS)
def test_few_numbers_are_all_kept(transform):
    """So that following is a fit of all rows, with weights that decay."""
    parts = days(4, 300)
    scaler = NumberScaler(transform).fit(parts[0], np.ones(300))
    recent = RecentNumbers(parts[0], np.ones(300))
    for x in parts[1:]:
        follow(scaler, recent, x, np.ones(300), 0.5)
    weight = np.repeat([0.125, 0.25, 0.5, 1.0], 300)
    whole = NumberScaler(transform).fit(np.concatenate(parts), weight)
    x = np.array([0.1, 1.0, 3.0, 9.0, np.nan])
    np.testing.assert_allclose(scaler.apply(x), whole.apply(x), rtol=1e-9)
    assert scaler.seen == whole.seen
    assert scaler.has_missing and scaler.missing_share != 0


def test_quantiles_of_many():
    x = np.random.default_rng(0).normal(size=200_000)
    recent = RecentNumbers(x[:100_000], np.ones(100_000))
    recent.add(x[100_000:], np.full(100_000, 2.0), 0.5)
    assert len(recent.x) <= MOST + 2
    assert (recent.x[0], recent.x[-1]) == (x.min(), x.max())
    weight = np.repeat([0.5, 2.0], 100_000)
    order = np.argsort(x)
    total = np.cumsum(weight[order])
    mass = np.cumsum(recent.weight) / recent.weight.sum()
    for q in (0.01, 0.2, 0.5, 0.9, 0.999):
        exact = x[order][np.searchsorted(total, q * total[-1])]
        found = recent.x[np.searchsorted(mass, q)]
        assert abs(found - exact) < 0.02 * (1 + abs(exact) ** 3)


def test_whether_there_are_gaps_stays():
    scaler = NumberScaler("standard").fit(np.array([1.0, 2.0]), np.ones(2))
    recent = RecentNumbers(np.array([1.0, 2.0]), np.ones(2))
    follow(scaler, recent, np.array([np.nan, 3.0]), np.ones(2), 0.9)
    assert scaler.has_missing is False
    assert scaler.seen.high == 3.0 and scaler.seen.n == 3


def test_a_part_without_numbers():
    scaler = NumberScaler("quantile").fit(np.array([1.0, 2.0]), np.ones(2))
    recent = RecentNumbers(np.array([1.0, 2.0]), np.ones(2))
    before = scaler.apply(np.array([1.0, 2.0]))
    follow(scaler, recent, np.array([np.nan]), np.ones(1), 0.9)
    np.testing.assert_allclose(scaler.apply(np.array([1.0, 2.0])), before)
