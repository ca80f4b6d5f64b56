"""Quantiles: where they start, units, which is predicted, conformal intervals."""

import numpy as np
import pytest
import torch
from helpers.draws import rng
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_dcn._targets.quantiles import QuantileTarget

LEVELS = (0.1, 0.3, 0.5, 0.8, 0.9)
N = 200


def draw():
    return 50 + 1e3 * rng(1).gamma(1.5, 2.0, N), rng(2).integers(1, 4, N).astype(float)


@pytest.mark.parametrize("levels", [LEVELS, (0.5,), (0.9,), (0.2, 0.3), (0.5, 0.99)])
def test_they_start_at_the_quantiles_of_the_rows(levels):
    y, weight = draw()
    target = QuantileTarget(y, weight, levels)
    logits = target.initial_logits(target.encode(y), weight)
    rows = np.repeat(y, weight.astype(int))
    expected = np.quantile(rows, levels, method="inverted_cdf")
    found = target.of_quantiles(logits[None])
    assert_allclose(found[0], expected, rtol=1e-10)
    best = float(target.criterion(*_batch(target, y, weight, logits)))
    for k in range(len(levels)):  # and no other constants are better
        for step in (-0.05, 0.05):
            other = logits + step * (np.arange(len(levels)) == k)
            assert float(target.criterion(*_batch(target, y, weight, other))) > best


def _batch(target, y, weight, logits):
    encoded = torch.from_numpy(target.encode(y))
    rows = torch.from_numpy(np.tile(logits, (len(y), 1)))
    return rows, {"y": encoded, "weight": torch.from_numpy(weight)}


@pytest.mark.parametrize(
    ("levels", "middle"),
    [((0.5,), 0), ((0.1, 0.5), 1), ((0.5, 0.9), 0), ((0.1, 0.2, 0.9), 1), ((0.7,), 0)],
)
def test_the_median_is_predicted_or_the_middle_one(levels, middle):
    y, weight = draw()
    target = QuantileTarget(y, weight, levels)
    logits = rng(3).normal(size=(N, len(levels)))
    assert target.middle == middle
    assert_allclose(
        target.predictions(logits), target.of_quantiles(logits)[:, middle], rtol=1e-12
    )


def test_outliers_do_not_rule_the_units():
    """The scale is that of the quartiles: a row that is far off leaves it as it is."""
    y, weight = draw()
    outlying = np.append(y, y.max() * 100)
    one = QuantileTarget(y, weight, LEVELS)
    other = QuantileTarget(outlying, np.append(weight, 1.0), LEVELS)
    assert_allclose(other.scale, one.scale, rtol=0.05)
    assert np.abs(other.columns(outlying)[""]).max() == 5.0  # spreads, in statistics


def test_constant():
    """Is predicted by all quantiles."""
    y = np.full(30, 1e6)
    target = QuantileTarget(y, np.ones(30), LEVELS)
    logits = target.initial_logits(target.encode(y), np.ones(30))
    assert_allclose(target.of_quantiles(logits[None]), 1e6, rtol=1e-10)
    assert target.constant_outputs(target.encode(y)).tolist() == [True] * 5


def test_interval_is_that_of_the_paper():
    """Conformalized quantile regression, Romano et al., algorithm 1, written anew."""
    y, _ = draw()
    target = QuantileTarget(y, np.ones(N), LEVELS)
    logits = rng(4).normal(0, 0.5, (N, 5))
    residuals = target.residuals(logits, target.encode(y))
    found = target.interval(logits, residuals, np.ones(N), 0.8)
    q = target.of_quantiles(logits)
    scores = np.maximum(q[:, 0] - y, y - q[:, 4])
    margin = np.sort(scores)[int(np.ceil((N + 1) * 0.8)) - 1]
    expected = np.stack([q[:, 0] - margin, q[:, 4] + margin], axis=1)
    assert_allclose(found, expected, rtol=1e-10)


def test_interval_of_one_quantile_and_of_none_that_is_empty():
    """Of one quantile it is as far on both sides; ends that would cross are one."""
    y, _ = draw()
    target = QuantileTarget(y, np.ones(N), (0.5,))
    logits = rng(5).normal(size=(N, 1))
    found = target.interval(
        logits, target.residuals(logits, target.encode(y)), np.ones(N), 0.9
    )
    assert_allclose(found.mean(axis=1), target.predictions(logits), rtol=1e-10)
    wide = QuantileTarget(y, np.ones(N), (0.1, 0.5, 0.9))
    logits = np.tile([[1.0, 0.0, 1.0]], (N, 1))
    inside = np.full((N, 3), [[100.0, 0.0, -100.0]])  # of every row, by far
    ends = wide.interval(logits, inside, np.ones(N), 0.8)
    assert_array_equal(ends[:, 0], ends[:, 1])


def test_offset_moves_all_quantiles_alike():
    y, weight = draw()
    both = np.column_stack([y, rng(6).normal(0, 100, N)])
    target = QuantileTarget(both, weight, LEVELS, has_offset=True)
    logits = rng(7).normal(size=(N, 5))
    moved = target.shifted(logits, target.shift(both[:, 1:]))
    assert_allclose(
        target.of_quantiles(moved), target.of_quantiles(logits) + both[:, 1:], rtol=1e-9
    )
