"""The normalisation of numbers, against plain NumPy on repeated rows."""

import warnings

import numpy as np
import pytest
from helpers.draws import rng
from numpy.testing import assert_array_equal as assert_equal
from scipy import stats

from sklearn_dcn._table.numbers import scaler as _numbers
from sklearn_dcn._table.numbers.scaler import (
    N_BINS,
    N_KNOTS,
    N_SAMPLE,
    NUMERIC_TRANSFORMS,
    NumberScaler,
    signed_log,
)

TRANSFORMS = pytest.mark.parametrize("transform", NUMERIC_TRANSFORMS)
BOUNDED = pytest.mark.parametrize("transform", ["quantile", "robust"])


def fit(x, transform="quantile", weight=None):
    """Return a fitted scaler."""
    x = np.asarray(x, dtype=float)
    return NumberScaler(transform).fit(x, np.ones(len(x)) if weight is None else weight)


def fit_apply(x, transform="quantile", weight=None):
    """Return z of the fitted rows."""
    return fit(x, transform, weight).apply(np.asarray(x, dtype=float))


# ----------------------------------------------------------------------------------
# Oracles: of rows that are there once for each unit of weight, without missing ones
# ----------------------------------------------------------------------------------


def oracle(transform, rows, x):
    """Return z of `x` by the formulas of the docstring, fitted to `rows`."""
    fitted = rows[~np.isnan(rows)]
    if transform == "quantile":
        return oracle_quantile(fitted, x)
    if transform == "signed_log":
        return oracle("standard", oracle_log(rows), oracle_log(x))
    low, median, high = np.quantile(fitted, [0.25, 0.5, 0.75], method="inverted_cdf")
    if transform is None:
        return np.where(np.isnan(x), median, x)
    if transform == "standard":
        return np.where(np.isnan(x), 0.0, (x - fitted.mean()) / fitted.std())
    if high == low:
        low, high = fitted.min(), fitted.max()
    u = np.where(np.isnan(x), 0.0, (x - median) / ((high - low) / 1.35))
    return u / np.sqrt(1 + (u / 3) ** 2)


def oracle_log(x):
    """Return the logarithm of 1 + x for x >= 0, odd about 0."""
    return np.where(x < 0, -np.log1p(np.where(x < 0, -x, 0)), np.log1p(np.abs(x)))


def middle(fitted, v):
    """Return the share of rows below `v`, and half of those at it."""
    return ((fitted < v).sum() + (fitted == v).sum() / 2) / len(fitted)


def oracle_quantile(fitted, x):
    """Return the standardised normal scores, held constant outside the range."""
    scores = {v: stats.norm.ppf(middle(fitted, v)) for v in set(fitted.tolist())}
    of_rows = np.array([scores[v] for v in fitted.tolist()])
    known = sorted(scores)
    z = np.interp(x, known, [scores[v] for v in known])
    z = (z - of_rows.mean()) / of_rows.std()
    return np.where(np.isnan(x), 0.0, z)


# All of odd length, and of odd weight: no quartile falls between two rows.
COLUMNS = {
    "normal": rng(1).normal(5, 2, 201),
    "lognormal": rng(2).lognormal(0, 3, 201),
    "cauchy": rng(3).standard_cauchy(201),
    "counts": rng(4).poisson(1.5, 201).astype(float),
    "mostly zeros": np.where(rng(5).random(201) < 0.9, 0, rng(6).lognormal(size=201)),
    "two values": (rng(7).random(201) < 0.3) * 4.0 - 1.0,
    "negative": -rng(8).exponential(1e6, 201),
    "tiny": rng(9).normal(0, 1e-9, 201),
    "with missing": np.where(
        rng(10).random(201) < 0.3, np.nan, rng(11).gamma(2, size=201)
    ),
}
CASES = pytest.mark.parametrize("x", COLUMNS.values(), ids=COLUMNS)


