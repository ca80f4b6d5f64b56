"""Which target a loss stands for, and which numbers are none of it."""

import numpy as np
import pytest

from sklearn_dcn._targets import (
    ContinuousTarget,
    CountTarget,
    GaussianTarget,
    QuantileTarget,
)
from sklearn_dcn._targets.numbers import (
    NUMBER_LOSSES,
    check_range,
    make_target,
    to_levels,
)

DEFAULTS = {"power": 1.5, "huber_delta": 1.0, "quantiles": 0.5, "has_offset": False}


@pytest.mark.parametrize("loss", NUMBER_LOSSES)
def test_every_loss_has_its_target(loss):
    y = np.arange(1.0, 9.0)
    target = make_target(y, np.ones(8), loss=loss, **DEFAULTS)
    kinds = {"quantile": QuantileTarget, "gaussian": GaussianTarget}
    counts = {"poisson": 1.0, "gamma": 2.0, "tweedie": 1.5}
    expected = CountTarget if loss in counts else kinds.get(loss, ContinuousTarget)
    assert type(target) is expected
    assert target.loss == loss
    assert getattr(target, "power", None) == counts.get(loss)


def test_levels():
    assert to_levels(0.5) == to_levels([0.5]) == to_levels(np.float64(0.5)) == (0.5,)
    assert to_levels(np.array([0.1, 0.9])) == (0.1, 0.9)


@pytest.mark.parametrize(
    ("loss", "power", "y", "message"),
    [
        (
            "poisson",
            1.5,
            [1.0, 0.0, -2.0],
            "y must be >= 0 .*'poisson'; got -2 in row 2",
        ),
        ("gamma", 1.5, [1.0, 0.0], r"> 0 .*'gamma'; got 0 in row 1.*loss='tweedie'"),
        ("tweedie", 1.5, [-1.0, 3.0], r">= 0 .*power=1\.5; got -1 in row 0"),
        ("tweedie", 2.0, [0.0, 3.0], "> 0"),
        ("tweedie", 3.0, [0.0, 3.0], "> 0"),
        ("poisson", 1.5, [[1.0, 2.0], [1.0, -1.0]], "got -1 in row 1"),
    ],
)
def test_numbers_that_a_loss_has_not(loss, power, y, message):
    with pytest.raises(ValueError, match=message):
        check_range(np.array(y), loss, power)


@pytest.mark.parametrize(
    ("loss", "power", "y"),
    [
        ("squared_error", 1.5, [-1.0, 0.0]),
        ("poisson", 3.0, [0.0, 1.5]),
        ("tweedie", 1.0, [0.0, 1.0]),
        ("tweedie", 2.5, [0.1]),
        ("gamma", 1.0, [1e-300]),
    ],
)
def test_numbers_that_it_has(loss, power, y):
    check_range(np.array(y), loss, power)
