"""Counts and amounts: units, the constant that fits best, offsets, intervals."""

import numpy as np
import pytest
from helpers.draws import rng
from numpy.testing import assert_allclose
from scipy.optimize import minimize_scalar
from sklearn.metrics import mean_tweedie_deviance

from sklearn_dcn._targets.counts import CountTarget

POWERS = {"poisson": 1.0, "gamma": 2.0, "tweedie": 1.5}
N = 60


def draw(loss, shape=()):
    y = rng(1).gamma(2.0, 3.0, (N, *shape))
    return y if loss == "gamma" else np.floor(y)


@pytest.mark.parametrize("unit", [1.0, 1e-290, 1e290])
@pytest.mark.parametrize("shape", [(), (3,)])
@pytest.mark.parametrize("loss", POWERS)
def test_units(loss, shape, unit):
    """What is encoded has no unit, and predictions of it are in that of y."""
    y, weight = draw(loss, shape), rng(2).random(N) + 0.1
    target = CountTarget(unit * y, weight, loss, POWERS[loss])
    z = target.encode(unit * y)
    assert_allclose(np.average(z, axis=0, weights=weight), 1, rtol=1e-12)
    assert_allclose(target.decode(z), unit * y, rtol=1e-12)
    with np.errstate(divide="ignore"):
        assert_allclose(target.predictions(np.log(z)), unit * y, rtol=1e-12)
    assert_allclose(target.initial_logits(z, weight), 0, atol=1e-12)


@pytest.mark.parametrize("loss", POWERS)
def test_initial_logit_is_the_best_constant(loss):
    """Without an offset the weighted mean, which has the least deviance."""
    y, weight = draw(loss), rng(3).random(N) + 0.1
    target = CountTarget(y, weight, loss, POWERS[loss])
    start = target.predictions(np.zeros((1, 1)))[0]

    def deviance(log_mean):
        m = np.full(N, np.exp(log_mean))
        return mean_tweedie_deviance(y, m, power=POWERS[loss], sample_weight=weight)

    best = minimize_scalar(deviance, (-1, 4)).x
    assert start == pytest.approx(np.exp(best), rel=1e-5)
    assert start == pytest.approx(np.average(y, weights=weight), rel=1e-12)


def test_initial_rate_with_an_exposure():
    """All claims by all exposure: the best rate of Poisson's deviance."""
    y, exposure, weight = draw("poisson"), rng(4).random(N), rng(5).random(N)
    both = np.column_stack([y, np.log(exposure)])
    target = CountTarget(both, weight, "poisson", 1.0, has_offset=True)
    z = target.initial_logits(target.encode(both), weight)
    rate = (weight * y).sum() / (weight * exposure).sum()
    logits = target.shifted(np.tile(z, (N, 1)), target.shift(both[:, 1:]))
    assert_allclose(target.predictions(logits), rate * exposure, rtol=1e-12)
    assert_allclose(target.plain(both), y)
    assert_allclose(target.decode(target.encode(both)), y, rtol=1e-12)


@pytest.mark.parametrize("unit", [1.0, 8760.0, 1e-200, 1e300])
def test_the_unit_of_an_exposure_has_no_part(unit):
    """Years or hours: what the network is to learn is the same."""
    y, exposure = draw("poisson"), rng(4).random(N) + 0.1
    years = np.column_stack([y, np.log(exposure)])
    others = np.column_stack([y, np.log(exposure * unit)])
    a, b = (
        CountTarget(rows, np.ones(N), "poisson", 1.0, True) for rows in (years, others)
    )
    assert_allclose(b.encode(others), a.encode(years), rtol=1e-10, atol=1e-10)
    assert_allclose(b.columns(others)[""], a.columns(years)[""], rtol=1e-9)


def test_statistics_are_what_the_exposure_leaves():
    """Mean 0 and spread 1, and 0 of rows that have what their exposure has expect."""
    exposure = rng(6).random(N) + 0.1
    y = rng(7).poisson(5 * exposure).astype(float)
    both = np.column_stack([y, np.log(exposure)])
    target = CountTarget(both, np.ones(N), "poisson", 1.0, True)
    found = target.columns(both)[""]
    left = y - y.sum() / exposure.sum() * exposure
    assert_allclose(found, left / np.sqrt((left**2).mean()), rtol=1e-10)
    assert_allclose(target.score(both), found)


def test_all_zero():
    with pytest.raises(ValueError, match="y must have a mean of at least"):
        CountTarget(np.zeros(5), np.ones(5), "poisson", 1.0)


def test_constant_counts():
    """Are predicted exactly; with an exposure they are no constant rate."""
    y = np.full(N, 7.0)
    target = CountTarget(y, np.ones(N), "poisson", 1.0)
    assert target.constant_outputs(target.encode(y)).all()
    assert_allclose(target.predictions(np.zeros((2, 1))), 7.0)
    both = np.column_stack([y, rng(8).normal(size=N)])
    target = CountTarget(both, np.ones(N), "poisson", 1.0, True)
    assert not target.constant_outputs(target.encode(both)).any()


@pytest.mark.parametrize("loss", POWERS)
def test_intervals_are_of_pearsons_residuals(loss):
    """|y - m| / m ** (power / 2), in the units of y up to a factor for all rows."""
    y, power = draw(loss), POWERS[loss]
    target = CountTarget(y, np.ones(N), loss, power)
    logits = rng(9).normal(0, 0.3, (N, 1))
    m = target.predictions(logits)
    residuals = target.residuals(logits, target.encode(y))
    pearson = np.abs(y - m) / m ** (power / 2)
    ratio = residuals[:, 0] / pearson
    assert_allclose(ratio, ratio[0], rtol=1e-10)
    found = target.interval(logits, residuals, np.ones(N), 0.8)
    reach = np.sort(pearson)[int(np.ceil(61 * 0.8)) - 1] * m ** (power / 2)
    assert_allclose(found[:, 0], (m - reach).clip(min=0), rtol=1e-10, atol=1e-12)
    assert_allclose(found[:, 1], m + reach, rtol=1e-10)
    assert np.mean((found[:, 0] <= y) & (y <= found[:, 1])) >= 0.8


def test_link_scale_is_the_logarithm():
    y = draw("poisson")
    target = CountTarget(y, np.ones(N), "poisson", 1.0)
    logits = rng(10).normal(size=(N, 1))
    found = target.on_link_scale(logits[:, 0], 0)
    assert_allclose(np.exp(found), target.predictions(logits), rtol=1e-12)


def test_large_logits_stay_finite():
    target = CountTarget(draw("poisson"), np.ones(N), "poisson", 1.0)
    assert np.isfinite(target.predictions(np.array([[1e5], [-1e5]]))).all()