@CASES
@TRANSFORMS
def test_equals_oracle(transform, x):
    """Z is the docstring's formula, on the rows of fit and on new ones."""
    low, high = np.nanmin(x), np.nanmax(x)
    margin = high - low
    new = np.r_[np.linspace(low - margin, high + margin, 101), np.nan]
    scaler = fit(x, transform)
    for rows in (x, new):
        np.testing.assert_allclose(
            scaler.apply(rows), oracle(transform, x, rows), rtol=1e-9, atol=1e-10
        )


@CASES
@TRANSFORMS
def test_weighted_equals_oracle(transform, x):
    """A row of weight k counts as k rows of the oracle."""
    weight = rng(20).integers(1, 5, len(x))
    weight[np.flatnonzero(~np.isnan(x))[0]] += 1 - weight[~np.isnan(x)].sum() % 2
    np.testing.assert_allclose(
        fit(x, transform, weight.astype(float)).apply(x),
        oracle(transform, np.repeat(x, weight), x),
        rtol=1e-9,
        atol=1e-10,
    )


@CASES
@TRANSFORMS
def test_weights_equal_repeated_rows_exactly(transform, x):
    """Weights and repeated rows, in any order, give the same bits."""
    weight = rng(21).integers(1, 5, len(x))
    repeated = rng(22).permutation(np.repeat(x, weight))
    z = fit(x, transform, weight.astype(float)).apply(x)
    np.testing.assert_array_equal(z, fit(repeated, transform).apply(x))


@TRANSFORMS
def test_the_unit_of_weights_does_not_matter(transform):
    """Weights times a power of two give the same bits, times 3 the same numbers."""
    x = COLUMNS["lognormal"]
    weight = rng(23).random(len(x)) + 0.1
    z = fit(x, transform, weight).apply(x)
    np.testing.assert_array_equal(fit(x, transform, weight * 1024).apply(x), z)
    np.testing.assert_allclose(fit(x, transform, weight * 3).apply(x), z, rtol=1e-12)


# ----------------------------------------------------------------------------------
# Properties
# ----------------------------------------------------------------------------------


@CASES
@pytest.mark.parametrize("transform", ["quantile", "standard", "signed_log"])
def test_standardised(transform, x):
    """All but robust and None give mean 0 and standard deviation 1, missing 0 aside."""
    z = fit_apply(x, transform)[~np.isnan(x)]
    assert z.mean() == pytest.approx(0, abs=1e-12)
    assert z.std() == pytest.approx(1, rel=1e-12)


@TRANSFORMS
@CASES
def test_monotone(transform, x):
    """A larger number never gets a smaller z, inside and outside the range."""
    low, high = np.nanmin(x), np.nanmax(x)
    grid = np.sort(
        np.r_[x[~np.isnan(x)], np.linspace(2 * low - high, 2 * high - low, 999)]
    )
    z = fit(x, transform).apply(grid)
    assert (np.diff(z) >= 0).all()
    assert z[-1] > z[0]


def test_quantile_is_constant_outside_the_range():
    """Numbers beyond those of fit get the z of the nearest one."""
    scaler = fit([1.0, 2.0, 4.0])
    lowest, highest = scaler.apply(np.array([1.0, 4.0]))
    assert scaler.apply(np.array([0.99, -5.0, -1e300])).tolist() == [lowest] * 3
    assert scaler.apply(np.array([4.01, 99.0, 1e300])).tolist() == [highest] * 3


def test_quantile_depends_on_ranks_alone():
    """A strictly increasing function of the column changes no z at its rows."""
    x = COLUMNS["normal"]
    np.testing.assert_array_equal(fit_apply(x), fit_apply(np.exp(x) * 1e9 - 5))


def test_robust_is_linear_in_the_middle_and_at_most_three():
    """Slope 1 at the median, 3 at infinity."""
    scaler = fit(np.arange(1001.0), "robust")
    scale = 500 / 1.35
    z = scaler.apply(np.array([500.0, 500 + scale / 1000, 500 - scale / 1000, 1e200]))
    np.testing.assert_allclose(z, [0, 1e-3, -1e-3, 3], rtol=1e-6)


