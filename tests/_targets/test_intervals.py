"""Quantiles with weights, and what of held-out rows makes an interval wide enough."""

import math

import numpy as np
import pytest
from helpers.draws import rng
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_dcn._targets.intervals import conformal_margin, weighted_quantiles


@pytest.mark.parametrize("level", [0.05, 0.25, 0.5, 0.75, 0.9])
def test_weights_equal_repeated_rows(level):
    """As numpy's inverted distribution of the repeated rows."""
    y, weight = rng(1).normal(size=50), rng(2).integers(1, 5, 50)
    found = weighted_quantiles(y, weight.astype(float), [level])
    rows = np.repeat(y, weight)
    assert found[0] == np.quantile(rows, level, method="inverted_cdf")


def test_quantiles_of_equal_weights_by_hand():
    y = np.array([30.0, 10.0, 40.0, 20.0])
    found = weighted_quantiles(y, np.full(4, 0.1), [0.25, 0.26, 0.5, 0.75, 0.999])
    assert_array_equal(found, [10, 20, 20, 30, 40])


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9, 0.95])
@pytest.mark.parametrize("n", [19, 20, 99, 250])
def test_margin_is_the_order_statistic_of_the_paper(n, coverage):
    """The ceil((n + 1) coverage)-th of n scores."""
    scores = rng(n).normal(size=n)
    expected = np.sort(scores)[math.ceil(round((n + 1) * coverage, 9)) - 1]
    assert conformal_margin(scores, np.full(n, 3.0), coverage) == expected


def test_coverage_of_new_scores():
    """Of n = 30 exchangeable scores a new one is inside by chance k / (n + 1)."""
    draws, n, coverage = 20_000, 30, 0.8
    scores = rng(3).exponential(size=(draws, n + 1))
    margins = [conformal_margin(row[:n], np.ones(n), coverage) for row in scores[:4000]]
    inside = np.mean(scores[:4000, n] <= margins)
    assert inside == pytest.approx(math.ceil(31 * 0.8) / 31, abs=0.02)


def test_weights_by_hand():
    """Mass 1 + 1 + 2 of mean 4 / 3, and a new row of it: 0.7 of 16 / 3 is 3.73."""
    scores, weight = np.array([3.0, 1.0, 2.0]), np.array([2.0, 1.0, 1.0])
    assert conformal_margin(scores, weight, 0.7) == 3.0
    assert conformal_margin(scores, weight, 0.3) == 2.0


def test_scale_of_weights_has_no_part():
    scores, weight = rng(4).random(40), rng(5).random(40)
    one = conformal_margin(scores, weight, 0.8)
    assert_allclose(conformal_margin(scores, 1e-9 * weight, 0.8), one)


def test_too_few_rows():
    with pytest.raises(ValueError, match=r"0\.9 needs at least 9 rows.*the fit had 8"):
        conformal_margin(np.arange(8.0), np.ones(8), 0.9)
    assert conformal_margin(np.arange(9.0), np.ones(9), 0.9) == 8.0
