"""Interpolation by a table: equal to numpy's, whatever the distribution."""

import numpy as np
import pytest

from sklearn_dcn._table.numbers import interpolation as _interpolation
from sklearn_dcn._table.numbers.interpolation import TABLE_FROM, Curve, interpolate

N = TABLE_FROM + 5000
RNG = np.random.default_rng(0)

COLUMNS = {
    "log-normal": RNG.lognormal(0, 2, N),
    "normal": RNG.normal(size=N),
    "narrow": RNG.uniform(1000, 1001, N),
    "counts": RNG.poisson(20, N).astype(float),
    "zeros": np.where(RNG.random(N) < 0.5, 0.0, RNG.lognormal(0, 3, N)),
    "skewed to the left": -RNG.lognormal(0, 2, N),
    "Cauchy": RNG.standard_cauchy(N),
    "huge": RNG.lognormal(0, 100, N),
    "tiny": RNG.normal(0, 1e-300, N),
    "integers": RNG.integers(10**6, 10**6 + 500, N).astype(float),
    "two values": RNG.integers(0, 2, N).astype(float),
    "times": 1.6e9 + RNG.exponential(1e6, N),
    "ends of the range": RNG.choice([-1e308, 0.0, 1e308], N),
    "two clusters": np.where(RNG.random(N) < 0.5, RNG.normal(0, 1e-3, N), 1e6),
}
BY_TABLE = ("log-normal", "normal", "narrow", "counts", "zeros", "times", "integers")


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("n_knots", [2, 3, 50, 3000])
def test_equals_numpy(name, n_knots):
    x = COLUMNS[name].copy()
    distinct = np.unique(x)
    at = np.linspace(0, len(distinct) - 1, min(n_knots, len(distinct)))
    knots = distinct[np.unique(at.astype(int))]
    values = np.sort(RNG.normal(size=len(knots)))
    x[:: 7 * 11] = np.nan
    x[1:5] = [-1.7e308, 1.7e308, np.nextafter(knots[0], -np.inf), knots[-1]]
    x[5 : 5 + len(knots)] = knots  # the steps of the table must not overshoot
    x[-len(knots) :] = np.nextafter(knots, -np.inf)
    with np.errstate(all="ignore"):
        expected = np.interp(x, knots, values)
    np.testing.assert_array_equal(interpolate(x, knots, values), expected)


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("n_knots", [1, 2, 3000])
def test_one_number_at_a_time(name, n_knots):
    """To the bit, at the knots and beyond their ends, too."""
    knots = np.unique(COLUMNS[name])
    knots = knots[np.linspace(0, len(knots) - 1, min(n_knots, len(knots))).astype(int)]
    values = np.sort(RNG.normal(size=len(knots)))
    ends = [-1.7e308, -0.0, 1.7e308]
    x = np.concatenate([COLUMNS[name][:200], knots[:200], knots[-1:], ends])
    x = np.concatenate([x, np.nextafter(x, np.inf)])
    curve = Curve(knots, values)
    with np.errstate(all="ignore"):
        found = [curve(number) for number in x.tolist()]
        np.testing.assert_array_equal(found, interpolate(x, knots, values))


@pytest.mark.parametrize("name", BY_TABLE)
def test_usual_columns_go_by_the_table(name, monkeypatch):
    def refuse(*args):
        raise AssertionError("binary search")

    x = COLUMNS[name]
    knots = np.unique(np.quantile(x, np.linspace(0, 1, 1000)))
    monkeypatch.setattr(_interpolation.np, "interp", refuse)
    y = interpolate(x, knots, np.linspace(0, 1, len(knots)))
    assert (np.diff(y[np.argsort(x)]) >= 0).all()
    with pytest.raises(AssertionError, match="binary search"):
        interpolate(x[:100], knots, knots)  # the others do not pay


def test_one_knot():
    x = COLUMNS["normal"]
    assert set(interpolate(x, np.zeros(1), np.ones(1)).tolist()) == {1.0}