def test_more_values_than_knots():
    """Beyond N_KNOTS distinct values the curve still follows the normal scores."""
    n = 20 * N_KNOTS + 1
    x = rng(30).lognormal(0, 2, n)
    scaler = fit(x)
    assert N_KNOTS - 1 <= len(scaler.knots) <= 3 * N_KNOTS
    expected = stats.norm.ppf((stats.rankdata(x) - 0.5) / n)
    expected = (expected - expected.mean()) / expected.std()
    error = np.abs(scaler.apply(x) - expected)
    inner = np.abs(expected) < 2.5
    assert error[inner].max() < 0.05
    assert error.mean() < 0.003
    at = [x.argmin(), x.argmax()]
    np.testing.assert_allclose(scaler.apply(x[at]), expected[at], rtol=1e-9)


def test_atom_among_more_values_than_knots():
    """90 % zeros are one z, and the numbers just beside them are not drawn to it."""
    n = 50 * N_KNOTS
    x = np.where(rng(31).random(n) < 0.9, 0.0, rng(32).normal(size=n))
    z = fit_apply(x)
    ranks = (stats.rankdata(x) - 0.5) / n
    expected = stats.norm.ppf(ranks)
    expected = (expected - expected.mean()) / expected.std()
    assert len(set(z[x == 0])) == 1
    assert z[x == 0][0] == pytest.approx(expected[x == 0][0], abs=1e-9)
    tail = (x != 0) & (ranks > 0.01) & (ranks < 0.99)
    assert np.abs(z - expected)[tail].max() < 0.05


# ----------------------------------------------------------------------------------
# Extremes
# ----------------------------------------------------------------------------------


def strict():
    """Return a context in which numpy raises on overflow, NaN and division by 0."""
    return np.errstate(over="raise", invalid="raise", divide="raise")


@pytest.mark.parametrize("outlier", [1e300, -1e300])
@TRANSFORMS
def test_outlier_in_fit(transform, outlier):
    """A number of 1e300 in fit raises no warning and leaves z finite."""
    x = np.r_[rng(40).normal(size=200), outlier]
    with strict(), warnings.catch_warnings():
        warnings.simplefilter("error")
        z = fit_apply(x, transform)
    assert np.isfinite(z).all()
    if transform == "standard":  # one row of n far away
        assert z[-1] == pytest.approx(np.sign(outlier) * np.sqrt(200), rel=1e-9)
    elif transform == "signed_log":  # 690 beside numbers of the unit of one
        assert z[-1] == pytest.approx(np.sign(outlier) * np.sqrt(200), rel=1e-2)
    elif transform is not None:  # the others don't notice
        clean = fit_apply(x[:-1], transform)
        assert np.quantile(np.abs(z[:-1] - clean), 0.95) < 0.05
        assert 2.5 < np.abs(z[-1]) < 3.5


@pytest.mark.parametrize("scale", [1.0, 1e-10, 1e10])
@BOUNDED
def test_outlier_in_apply(transform, scale):
    """Any finite number in prediction gets a z within the known bounds."""
    x = rng(41).normal(size=201) * scale
    scaler = fit(x, transform)
    with strict():
        z = scaler.apply(np.array([-1.7e308, -1e300, 1e300, 1.7e308]))
    bound = 3.0 if transform == "robust" else np.abs(scaler.apply(x)).max()
    assert np.abs(z).max() <= bound + 1e-12
    assert (z[:2] < -2.5).all()
    assert (z[2:] > 2.5).all()


