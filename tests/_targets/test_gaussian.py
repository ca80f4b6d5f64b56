"""Mean and variance: where they start, units, intervals."""

import numpy as np
import pytest
import torch
from helpers.draws import rng
from numpy.testing import assert_allclose
from scipy.optimize import minimize

from sklearn_dcn._targets.gaussian import GaussianTarget

N = 80


@pytest.mark.parametrize("shape", [(), (2,)])
def test_it_starts_at_the_mean_and_variance(shape):
    """Which have the greatest likelihood of all."""
    y, weight = rng(1).normal(-7, 1e4, (N, *shape)), rng(2).random(N)
    target = GaussianTarget(y, weight)
    encoded = target.encode(y)
    start = target.initial_logits(encoded, weight)
    rows = y.reshape(N, -1)
    mean = np.average(rows, axis=0, weights=weight)
    variance = np.average((rows - mean) ** 2, axis=0, weights=weight)
    assert target.d_out == 2 * target.n_outputs == 2 * rows.shape[1]
    assert_allclose(target.predictions(start[None]).ravel(), mean, rtol=1e-10)
    assert_allclose(target.std(start[None]).ravel(), np.sqrt(variance), rtol=1e-6)
    assert target.std(start[None]).shape == (1, *shape)

    def loss(logits):
        batch = {"y": torch.from_numpy(encoded), "weight": torch.from_numpy(weight)}
        return float(target.criterion(torch.from_numpy(np.tile(logits, (N, 1))), batch))

    best = minimize(loss, start + 0.3)
    assert loss(start) == pytest.approx(best.fun, rel=1e-6)


def test_interval_is_a_multiple_of_each_rows_spread():
    y = rng(3).normal(3, 2, N)
    target = GaussianTarget(y, np.ones(N))
    logits = rng(4).normal(size=(N, 2))
    residuals = target.residuals(logits, target.encode(y))
    mean, std = target.predictions(logits), target.std(logits)
    scores = np.abs(y - mean) / std
    assert_allclose(residuals[:, 0], scores, rtol=1e-10)
    margin = np.sort(scores)[int(np.ceil(81 * 0.9)) - 1]
    found = target.interval(logits, residuals, np.ones(N), 0.9)
    expected = np.stack([mean - margin * std, mean + margin * std], axis=1)
    assert_allclose(found, expected, rtol=1e-10)


def test_constant_and_offset():
    """A constant has next to no spread; an offset moves the mean alone."""
    y = np.full(20, 5.0)
    target = GaussianTarget(y, np.ones(20))
    logits = target.initial_logits(target.encode(y), np.ones(20))[None]
    assert target.predictions(logits) == 5.0
    assert target.std(logits) < 0.01
    assert target.constant_outputs(target.encode(y)).tolist() == [True, True]
    both = rng(5).normal(size=(N, 2))
    target = GaussianTarget(both, np.ones(N), has_offset=True)
    logits = rng(6).normal(size=(N, 2))
    moved = target.shifted(logits, target.shift(both[:, 1:]))
    assert_allclose(
        target.predictions(moved), target.predictions(logits) + both[:, 1], rtol=1e-9
    )
    assert_allclose(target.std(moved), target.std(logits))