@pytest.mark.parametrize("value", [0.0, 0.1, -3e7, 1e300, 5e-324])
@pytest.mark.parametrize("transform", ["quantile", "robust", "standard", "signed_log"])
def test_constant_column(transform, value):
    """A constant column is 0, also where it is none in prediction or is weighted."""
    weight = rng(42).random(50)
    with strict():
        scaler = fit(np.full(50, value), transform, weight)
        z = scaler.apply(np.array([value, value + 1, -1e6, np.nan]))
    assert z.tolist() == [0.0] * 4


def test_constant_column_without_transform():
    """None leaves numbers as they are, constant or not, and fills the median."""
    z = fit(np.full(5, 7.0), None).apply(np.array([7.0, 8.0, np.nan]))
    assert z.tolist() == [7.0, 8.0, 7.0]


@pytest.mark.parametrize("transform", ["robust", "standard", "signed_log"])
def test_constant_up_to_rounding(transform):
    """Differences of the last bit, as of 0.1 + 0.2 and 0.3, are not blown up."""
    x = np.array([0.1 + 0.2, 0.3] * 50)
    assert x[0] != x[1]
    assert np.abs(fit_apply(x, transform)).max() < 1e-6


@TRANSFORMS
def test_all_missing(transform):
    """A column of nothing is 0 everywhere, and has an indicator."""
    scaler = fit(np.full(4, np.nan), transform)
    assert scaler.has_missing
    assert scaler.apply(np.array([np.nan, np.nan])).tolist() == [0.0, 0.0]
    later = scaler.apply(np.array([5.0, -1e9]))
    assert later.tolist() == ([5.0, -1e9] if transform is None else [0.0, 0.0])


@pytest.mark.parametrize("spread", [4.0, 100.0, 1e4])
@pytest.mark.parametrize("transform", ["quantile", "robust", "standard"])
def test_large_offset(transform, spread):
    """Noise on top of 1e15, where floats are 1/8 apart, is normalised as without."""
    noise = np.round(rng(43).normal(0, spread, 501) * 8) / 8
    z = fit_apply(1e15 + noise, transform)
    expected = fit_apply(noise, transform)
    np.testing.assert_allclose(z, expected, atol=0.1 / spread)


@TRANSFORMS
def test_weights_of_very_different_size(transform):
    """A weight that rounds to nothing beside the others makes no z infinite."""
    x = np.array([0.0, 1.0, 2.0, 3.0])
    for light in (0, 3):
        weight = np.ones(4)
        weight[light] = 1e-25
        with strict():
            z = fit(x, transform, weight).apply(x)
        assert np.isfinite(z).all()
        assert (np.diff(z) > 0).all()


@TRANSFORMS
def test_single_row(transform):
    """One row can be fitted."""
    z = fit_apply([4.0], transform)
    assert z.tolist() == [4.0 if transform is None else 0.0]


# ----------------------------------------------------------------------------------
# Missing numbers
# ----------------------------------------------------------------------------------


@TRANSFORMS
def test_missing_rows_do_not_count(transform):
    """Statistics are those of the rows that are there, with their weights."""
    x = COLUMNS["with missing"]
    weight = rng(44).random(len(x)) + 0.1
    there = ~np.isnan(x)
    z = fit(x, transform, weight).apply(x)
    alone = fit(x[there], transform, weight[there])
    np.testing.assert_array_equal(z[there], alone.apply(x[there]))
    assert (fit(x, transform).has_missing, alone.has_missing) == (True, False)


@pytest.mark.parametrize(
    ("transform", "filled"),
    [(t, 3.0 if t is None else 0.0) for t in NUMERIC_TRANSFORMS],
)
def test_missing_are_filled(transform, filled):
    """Missing numbers become the mean of z, or the median, also if new in apply."""
    with_missing = fit([1.0, 3.0, np.nan, 50.0], transform)
    without = fit([1.0, 3.0, 50.0], transform)
    for scaler in (with_missing, without):
        assert scaler.apply(np.array([np.nan])).tolist() == [filled]


@TRANSFORMS
def test_input_is_left_alone(transform):
    """Neither fit nor apply writes into the column."""
    x = np.array([3.0, np.nan, 1.0])
    x.flags.writeable = False
    weight = np.ones(3)
    weight.flags.writeable = False
    z = NumberScaler(transform).fit(x, weight).apply(x)
    assert z.shape == (3,)
    assert z is not x


@TRANSFORMS
def test_missing_may_stay_missing(transform):
    """Without imputation a missing number stays NaN, and the others as they are."""
    x = COLUMNS["with missing"]
    scaler = fit(x, transform)
    z = scaler.apply(x, impute=False)
    assert_equal(np.isnan(z), np.isnan(x))
    there = ~np.isnan(x)
    assert_equal(z[there], scaler.apply(x)[there])


def test_share_of_missing_weight():
    """It counts weights, not rows."""
    x, weight = [1.0, np.nan, 2.0, np.nan], np.array([1.0, 2.0, 4.0, 1.0])
    assert fit(x, weight=weight).missing_share == 3 / 8
    assert fit([1.0, 2.0]).missing_share == 0.0
    assert fit([np.nan]).missing_share == 1.0


# ----------------------------------------------------------------------------------
# Logarithm and inverse
# ----------------------------------------------------------------------------------


def test_signed_log():
    """By hand, odd, exact near 0, and without overflow at the ends of floats."""
    x = np.array([0.0, np.e - 1, 1 - np.e, 1e-300, 1.7e308])
    with strict():
        u = signed_log(x)
    np.testing.assert_allclose(u, [0, 1, -1, 1e-300, 308 * np.log(10) + np.log(1.7)])
    assert_equal(signed_log(-x), -u)
    assert np.isnan(signed_log(np.array([np.nan]))).all()


@CASES
@TRANSFORMS
def test_invert(transform, x):
    """Within the range of fit `invert` undoes `apply`; rows and numbers between."""
    scaler = fit(x, transform)
    low, high = np.nanmin(x), np.nanmax(x)
    grid = np.r_[x[~np.isnan(x)], np.linspace(low, high, 99)]
    with strict():
        back = scaler.invert(scaler.apply(grid))
    # To the rounding of z, whose unit is the spread; relative in the logarithm's.
    tolerance = 1e-12 * (high - low)
    if transform == "signed_log":
        tolerance = 1e-10 * (1 + np.abs(grid))
    elif transform == "robust":  # far from the middle x is the limit of a square root
        tolerance = 1e-12 * (high - low) + 1e-12 * u_of(x, grid) ** 3 * (high - low)
    assert (np.abs(back - grid) <= tolerance + 1e-300).all()


def u_of(x, grid):
    """Return the distance from the median in units of the quartiles' distance."""
    low, median, high = np.nanquantile(x, [0.25, 0.5, 0.75], method="inverted_cdf")
    return np.abs(grid - median) / (high - low or np.nanmax(x) - np.nanmin(x))


@TRANSFORMS
def test_invert_of_missing_and_of_everything_else(transform):
    """NaN stays NaN, and no z beyond those of fit overflows, but without bounds."""
    scaler = fit(COLUMNS["normal"], transform)
    assert np.isnan(scaler.invert(np.array([np.nan]))).all()
    with strict():
        x = scaler.invert(np.array([-5.0, 0.0, 5.0]))
    assert np.isfinite(x).all()
    assert x[0] < x[1] < x[2]


@pytest.mark.parametrize("value", [0.0, 0.1, -3e7])
@TRANSFORMS
def test_invert_of_a_constant(transform, value):
    """A constant column comes back as its constant."""
    scaler = fit(np.full(5, value), transform)
    back = scaler.invert(scaler.apply(np.full(3, value)))
    np.testing.assert_allclose(back, np.full(3, value), rtol=1e-14)


# ----------------------------------------------------------------------------------
# Bins of equal weight
# ----------------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
@TRANSFORMS
def test_bins_hold_equal_weight(transform, weighted):
    """Each of the bins holds one in N_BINS of the weight, to one row."""
    x = rng(50).lognormal(0, 1, 5000)
    weight = rng(51).random(5000) * 2 if weighted else np.ones(5000)
    scaler = fit(x, transform, weight)
    edges = np.array(scaler.bin_edges())
    assert len(edges) == N_BINS + 1
    assert (np.diff(edges) > 0).all()
    z = scaler.apply(x)
    at = np.clip(np.searchsorted(edges, z) - 1, 0, N_BINS - 1)  # (edge, edge]
    share = np.bincount(at, weight, minlength=N_BINS) / weight.sum()
    assert np.abs(share - 1 / N_BINS).max() <= 2 * weight.max() / weight.sum()
    np.testing.assert_allclose(edges[[0, -1]], [z.min(), z.max()])


@CASES
@TRANSFORMS
def test_edges_are_distinct_and_of_the_column(transform, x):
    """Edges rise, from the smallest to the largest z; few values make few bins."""
    scaler = fit(x, transform)
    edges = scaler.bin_edges()
    z = scaler.apply(x[~np.isnan(x)])
    assert edges == sorted(set(edges))
    assert (edges[0], edges[-1]) == (z.min(), z.max())
    assert set(edges) <= set(z.tolist())
    assert 2 <= len(edges) <= min(N_BINS + 1, len(set(z.tolist())))


@pytest.mark.parametrize("column", [np.full(5, 3.0), np.full(3, np.nan)])
@TRANSFORMS
def test_edges_of_no_spread(transform, column):
    """A constant column, and one of nothing, have one bin of width 1."""
    low, high = fit(column, transform).bin_edges()
    assert high - low == 1.0


# ----------------------------------------------------------------------------------
# Long columns
# ----------------------------------------------------------------------------------


@pytest.mark.parametrize("atom", [0.0, 0.6])
def test_sampled_quantiles_are_near_the_exact_ones(atom):
    """From N_SAMPLE rows on F is that of a sample, within 0.01 of the exact one."""
    n = 2 * N_SAMPLE
    x = np.where(rng(60).random(n) < atom, 0.0, rng(61).lognormal(0, 2, n))
    weight = rng(62).random(n) * np.where(x > 1, 4, 1)
    scaler = fit(x, "quantile", weight)
    order = np.argsort(x)
    exact = np.cumsum(weight[order]) / weight.sum()  # F at x[order]
    at = np.searchsorted(x[order], scaler.knots, side="right") - 1
    # Of z back to F: the score's distribution before it was standardised.
    below = np.searchsorted(x[order], scaler.knots, side="left")
    half = (np.r_[0, exact][below] + exact[at]) / 2
    known = stats.norm.cdf(scaler.scores * scaler.scale + scaler.center)
    assert np.abs(known - half).max() < 0.01


@pytest.mark.parametrize("transform", ["quantile", "robust"])
def test_columns_up_to_the_sample_are_exact(transform, monkeypatch):
    """A column of just N_SAMPLE rows is not sampled, one of a row more is."""
    monkeypatch.setattr(_numbers, "N_SAMPLE", 201)
    x = COLUMNS["lognormal"]
    np.testing.assert_allclose(
        fit_apply(x, transform), oracle(transform, x, x), rtol=1e-9, atol=1e-10
    )
    more = np.r_[x, 1e9]
    sampled = fit(more, transform).apply(more)
    assert not np.allclose(sampled, oracle(transform, more, more), atol=1e-6)
    assert_equal(fit(more, transform).apply(more), sampled)  # the same rows again


@pytest.mark.parametrize("transform", ["standard", "signed_log", None])
def test_other_columns_are_not_sampled(transform, monkeypatch):
    """Means are of all rows, however many."""
    monkeypatch.setattr(_numbers, "N_SAMPLE", 20)
    x = COLUMNS["counts"]
    np.testing.assert_allclose(
        fit_apply(x, transform), oracle(transform, x, x), rtol=1e-9, atol=1e-10
    )
